import { Refused } from './refused.js';

/** Saleor's global id: base64 of type and primary key, so the first customer is `VXNlcjox`, "User:1". */
export function globalId(type, key) {
  return Buffer.from(`${type}:${key}`).toString('base64');
}

/**
 * Errors: `Refused` with Saleor's words when the id is none, or is of another type.
 *
 * @param {string} id
 * @param {string} type
 * @param {string} [field]  the input field to blame
 */
export function checkedId(id, type, field = 'id') {
  const [, found] = Buffer.from(id, 'base64').toString('utf8').match(/^(\w+):.+$/) ?? [];
  if (found === undefined) throw new Refused(field, `Invalid ID: ${id}. Expected: ${type}.`, 'GRAPHQL_ERROR');
  if (found !== type) {
    throw new Refused(field, `Invalid ID: ${id}. Expected: ${type}, received: ${found}.`, 'GRAPHQL_ERROR');
  }
  return id;
}
