import { once } from 'node:events';
import { createServer } from 'node:http';
import { after } from 'node:test';

import { eventually } from '../../../simulators/story/eventually.js';

/** A mailer without mail: a server that takes what the service has to ask people, and remembers it. */
export async function startNotifier() {
  const notifier = new Notifier();
  await notifier.open();
  after(() => notifier.close());
  return notifier;
}

class Notifier {
  #server;
  #failing;
  #port = 0;
  /** All that was asked of it, oldest first: `{path, key, authorization, status, body}`. */
  calls = [];

  async open() {
    this.#server = createServer(async (request, response) => {
      let text = '';
      for await (const part of request) text += part;
      const body = JSON.parse(text);
      const failure = this.#failing?.(body);
      const { 'idempotency-key': key, authorization } = request.headers;
      this.calls.push({ path: request.url, key, authorization, status: failure?.hang ? null : failure?.status ?? 202, body });
      if (failure?.hang) return;
      response.writeHead(failure?.status ?? 202, { 'content-type': 'application/json' });
      response.end(failure?.text ?? JSON.stringify(failure?.body ?? { queued: true }));
    }).listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = this.#server.address().port;
    this.url = `http://127.0.0.1:${this.#port}`;
  }

  async close() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** @param {(body: any) => {status?: number, body?: any, text?: string, hang?: boolean} | undefined} [how]  none: well again */
  fail(how) {
    this.#failing = how;
  }

  /** What it has taken for a tenant. */
  taken(tenant) {
    return this.calls.filter(({ status, body }) => status === 202 && body.tenant_id === tenant).map(({ body }) => body.data);
  }

  /** The newest of `count` messages about a tenant, as soon as they are there. */
  async message(tenant, count = 1) {
    await eventually(() => this.taken(tenant).length >= count, {
      explain: () => `${count} messages about ${tenant} in ${JSON.stringify(this.calls)}`,
    });
    return this.taken(tenant)[count - 1];
  }
}
