import { once } from 'node:events';
import { createServer } from 'node:http';
import { after } from 'node:test';

/** A source of rates of exchange, as a real server: it answers what the test says, and can be away for a while. */
export class RateSource {
  #server;
  #port = 0;

  constructor() {
    /** What it answers; a status without a body for a failure. */
    this.answer = { status: 200, body: { base: 'USD', rates: { INR: 90, USD: 1 } } };
    /** The requests that it got: method, address and headers. */
    this.requests = [];
    after(() => this.stop());
  }

  /** @param {object} rates  currency → how many of it are one dollar */
  tells(rates) {
    this.answer = { status: 200, body: { base: 'USD', rates } };
  }

  async start() {
    this.#server = createServer((request, response) => {
      this.requests.push({ method: request.method, url: request.url, headers: request.headers });
      if (this.answer === 'never') return;
      const { status, body = '' } = this.answer;
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    }).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
    return this;
  }

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  async stop() {
    if (!this.#server?.listening) return;
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
