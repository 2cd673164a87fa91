import { once, setMaxListeners } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * What may happen to the bytes of a connection, piece by piece. A piece is what the kernel hands over at once.
 *
 * @typedef {object} Weather
 * @property {number} [cut_share]         0 to 1: how many pieces arrive by half, and nothing of their connection after that
 * @property {number} [corrupt_share]     0 to 1: how many pieces are changed on their way
 * @property {'up' | 'down'} [corrupts]   only what clients say (up), or only what they are answered; absent: both
 * @property {'byte' | 'head'} [damage]   one byte somewhere (default); or the whole beginning, for protocols without a checksum,
 *   where one byte may make one true sentence of another and nobody could ever know
 * @property {[number, number]} [delay_ms] each piece waits between so long and so long
 * @property {number} [bytes_per_second]  of each connection and direction
 * @property {boolean} [is_closed]        connections end as soon as they are made; those that are open do not notice
 */

const kBytesOfAHead = 12;

/**
 * A TCP proxy before one address that delays, throttles, cuts and corrupts, by a seed. It buffers no more than one piece of each
 * connection: who writes faster than the weather allows has to wait.
 */
export class Proxy {
  #server;
  #target;
  #random;
  #weather = {};
  #connections = new Set(); // each is the pair of its sockets
  #ended = new AbortController();
  /** What it has done so far. */
  counts = { connections: 0, closed: 0, cut: 0, corrupted: 0, delayed: 0, throttled: 0 };

  /**
   * @param {{host?: string, port: number}} target
   * @param {import('../e2e/kill/random.js').Random} random
   */
  static async start({ host = '127.0.0.1', port }, random) {
    const proxy = new Proxy();
    proxy.#target = { host, port };
    proxy.#random = random;
    setMaxListeners(0, proxy.#ended.signal); // a few for each connection
    // Half-open, since a peer that has said all may still want an answer.
    proxy.#server = createServer({ allowHalfOpen: true }, (client) => proxy.#serve(client)).listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port() {
    return this.#server.address().port;
  }

  /** The same address as seen through the proxy. */
  before(url) {
    const address = new URL(url);
    address.host = `127.0.0.1:${this.port}`;
    return address.href;
  }

  /** @param {Weather} weather  from the next piece on, of open connections too */
  change(weather) {
    this.#weather = weather;
  }

  /** Cuts all connections now, and returns how many these were. */
  cutAll() {
    const open = [...this.#connections];
    for (const socket of open.flat()) socket.destroy();
    this.counts.cut += open.length;
    return open.length;
  }

  async stop() {
    this.#ended.abort();
    for (const socket of [...this.#connections].flat()) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(client) {
    this.counts.connections += 1;
    if (this.#weather.is_closed) {
      this.counts.closed += 1;
      client.on('error', () => {}); // it may have gone by itself
      client.destroy();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true });
    const both = [client, server];
    this.#connections.add(both);
    for (const socket of both) {
      socket.setNoDelay(true);
      socket.on('error', () => {}); // its end is told to the other side
      socket.once('close', () => {
        this.#connections.delete(both);
        for (const other of both) other.destroy();
      });
    }
    void this.#pump(client, server, 'up', both);
    void this.#pump(server, client, 'down', both);
  }

  async #pump(from, to, direction, both) {
    try {
      for await (const piece of from) {
        const passed = await this.#pass(piece, direction);
        const isWritten = to.write(passed);
        if (passed.length < piece.length) {
          this.counts.cut += 1;
          to.end(() => both.forEach((socket) => socket.destroy())); // what was passed does arrive
          return;
        }
        if (!isWritten) await once(to, 'drain', { signal: this.#ended.signal });
      }
      to.end();
    } catch {
      both.forEach((socket) => socket.destroy()); // one of the two has gone, or the proxy has ended
    }
  }

  /** What becomes of a piece, when its time has come; less than it was if its connection ends with it. */
  async #pass(piece, direction) {
    const {
      cut_share: cuts = 0, corrupt_share: corrupts = 0, corrupts: side = direction, damage = 'byte', delay_ms: wait, bytes_per_second: rate,
    } = this.#weather;
    // Decided before any waiting, so that the seed alone says what follows on what.
    const isCut = this.#random.next() < cuts;
    const isCorrupted = this.#random.next() < corrupts && side === direction;
    let waitMs = 0;
    if (wait) {
      this.counts.delayed += 1;
      waitMs += this.#random.between(...wait);
    }
    if (rate) {
      this.counts.throttled += 1;
      waitMs += piece.length / rate * 1000;
    }
    if (waitMs > 0) await delay(waitMs, undefined, { signal: this.#ended.signal });
    if (isCut) return piece.subarray(0, Math.floor(piece.length / 2));
    return isCorrupted ? this.#corrupted(piece, damage) : piece;
  }

  #corrupted(piece, damage) {
    this.counts.corrupted += 1;
    const changed = Buffer.from(piece);
    if (damage === 'head') {
      for (let i = 0; i < Math.min(kBytesOfAHead, changed.length); i += 1) changed[i] = 128 + this.#random.between(0, 127);
    } else {
      changed[this.#random.between(0, changed.length - 1)] ^= this.#random.between(1, 255);
    }
    return changed;
  }
}
