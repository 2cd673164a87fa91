import { addressView } from './address.js';
import { category, channel, productType, warehouse } from './furniture.js';
import { globalId } from './global_id.js';
import { moneyView, taxedMoneyView } from './money.js';
import { orderTotal } from './mutations/orders.js';

/**
 * Rows as GraphQL objects. Plain values are ready; relations are functions, called only when a query asks for them.
 */

/** @typedef {import('./shop.js').Shop} Shop */

const kCurrency = channel.currencyCode;

/** @param {Shop} _shop */
export function userView(_shop, row) {
  return row && {
    ...common(row),
    email: row.email,
    firstName: row.firstName,
    lastName: row.lastName,
    isActive: row.isActive,
    isStaff: false,
    note: row.note,
    dateJoined: row.created,
    defaultBillingAddress: () => addressView(row.defaultBillingAddress, `${row.id}-billing`),
    defaultShippingAddress: () => addressView(row.defaultShippingAddress, `${row.id}-shipping`),
  };
}

/** @param {Shop} shop */
export function productView(shop, row) {
  return row && {
    ...common(row),
    name: row.name,
    slug: row.slug,
    description: row.description,
    productType,
    category: row.category && category,
    defaultVariant: () => variantView(shop, shop.defaultVariantOf(row)),
    variants: () => shop.variantsOf(row).map((variant) => variantView(shop, variant)),
    channelListings: () => (row.listing
      ? [{ id: globalId('ProductChannelListing', row.id), channel, ...row.listing }]
      : []),
  };
}

/** @param {Shop} shop */
export function variantView(shop, row) {
  return row && {
    ...common(row),
    name: row.name,
    sku: row.sku,
    trackInventory: row.trackInventory,
    product: () => productView(shop, shop.products.get(null, row.product)),
    channelListings: () => (row.price === null
      ? []
      : [{ id: globalId('ProductVariantChannelListing', row.id), channel, price: moneyView(row.price, kCurrency) }]),
    stocks: () => (row.quantity === null ? [] : [stockView(shop, row)]),
    quantityAvailable: Math.max(0, (row.quantity ?? 0) - row.allocated),
  };
}

/** @param {Shop} shop */
export function orderView(shop, row) {
  const total = row && taxedMoneyView(orderTotal(row), kCurrency);
  return row && {
    ...common(row),
    number: row.number,
    status: row.status,
    channel,
    user: () => userView(shop, shop.users.get(null, row.user)),
    userEmail: row.userEmail,
    customerNote: row.customerNote,
    billingAddress: () => addressView(row.billingAddress, `${row.id}-billing`),
    shippingAddress: () => addressView(row.shippingAddress, `${row.id}-shipping`),
    lines: () => row.lines.map((line) => lineView(shop, line)),
    subtotal: total,
    total,
  };
}

function stockView(shop, variant) {
  return {
    id: globalId('Stock', variant.id),
    warehouse,
    productVariant: () => variantView(shop, variant),
    quantity: variant.quantity,
    quantityAllocated: variant.allocated,
  };
}

function lineView(shop, line) {
  return {
    ...line,
    unitPrice: taxedMoneyView(line.unitPrice, kCurrency),
    totalPrice: taxedMoneyView(line.unitPrice * line.quantity, kCurrency),
    variant: () => variantView(shop, shop.variants.get(null, line.variant)),
  };
}

function common(row) {
  return {
    id: row.id,
    externalReference: row.externalReference,
    created: row.created,
    updatedAt: row.updatedAt,
    metadata: items(row.metadata),
    metafield: ({ key }) => row.metadata[key] ?? null,
    privateMetadata: items(row.privateMetadata),
    privateMetafield: ({ key }) => row.privateMetadata[key] ?? null,
  };
}

function items(metadata) {
  return Object.entries(metadata).map(([key, value]) => ({ key, value }));
}
