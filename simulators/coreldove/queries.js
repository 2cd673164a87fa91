import { GraphQLError } from 'graphql';

import { category, channel, productType, warehouse } from './furniture.js';
import { orderView, productView, userView, variantView } from './views.js';

const kPageMax = 100;

/**
 * The root fields of `Query`, each as a function of (shop, scope, arguments).
 *
 * @type {Record<string, (shop: import('./shop.js').Shop, scope: import('./table.js').Scope, args: any) => unknown>}
 */
export const queries = {
  user: (shop, scope, args) => userView(shop, one(shop.users, scope, args)),
  product: (shop, scope, args) => productView(shop, one(shop.products, scope, args)),
  productVariant: (shop, scope, args) => variantView(shop, one(shop.variants, scope, args)),
  order: (shop, scope, args) => orderView(shop, one(shop.orders, scope, args)),

  customers: (shop, scope, args) => page('customers', shop.users.list(scope), args, (row) => userView(shop, row)),
  products: (shop, scope, args) => page('products', shop.products.list(scope), args, (row) => productView(shop, row)),
  orders: (shop, scope, args) => page('orders', ordersOf(shop, scope, false), args, (row) => orderView(shop, row)),
  draftOrders: (shop, scope, args) => (
    page('draftOrders', ordersOf(shop, scope, true), args, (row) => orderView(shop, row))
  ),

  channel: (_shop, _scope, { id, slug }) => (id === channel.id || slug === channel.slug ? channel : null),
  channels: () => [channel],
  warehouses: (_shop, _scope, args) => page('warehouses', [warehouse], args),
  productTypes: (_shop, _scope, args) => page('productTypes', [productType], args),
  categories: (_shop, _scope, args) => page('categories', [category], args),
};

function ordersOf(shop, scope, drafts) {
  return shop.orders.list(scope).filter((order) => (order.status === 'DRAFT') === drafts);
}

/** The row named by exactly one of `id`, `email`, `slug`, `sku`, `externalReference`. */
function one(table, scope, args) {
  const { id, email, slug, sku, externalReference } = args;
  const named = Object.entries({ id, email, slug, sku, externalReference }).filter(([, value]) => value);
  if (named.length === 0) throw new GraphQLError('At least one of arguments is required.');
  if (named.length > 1) throw new GraphQLError(`Argument '${named[0][0]}' cannot be combined with '${named[1][0]}'`);
  const [[field, value]] = named;
  return (field === 'id' ? table.get(scope, value) : table.findBy(field, scope, value)) ?? null;
}

/** A page of a connection, in the manner of Relay. */
function page(name, rows, { first, after }, view = (row) => row) {
  if (!first) {
    throw new GraphQLError(`You must provide a \`first\` value to properly paginate the \`${name}\` connection.`);
  }
  if (first > kPageMax) {
    throw new GraphQLError(`Requesting ${first} records exceeds the \`first\` limit of ${kPageMax} records.`);
  }
  const start = after ? rows.findIndex((row) => cursorOf(row) === after) + 1 : 0;
  const shown = rows.slice(start, start + first);
  return {
    totalCount: rows.length,
    edges: shown.map((row) => ({ cursor: cursorOf(row), node: view(row) })),
    pageInfo: {
      hasNextPage: start + first < rows.length,
      hasPreviousPage: start > 0,
      startCursor: shown.length > 0 ? cursorOf(shown[0]) : null,
      endCursor: shown.length > 0 ? cursorOf(shown.at(-1)) : null,
    },
  };
}

function cursorOf(row) {
  return Buffer.from(`cursor:${row.id}`).toString('base64');
}
