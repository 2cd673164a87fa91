/**
 * A record as a platform keeps it.
 *
 * @typedef {object} StoredRecord
 * @property {string} tenant
 * @property {string} entity
 * @property {string} id                 the platform's own
 * @property {string} [reference]        the canonical id, where the service told it
 * @property {number} [goldenVersion]    the golden version that the service delivered last
 * @property {Record<string, unknown>} fields  in the platform's own names, without the id
 * @property {number} revision           rises with every change, whoever made it
 * @property {string} updatedAt
 */

/**
 * All records of one platform. Tenants are separate: every look-up names its tenant, and no index crosses them. Own
 * ids are unique over all tenants, so a record that shows up in the wrong place is seen at once.
 */
export class Records {
  #byId = new Map();
  #byReference = new Map();
  #byNaturalKey = new Map();
  #counters = new Map();
  #description;
  #recordsMax;

  /**
   * @param {import('./description.js').PlatformDescription} description
   * @param {number} recordsMax
   */
  constructor(description, recordsMax = 1_000_000) {
    this.#description = description;
    this.#recordsMax = recordsMax;
  }

  get full() {
    return this.#byId.size >= this.#recordsMax;
  }

  /**
   * Finds a record by the platform's own id, else by the canonical id.
   *
   * @returns {StoredRecord | undefined}
   */
  find(tenant, entity, id) {
    const key = keyOf(tenant, entity, id);
    return this.#byId.get(key) ?? this.#byReference.get(key);
  }

  /** @returns {StoredRecord | undefined} who has this natural key already */
  findByNaturalKey(tenant, entity, fields) {
    const value = this.#naturalKey(entity, fields);
    return value === undefined ? undefined : this.#byNaturalKey.get(keyOf(tenant, entity, value));
  }

  /** @returns {StoredRecord} */
  add(tenant, entity, fields, reference, goldenVersion) {
    const record = {
      tenant, entity, id: this.#nextId(entity), reference, goldenVersion, fields, revision: 1, updatedAt: now(),
    };
    this.#byId.set(keyOf(tenant, entity, record.id), record);
    this.#index(record);
    return record;
  }

  /** Overwrites the named fields and keeps the others. */
  change(record, fields, reference = record.reference, goldenVersion = record.goldenVersion) {
    this.#unindex(record);
    Object.assign(record.fields, fields);
    Object.assign(record, { reference, goldenVersion, revision: record.revision + 1, updatedAt: now() });
    this.#index(record);
  }

  remove(record) {
    this.#unindex(record);
    this.#byId.delete(keyOf(record.tenant, record.entity, record.id));
  }

  /** @returns {Iterable<StoredRecord>} oldest first */
  all() {
    return this.#byId.values();
  }

  #nextId(entity) {
    const number = (this.#counters.get(entity) ?? 1000) + 1;
    this.#counters.set(entity, number);
    return `${this.#description.idPrefix}_${entity}_${number}`;
  }

  #naturalKey(entity, fields) {
    const value = fields[this.#description.entities[entity].naturalKey];
    return typeof value === 'string' ? value.toLowerCase() : undefined;
  }

  #index(record) {
    for (const [map, key] of this.#indexEntries(record)) map.set(key, record);
  }

  #unindex(record) {
    for (const [map, key] of this.#indexEntries(record)) {
      if (map.get(key) === record) map.delete(key);
    }
  }

  *#indexEntries({ tenant, entity, reference, fields }) {
    if (reference !== undefined) yield [this.#byReference, keyOf(tenant, entity, reference)];
    const naturalKey = this.#naturalKey(entity, fields);
    if (naturalKey !== undefined) yield [this.#byNaturalKey, keyOf(tenant, entity, naturalKey)];
  }
}

function keyOf(...parts) {
  return JSON.stringify(parts); // unlike a joined string, never ambiguous
}

function now() {
  return new Date().toISOString();
}
