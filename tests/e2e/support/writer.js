import { setTimeout as delay } from 'node:timers/promises';

import { event, newLead } from './events.js';

const kAnswerMsMax = 4_000;
const kResendMs = 20;
const kLead = 'lead-1';

/**
 * A client of one tenant that counts a lead's score upwards, one event after the other, through whichever instance answers:
 * what a client behind a load balancer does. An event that was not acknowledged is sent again under its id, so what it
 * remembers has an order.
 */
export class Writer {
  #addresses;
  #turn = 0;
  /** The last score that was acknowledged. */
  count = 0;
  /** Answers that no client should get. */
  refused = [];
  /** Connections that did not come about: a load balancer goes on to the next instance. */
  closed = 0;
  /** Connections that were cut, and answers that did not come. */
  broken = [];
  ids = [];
  /** Each acknowledged event, and when it was first sent and when answered, by `performance.now()`. */
  told = [];
  #isAbandoned = false;

  /**
   * @param {string} tenant
   * @param {() => string[]} addresses  of the instances, at this moment
   * @param {AbortSignal} signal        begin nothing new
   */
  constructor(tenant, addresses, signal) {
    this.tenant = tenant;
    this.#addresses = addresses;
    this.signal = signal;
  }

  async run() {
    while (!this.signal.aborted) {
      const next = this.count + 1;
      const change = this.changeOf(next);
      const begun = performance.now();
      await this.#acknowledged(change);
      this.told.push({ change, number: next, begun_ms: begun, answered_ms: performance.now() });
      this.ids.push(change.id);
      this.count = next;
    }
  }

  /** Gives up what is not acknowledged yet: nobody will answer any more. */
  abandon() {
    this.#isAbandoned = true;
  }

  /** The event that comes as number `next`, from 1 on. Its id says which one it is. */
  changeOf(next) {
    const id = `${this.tenant}-${next}`;
    const data = { lead_id: kLead, contact_email: `${this.tenant}@example.com`, lead_score: next };
    return next === 1
      ? newLead(this.tenant, data, { id })
      : event('bizoholic', 'lead_updated', this.tenant, data, { id, target_platforms: ['bizosaas'] });
  }

  async #acknowledged(change) {
    for (let attempt = 1; ; attempt += 1) {
      if (this.#isAbandoned) throw new Error(`${change.id} was never acknowledged: ${this.refused.at(-1) ?? this.broken.at(-1)}`);
      const addresses = this.#addresses();
      this.#turn += 1;
      const url = addresses[this.#turn % addresses.length];
      let answer;
      let text;
      try {
        answer = await fetch(`${url}/sync/events`, {
          method: 'POST', body: JSON.stringify(change), headers: { 'content-type': 'application/json' },
          signal: AbortSignal.timeout(kAnswerMsMax),
        });
        text = await answer.text();
        if (answer.status === 201 || answer.status === 200) return;
        this.refused.push(`${answer.status} ${text}`);
      } catch (error) {
        if (error.cause?.syscall === 'connect') this.closed += 1; // nothing was sent
        else this.broken.push(`${error.name} ${error.cause?.code ?? ''} ${error.cause?.message ?? error.message}`);
      }
      // All of them have said no, so asking at once would only take the time that they need to come back.
      if (attempt % addresses.length === 0) await delay(kResendMs);
    }
  }
}

/**
 * What is wrong on a platform after all was delivered, in words: lost, applied twice, or out of order.
 *
 * @param {Writer} writer
 * @param {object[]} records  that the platform holds of its tenant
 * @param {object[]} history  that the platform was told of its tenant
 */
export function faultsOf(writer, records, history) {
  const faults = [];
  if (records.length !== 1) faults.push(`${writer.tenant}: ${records.length} records`);
  const held = records[0]?.canonical.score;
  if (held !== writer.count) faults.push(`${writer.tenant}: lost, the platform holds ${held} of ${writer.count}`);
  const applied = history.filter(({ outcome }) => outcome === 'applied').sort((a, b) => a.applied_order - b.applied_order);
  const keys = applied.map(({ idempotency_key: key }) => key);
  for (const key of new Set(keys.filter((key, i) => keys.indexOf(key) !== i))) faults.push(`${writer.tenant}: ${key} was applied twice`);
  const scores = applied.map(({ data }) => scoreOf(data)).filter((score) => score !== undefined);
  scores.forEach((score, i) => {
    if (i > 0 && score < scores[i - 1]) faults.push(`${writer.tenant}: ${score} came after ${scores[i - 1]}`);
  });
  return faults;
}

function scoreOf(data) {
  return data?.data?.score ?? data?.score;
}
