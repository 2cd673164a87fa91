import { setTimeout as delay } from 'node:timers/promises';

const kRecordsOfEach = 6;
const kAnswerMsMax = 5_000;
const kResendMs = 20;

/**
 * A person who changes records on the platforms, one thing after another, and remembers what was acknowledged. Each client
 * has its own records. What it was not told to be safe it sends again, under the same id, until it is; only then it goes on
 * with that record. So what it remembers of a record has an order.
 */
export class Client {
  #name;
  #tenant;
  #random;
  #platforms;
  #address;
  #signal;
  #records = [];
  #count = 0;
  /** @type {import('./checker.js').Told[]} */
  told = [];
  resent = 0;

  /**
   * @param {object} options
   * @param {string} options.name       `w1`
   * @param {string} options.tenant
   * @param {import('./random.js').Random} options.random
   * @param {Record<string, string>} options.platforms  name → address
   * @param {() => string} options.address  where the service is right now
   * @param {AbortSignal} options.signal    begin nothing new
   */
  constructor({ name, tenant, random, platforms, address, signal }) {
    this.#name = name;
    this.#tenant = tenant;
    this.#random = random;
    this.#platforms = platforms;
    this.#address = address;
    this.#signal = signal;
  }

  async run() {
    while (!this.#signal.aborted) {
      const makesNew = this.#records.length < kRecordsOfEach && (this.#records.length === 0 || this.#random.next() < 0.1);
      await (makesNew ? this.#create() : this.#change(this.#random.pick(this.#records)));
    }
  }

  async #create() {
    const record = `${this.#name}-r${this.#records.length + 1}`;
    const entity = this.#random.pick(['user', 'user', 'lead']);
    const values = { email: `${record}@example.com`, name: this.#value('Asha', record) };
    const id = await this.#act('bizoholic', 'create', entity, record, values);
    this.#records.push({ record, entity, ids: { bizoholic: id } });
  }

  /** bizoholic changes names, bizosaas phones, so the two never contradict one another. */
  async #change(known) {
    const { record, entity, ids } = known;
    ids.bizosaas ??= await this.#idOn('bizosaas', entity, record);
    if (ids.bizosaas !== undefined && this.#random.next() < 0.5) {
      await this.#act('bizosaas', 'update', entity, record, { phone: this.#value('phone', record) }, ids.bizosaas);
    } else {
      await this.#act('bizoholic', 'update', entity, record, { name: this.#value('Asha', record) }, ids.bizoholic);
    }
  }

  #value(word, record) {
    this.#count += 1;
    return `${word} ${record} n${this.#count}`;
  }

  /** Changes it on the platform, whose event may or may not reach the service; then sends that until it is acknowledged. */
  async #act(platform, verb, entity, record, values, id) {
    const eventId = `${this.#name}-e${this.#count}`;
    const targets = (entity === 'lead' ? ['bizoholic', 'bizosaas'] : ['bizoholic', 'coreldove', 'bizosaas'])
      .filter((other) => other !== platform);
    const deed = { tenant_id: this.#tenant, entity, verb, id, data: values, target_platforms: targets, event: { id: eventId } };
    const answer = await fetch(`${this.#platforms[platform]}/_control/act`, {
      method: 'POST', body: JSON.stringify({ ...deed, service: this.#address() }),
    });
    const { id: made, event, service } = await answer.json();
    if (event === undefined) throw new Error(`${platform} refused ${verb} of ${record}: ${answer.status}`);
    if (!(await this.#isSafe(service))) await this.#resend(event);
    this.told.push({ id: eventId, platform, entity, record, values });
    return made;
  }

  async #resend(event) {
    for (;;) {
      await delay(kResendMs);
      this.resent += 1;
      const answer = await fetch(`${this.#address()}/sync/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
        signal: AbortSignal.timeout(kAnswerMsMax),
      }).then(async (response) => ({ status: response.status, body: await response.json() }), () => ({ status: 0 }));
      if (await this.#isSafe(answer)) return;
    }
  }

  /** Created, or known already from an attempt whose answer was lost. Anything but "later" is a defect. */
  async #isSafe({ status, body }) {
    if (status === 201 || status === 200) return true;
    if (status === 0 || status === 503 || status === 429) return false;
    throw new Error(`the service answered ${status}: ${JSON.stringify(body)}`);
  }

  async #idOn(platform, entity, record) {
    const query = new URLSearchParams({ tenant_id: this.#tenant, entity });
    const { records } = await (await fetch(`${this.#platforms[platform]}/_control/state?${query}`)).json();
    return records.find(({ canonical }) => canonical.email === `${record}@example.com`)?.id;
  }
}
