import { randomUUID } from 'node:crypto';

import { addressOf } from '../address.js';
import { checkedId, globalId } from '../global_id.js';
import { channel } from '../furniture.js';
import { minorUnits } from '../money.js';
import { Refused } from '../refused.js';
import { addressed, furnitureById, metadataValues } from '../shop.js';
import { defined } from '../values.js';

/** @typedef {import('../shop.js').Shop} Shop */
/** @typedef {import('../table.js').Scope} Scope */

/** @param {Shop} shop @param {Scope} scope */
export function draftOrderCreate(shop, scope, { input }) {
  const chosen = furnitureById(channel, 'Channel', input.channelId, 'channelId');
  const lines = orderLines(shop, scope, input.lines ?? [], chosen);
  if (!chosen) throw new Refused('channel', 'This field cannot be null.', 'REQUIRED');
  return shop.orders.insert(scope, {
    status: 'DRAFT', user: null, userEmail: '', customerNote: '', externalReference: null,
    ...orderValues(shop, scope, input),
    number: shop.nextOrderNumber(),
    lines,
  });
}

/** @param {Shop} shop @param {Scope} scope */
export function draftOrderUpdate(shop, scope, { input, ...address }) {
  const order = addressed(shop.orders, 'Order', scope, address);
  if (order.status !== 'DRAFT') {
    throw new Refused(
      'id', 'Provided order id belongs to non-draft order. Use `orderUpdate` mutation instead.', 'INVALID',
    );
  }
  if (input.channelId) throw new Refused('channelId', "Can't update existing order channel id.", 'NOT_EDITABLE');
  shop.orders.update(order, orderValues(shop, scope, input, order));
  return order;
}

/** The draft becomes an order, and its goods are set aside in the warehouse. @param {Shop} shop @param {Scope} scope */
export function draftOrderComplete(shop, scope, { id }) {
  const order = addressed(shop.orders, 'Order', scope, { id });
  if (order.status !== 'DRAFT') throw new Refused('id', 'The order is not draft.', 'INVALID');
  if (!order.billingAddress) {
    throw new Refused('order', "Can't finalize draft with no billing address.", 'BILLING_ADDRESS_NOT_SET');
  }
  refuseUnlessSellable(shop, order.lines);
  allocate(shop, order.lines, +1);
  shop.orders.update(order, { status: 'UNFULFILLED' });
  return order;
}

/** @param {Shop} shop @param {Scope} scope */
export function draftOrderDelete(shop, scope, address) {
  const order = addressed(shop.orders, 'Order', scope, address);
  if (order.status !== 'DRAFT') throw new Refused('id', 'Provided order id belongs to non-draft order.', 'INVALID');
  shop.orders.remove(order);
  return order;
}

/** @param {Shop} shop @param {Scope} scope */
export function orderUpdate(shop, scope, { input, ...address }) {
  const order = addressed(shop.orders, 'Order', scope, address);
  if (order.status === 'DRAFT') {
    throw new Refused(
      'id', 'Provided order id belongs to draft order. Use `draftOrderUpdate` mutation instead.', 'INVALID',
    );
  }
  shop.orders.update(order, orderValues(shop, scope, input, order));
  return order;
}

/** @param {Shop} shop @param {Scope} scope */
export function orderCancel(shop, scope, { id }) {
  const order = addressed(shop.orders, 'Order', scope, { id });
  if (!['UNCONFIRMED', 'UNFULFILLED'].includes(order.status)) {
    throw new Refused('order', "This order can't be canceled.", 'CANNOT_CANCEL_ORDER');
  }
  allocate(shop, order.lines, -1);
  shop.orders.update(order, { status: 'CANCELED' });
  return order;
}

/**
 * Other goods for an order: what the shop's owner may do, and no input of the API does.
 *
 * @param {Shop} shop
 */
export function replaceLines(shop, order, lines) {
  if (order.status !== 'DRAFT') {
    allocate(shop, order.lines, -1);
    allocate(shop, lines, +1);
  }
  shop.orders.update(order, { lines });
}

/** What an order costs, in minor units. */
export function orderTotal(order) {
  return order.lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0);
}

function orderValues(shop, scope, input, order) {
  return defined({
    ...customerOf(shop, scope, input),
    billingAddress: addressOf(input.billingAddress),
    shippingAddress: addressOf(input.shippingAddress),
    customerNote: input.customerNote ?? undefined,
    externalReference: input.externalReference,
    ...metadataValues(input, order),
  });
}

/** A known email brings its customer along; a named customer brings the email. */
function customerOf(shop, scope, { user: id, userEmail }) {
  if (id) {
    const user = addressed(shop.users, 'User', scope, { id });
    return { user: user.id, userEmail: user.email };
  }
  if (!userEmail) return {};
  return { user: shop.users.findBy('email', scope, userEmail)?.id ?? null, userEmail };
}

function orderLines(shop, scope, inputs, chosen) {
  return inputs.map((input) => {
    if (!chosen) throw new Refused(null, "Can't add product variant for draft order without channel", 'REQUIRED');
    const variant = shop.variants.get(scope, checkedId(input.variantId, 'ProductVariant', 'variants'));
    if (!variant) throw new Refused('variants', `Couldn't resolve to a node: ${input.variantId}`, 'NOT_FOUND');
    if (input.quantity < 1) throw new Refused('quantity', 'Ensure this value is greater than 0.', 'ZERO_QUANTITY');
    return orderLine(shop, variant, input.quantity, input.price && minorUnits(input.price, 'price'));
  });
}

/**
 * One line of an order, at the shop's price unless another was agreed on.
 *
 * Errors: `Refused` when the product is not published or has no price.
 *
 * @param {Shop} shop
 * @param {object} variant
 * @param {number} quantity
 * @param {number} [agreedPrice]  minor units
 */
export function orderLine(shop, variant, quantity, agreedPrice) {
  const product = shop.products.get(null, variant.product);
  if (!product.listing?.isPublished) {
    throw new Refused(
      null, "Can't add product variant that are not published in the channel associated with this draft order.",
      'PRODUCT_NOT_PUBLISHED',
    );
  }
  if (variant.price === null) {
    throw new Refused(
      null, "Can't add product variant that are don't have price in the channel associated with this draft order.",
      'NOT_AVAILABLE_IN_CHANNEL',
    );
  }
  return {
    id: globalId('OrderLine', randomUUID()),
    variant: variant.id,
    productName: product.name,
    variantName: variant.name,
    productSku: variant.sku,
    quantity,
    unitPrice: agreedPrice ?? variant.price,
  };
}

/** The last look before goods are promised: do they still exist, may they be sold, are there enough? */
function refuseUnlessSellable(shop, lines) {
  if (lines.length === 0) throw new Refused('lines', 'Could not create order without any products.', 'REQUIRED');
  const wanted = new Map();
  for (const line of lines) {
    const variant = shop.variants.get(null, line.variant);
    if (!variant) throw new Refused('lines', 'Could not create orders with non-existing products.', 'NOT_FOUND');
    wanted.set(variant, (wanted.get(variant) ?? 0) + line.quantity);
    if (variant.trackInventory && wanted.get(variant) > (variant.quantity ?? 0) - variant.allocated) {
      throw new Refused('lines', `Insufficient product stock: ${line.productName}`, 'INSUFFICIENT_STOCK');
    }
    const { listing } = shop.products.get(null, variant.product);
    if (!listing?.isPublished) {
      throw new Refused('lines', "Can't finalize draft with unpublished product.", 'PRODUCT_NOT_PUBLISHED');
    }
    if (!listing.isAvailableForPurchase) {
      throw new Refused(
        'lines', "Can't finalize draft with product unavailable for purchase.", 'PRODUCT_UNAVAILABLE_FOR_PURCHASE',
      );
    }
  }
}

function allocate(shop, lines, sign) {
  for (const line of lines) {
    const variant = shop.variants.get(null, line.variant);
    if (variant) shop.variants.update(variant, { allocated: variant.allocated + sign * line.quantity });
  }
}
