import { randomUUID } from 'node:crypto';

import { checkedId } from './global_id.js';
import { Refused } from './refused.js';
import { Table } from './table.js';

const kExternalReference = { field: 'externalReference', title: 'External reference' };

/** Everything that the shop has. Lives until the next reset; used by one request at a time. */
export class Shop {
  users = new Table('User', [{ field: 'email', title: 'Email', ignoresCase: true }, kExternalReference]);
  products = new Table('Product', [{ field: 'slug', title: 'Slug' }, kExternalReference]);
  variants = new Table('ProductVariant', [{ field: 'sku', title: 'SKU' }, kExternalReference]);
  orders = new Table('Order', [kExternalReference], randomUUID); // Saleor numbers orders, but keys them by UUID
  #lastOrderNumber = 0;

  nextOrderNumber() {
    return String(++this.#lastOrderNumber);
  }

  variantsOf(product) {
    return this.variants.list(null).filter((variant) => variant.product === product.id);
  }

  /** The variant that stands for a product where only products are spoken of: the first one. */
  defaultVariantOf(product) {
    return this.variants.get(null, product.defaultVariant);
  }
}

/**
 * The row that a mutation addresses, by `id` or by `externalReference` (or by `sku`, where there is one).
 *
 * Errors: `Refused` when both or none are given, or when there is no such row.
 *
 * @param {Table} table
 * @param {string} type
 * @param {import('./table.js').Scope} scope
 * @param {{id?: string, externalReference?: string, sku?: string}} address
 */
export function addressed(table, type, scope, address) {
  const given = ['id', 'externalReference', 'sku'].filter((name) => address[name]);
  if (given.length === 0) {
    throw new Refused(null, "At least one of arguments is required: 'id', 'external_reference'.", 'GRAPHQL_ERROR');
  }
  if (given.length > 1) {
    throw new Refused(null, `Argument '${given[0]}' cannot be combined with '${given[1]}'`, 'GRAPHQL_ERROR');
  }
  const [field] = given;
  const value = address[field];
  const row = field === 'id' ? table.get(scope, checkedId(value, type)) : table.findBy(field, scope, value);
  if (!row) throw new Refused(field, `Couldn't resolve to a node: ${value}`, 'NOT_FOUND');
  return row;
}

/**
 * The piece of furniture with this id.
 *
 * @template {{id: string}} T
 * @param {T} piece  there is one of each kind
 * @param {string} type
 * @param {string | null | undefined} id
 * @param {string} field
 * @returns {T | undefined} `undefined` when no id was given
 */
export function furnitureById(piece, type, id, field) {
  if (id === undefined || id === null) return undefined;
  if (checkedId(id, type, field) !== piece.id) {
    throw new Refused(field, `Couldn't resolve to a node: ${id}`, 'NOT_FOUND');
  }
  return piece;
}

/**
 * Metadata after an input was laid over it: Saleor adds and overwrites keys, and never drops one.
 *
 * @param {Record<string, string>} metadata
 * @param {{key: string, value: string}[] | null | undefined} input
 */
export function withMetadata(metadata, input) {
  return { ...metadata, ...Object.fromEntries((input ?? []).map(({ key, value }) => [key, value])) };
}

/** The values of both kinds of metadata that an input leaves a row with. */
export function metadataValues(input, row = { metadata: {}, privateMetadata: {} }) {
  if (input.metadata?.some(({ key }) => key.trim() === '')) {
    throw new Refused('metadata', 'Metadata key cannot be empty.', 'REQUIRED');
  }
  return {
    metadata: withMetadata(row.metadata, input.metadata),
    privateMetadata: withMetadata(row.privateMetadata, input.privateMetadata),
  };
}
