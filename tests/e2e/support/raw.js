import { once } from 'node:events';
import { connect } from 'node:net';

/** A bare TCP connection, for what no well-behaved client would send. */
export class RawConnection {
  #socket;
  received = '';

  static async open(port) {
    const connection = new RawConnection();
    connection.#socket = connect(port, '127.0.0.1');
    connection.#socket.on('data', (data) => { connection.received += data.toString('latin1'); });
    connection.#socket.on('error', () => {}); // a reset is an answer too
    connection.closed = once(connection.#socket, 'close').then(() => connection.received);
    await once(connection.#socket, 'connect');
    return connection;
  }

  write(bytes) {
    this.#socket.write(bytes);
  }

  end() {
    this.#socket.destroy();
  }

  get isOpen() {
    return !this.#socket.destroyed;
  }
}

/** A request head for a body of so many bytes. */
export function head(path, bytes, headers = '') {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${bytes}\r\n${headers}\r\n`;
}
