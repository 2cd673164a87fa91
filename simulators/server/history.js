/**
 * One thing that a request asked for, known before anything is applied. A REST request asks for exactly one; a
 * GraphQL request with aliases asks for several.
 *
 * @typedef {object} Call
 * @property {string | null} tenant
 * @property {string | null} entity  `user`, `order`, …
 * @property {string | null} verb    `create`, `update`, `delete`, …
 * @property {unknown} data          what the client sent for it
 * @property {string} [operation]    GraphQL only: the mutation field, `productVariantCreate`
 * @property {string} [key]          GraphQL only: the name of its answer, which is its alias if it has one
 */

/**
 * What became of a call. `pending` while it is under way; `read` for a query; `refused` also covers what never
 * reached the platform's logic.
 *
 * @typedef {'pending' | 'applied' | 'replayed' | 'refused' | 'read'} Outcome
 */

/**
 * The memory of every call in order of arrival: what checkers of order, duplicates and loss read. A ring: when it is
 * full the oldest entries go, and `dropped` says how many went.
 */
export class History {
  #entries = [];
  #first = 0; // index of the oldest entry in the ring
  #size;
  #sequence = 0;
  #requests = 0;
  #applied = 0;

  /** @param {number} size */
  constructor(size) {
    this.#size = size;
  }

  /**
   * Notes the arrival of one request with its calls, and returns their entries for `settle`.
   *
   * @param {Call[]} calls
   * @param {string | null} idempotencyKey
   */
  arrive(calls, idempotencyKey) {
    const request = ++this.#requests;
    const arrivedMs = performance.timeOrigin + performance.now();
    const arrivedAt = new Date(arrivedMs).toISOString();
    return calls.map((call) => this.#push({
      sequence: ++this.#sequence,
      request,
      arrived_at: arrivedAt,
      arrived_ms: arrivedMs,
      idempotency_key: idempotencyKey,
      tenant_id: call.tenant,
      entity: call.entity,
      verb: call.verb,
      operation: call.operation,
      data: call.data,
      status: null,
      outcome: 'pending',
    }));
  }

  /**
   * Notes what became of a call. `applied_order` rises in the order in which changes were made, which differs from
   * the order of arrival when a rule delays some of them.
   *
   * @param {object} entry
   * @param {Outcome} outcome
   * @param {object} [notes]  further facts, such as `same_content` of a replay
   */
  settle(entry, outcome, notes) {
    entry.outcome = outcome;
    if (outcome === 'applied') entry.applied_order = ++this.#applied;
    Object.assign(entry, notes);
  }

  /**
   * @param {{since?: number, limit?: number, tenant_id?: string, entity?: string}} filter
   *   `since`: only later sequences
   */
  list({ since = 0, limit = Infinity, tenant_id: tenant, entity } = {}) {
    const found = [];
    for (const entry of this.#inOrder()) {
      if (found.length >= limit) break;
      if (entry.sequence <= since) continue;
      if (tenant !== undefined && entry.tenant_id !== tenant) continue;
      if (entity !== undefined && entry.entity !== entity) continue;
      found.push(entry);
    }
    return { requests: this.#requests, dropped: this.#sequence - this.#entries.length, entries: found };
  }

  clear() {
    this.#entries = [];
    this.#first = this.#sequence = this.#requests = this.#applied = 0;
  }

  get requests() {
    return this.#requests;
  }

  #push(entry) {
    if (this.#entries.length < this.#size) {
      this.#entries.push(entry);
    } else {
      this.#entries[this.#first] = entry;
      this.#first = (this.#first + 1) % this.#size;
    }
    return entry;
  }

  *#inOrder() {
    for (let i = 0; i < this.#entries.length; i += 1) {
      yield this.#entries[(this.#first + i) % this.#entries.length];
    }
  }
}
