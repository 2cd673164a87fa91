import { once } from 'node:events';

import WebSocket from 'ws';

import { eventually } from '../../../simulators/story/eventually.js';

/** A client of `WS /ws/sync` that remembers all that it was told. */
export class LiveClient {
  #socket;
  messages = [];

  /**
   * Connects, and waits until it is subscribed.
   *
   * @param {string} url     of the service
   * @param {string} [query] filters
   * @param {object} [options]
   * @param {string} [options.token]  as a browser gives it, in the subprotocols
   * @param {Record<string, string>} [options.headers]
   */
  static async open(url, query = '', { token, headers } = {}) {
    const client = new LiveClient();
    const protocols = token ? ['bearer', token] : [];
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/sync?${query}`, protocols, { headers, perMessageDeflate: false });
    client.#socket = socket;
    client.closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: reason.toString() }));
    client.closed.catch(() => {});
    socket.on('message', (text) => client.messages.push(JSON.parse(text)));
    await once(socket, 'open');
    socket.on('error', () => {}); // told by `closed`
    await client.told(({ type }) => type === 'subscribed');
    return client;
  }

  /** The status code with which the handshake is refused. */
  static async refusal(url, query = '', { token, headers } = {}) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/sync?${query}`, token ? ['bearer', token] : [], { headers });
    socket.on('error', () => {});
    const [, response] = await once(socket, 'unexpected-response');
    response.resume();
    return response.statusCode;
  }

  send(message) {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Reads no more from its connection; so its messages wait at the service. */
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  get protocol() {
    return this.#socket.protocol;
  }

  /** Waits for a message that fits, old ones included. */
  told(fits) {
    return eventually(() => this.messages.find(fits), { explain: () => `told: ${JSON.stringify(this.messages.slice(-5))}` });
  }

  of(type) {
    return this.messages.filter((message) => message.type === type);
  }

  close() {
    this.#socket.close();
    return this.closed;
  }
}
