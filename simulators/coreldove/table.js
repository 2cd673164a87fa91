import { globalId } from './global_id.js';
import { Refused } from './refused.js';
import { defined } from './values.js';

/**
 * A field that no two rows of a tenant share, with the words in which Saleor refuses the second.
 *
 * @typedef {{field: string, title: string, ignoresCase?: boolean}} UniqueField
 */

/**
 * Whose rows a request sees: one tenant's, or with `null` the whole shop's. Saleor knows no tenants, so a request
 * without the tenant header sees everything, as it would there.
 *
 * @typedef {string | null} Scope
 */

/**
 * The rows of one type, found by global id or by a unique field.
 */
export class Table {
  #type;
  #unique;
  #newKey;
  #rows = new Map();
  /** @type {Map<string, Map<string, Set<object>>>} per unique field: value → the rows of all tenants that have it */
  #index;

  /**
   * @param {string} type  Saleor's name of it, `User`
   * @param {UniqueField[]} unique
   * @param {(() => string)} [newKey]  makes primary keys; default: 1, 2, 3, …
   */
  constructor(type, unique, newKey = counter()) {
    this.#type = type;
    this.#unique = unique;
    this.#newKey = newKey;
    this.#index = new Map(unique.map(({ field }) => [field, new Map()]));
  }

  /**
   * Adds a row with a fresh id.
   *
   * Errors: `Refused` UNIQUE, and nothing is added.
   *
   * @param {Scope} scope
   * @param {object} values
   */
  insert(scope, values) {
    this.#refuseTaken(scope, values);
    const now = new Date().toISOString();
    const row = {
      metadata: {}, privateMetadata: {}, revision: 1, created: now, updatedAt: now,
      ...values, id: globalId(this.#type, this.#newKey()), tenant: scope,
    };
    this.#rows.set(row.id, row);
    this.#reindex(row, values, (rows) => rows.add(row));
    return row;
  }

  /**
   * Overwrites the given values of a row; `undefined` ones are left alone.
   *
   * Errors: `Refused` UNIQUE, and nothing is changed.
   */
  update(row, values) {
    const changes = defined(values);
    this.#refuseTaken(row.tenant, changes, row);
    this.#reindex(row, changes, (rows) => rows.delete(row), row);
    Object.assign(row, changes, { revision: row.revision + 1, updatedAt: new Date().toISOString() });
    this.#reindex(row, changes, (rows) => rows.add(row));
  }

  remove(row) {
    this.#reindex(row, row, (rows) => rows.delete(row));
    this.#rows.delete(row.id);
  }

  /** @returns {object | undefined} */
  get(scope, id) {
    const row = this.#rows.get(id);
    return row && isVisible(row, scope) ? row : undefined;
  }

  /** @returns {object | undefined} the row with this value of a unique field */
  findBy(field, scope, value) {
    const { ignoresCase } = this.#unique.find((unique) => unique.field === field);
    const rows = this.#index.get(field).get(folded(value, ignoresCase)) ?? [];
    return [...rows].find((row) => isVisible(row, scope));
  }

  /** @returns {object[]} oldest first */
  list(scope) {
    return [...this.#rows.values()].filter((row) => isVisible(row, scope));
  }

  #refuseTaken(scope, values, self) {
    for (const { field, title } of this.#unique) {
      if (values[field] === undefined || values[field] === null) continue;
      const other = this.findBy(field, scope, values[field]);
      if (other && other !== self) {
        throw new Refused(field, `${this.#type} with this ${title} already exists.`, 'UNIQUE');
      }
    }
  }

  /** Touches the index entries of `row` for those unique fields that `changes` names. */
  #reindex(row, changes, touch, values = changes) {
    for (const { field, ignoresCase } of this.#unique) {
      if (changes[field] === undefined || values[field] === undefined || values[field] === null) continue;
      const index = this.#index.get(field);
      const key = folded(values[field], ignoresCase);
      if (!index.has(key)) index.set(key, new Set());
      touch(index.get(key));
      if (index.get(key).size === 0) index.delete(key);
    }
  }
}

function isVisible(row, scope) {
  return scope === null || row.tenant === null || row.tenant === scope;
}

function folded(value, ignoresCase) {
  return ignoresCase ? value.toLowerCase() : value;
}

function counter() {
  let last = 0;
  return () => String(++last);
}
