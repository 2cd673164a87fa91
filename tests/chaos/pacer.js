import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

const kConnections = 64;

/** Now, the same for all processes of the machine, in milliseconds with fractions. */
export function nowMs() {
  return performance.timeOrigin + performance.now();
}

/**
 * Sends the events of some clients in turns at a steady rate, whether or not the earlier ones have been answered: what is slow
 * must not slow down who measures it. Each event makes a record, so the order in which they arrive does not matter.
 */
export class Pacer {
  #url;
  #clients;
  #agent = new Agent({ keepAlive: true, maxSockets: kConnections });
  #sent = 0;
  /** When each event was sent, by id. */
  sentAt = new Map();
  /** Answers other than 201. */
  refused = [];

  /** @param {string} url @param {import('./clients.js').Client[]} clients */
  constructor(url, clients) {
    this.#url = `${url}/sync/events`;
    this.#clients = clients;
  }

  /** Sends `perSecond` events a second for so long, and waits for their answers; returns their ids. */
  async run(perSecond, seconds) {
    const count = Math.round(perSecond * seconds);
    const began = performance.now();
    const answers = [];
    const ids = [];
    while (ids.length < count) {
      const due = Math.min(count, Math.floor((performance.now() - began) / 1000 * perSecond) + 1);
      for (; ids.length < due; this.#sent += 1) {
        const client = this.#clients[this.#sent % this.#clients.length];
        const number = 3 * Math.floor(this.#sent / this.#clients.length) + 1; // see Client.changeOf: this one makes a record
        const change = client.changeOf(number);
        ids.push(change.id);
        answers.push(this.#send(client, change, number));
      }
      await delay(1);
    }
    await Promise.all(answers);
    return ids;
  }

  stop() {
    this.#agent.destroy();
  }

  async #send(client, change, number) {
    const body = JSON.stringify(change);
    const begun = performance.now();
    this.sentAt.set(change.id, nowMs());
    const status = await this.#post(body);
    if (status === 201) client.told.push({ change, number, begun_ms: begun, answered_ms: performance.now() });
    else this.refused.push(`${status} ${change.id}`);
  }

  #post(body) {
    return new Promise((resolve, reject) => {
      const sending = request(this.#url, {
        method: 'POST', agent: this.#agent, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
      }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode)).once('error', reject);
      });
      sending.once('error', reject).end(body);
    });
  }
}
