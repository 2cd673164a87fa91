import { HttpError } from '../server/http.js';
import { category, channel, productType, warehouse } from './furniture.js';
import { majorUnits, minorUnits } from './money.js';
import { customerCreate, customerDelete, customerUpdate } from './mutations/customers.js';
import {
  draftOrderComplete, draftOrderCreate, draftOrderDelete, orderCancel, orderLine, orderTotal, orderUpdate,
  replaceLines,
} from './mutations/orders.js';
import {
  productChannelListingUpdate, productCreate, productDelete, productUpdate, productVariantChannelListingUpdate,
  productVariantCreate, productVariantStocksUpdate,
} from './mutations/products.js';
import { idNames, inCanonicalNames, inOwnNames } from './names.js';
import { Refused } from './refused.js';
import { richTextOf, textOf } from './rich_text.js';

/**
 * The shop's owner and customers at work, and the shop told in CoreLDove's own field names. Each deed goes through the
 * same mutations as a client's, so nobody can do here what the API would not allow.
 */
export class Owner {
  #shop;

  /** @param {import('./shop.js').Shop} shop */
  constructor(shop) {
    this.#shop = shop;
  }

  /** Everything in the shop, in own and in canonical names; rows made without a tenant belong to every tenant. */
  state({ tenant_id: tenant = null, entity: only }) {
    return Object.keys(idNames).filter((entity) => only === undefined || entity === only).flatMap((entity) => (
      this.#table(entity).list(tenant).map((row) => {
        const data = this.#told(entity, row);
        return {
          tenant_id: row.tenant,
          entity,
          id: row.id,
          external_reference: row.externalReference,
          revision: row.revision,
          updated_at: row.updatedAt,
          data,
          canonical: inCanonicalNames(entity, data),
        };
      })
    ));
  }

  /** @returns {import('../server/simulator.js').OwnChange} */
  act({ tenant_id: tenant, entity, verb, id, data, whole }) {
    const fields = idNames[entity] && inOwnNames(entity, data);
    const deed = kDeeds[entity]?.[verb];
    if (!deed) throw new HttpError(422, `nobody can ${verb} a ${entity} here`);
    try {
      const row = verb === 'create' ? undefined : this.#row(tenant, entity, id ?? fields[idNames[entity]]);
      const changed = deed(this.#shop, tenant, fields, row) ?? row;
      return this.#ownChange(entity, changed, this.#toldOf(verb, entity, changed, fields, whole));
    } catch (error) {
      if (error instanceof Refused) throw new HttpError(422, `${error.error.code}: ${error.message}`);
      throw error;
    }
  }

  #row(tenant, entity, id) {
    const row = this.#table(entity).get(tenant, id);
    if (!row) throw new HttpError(404, `no such ${entity}`);
    return row;
  }

  #table(entity) {
    return { user: this.#shop.users, product: this.#shop.products, order: this.#shop.orders }[entity];
  }

  #ownChange(entity, row, data) {
    return { id: row.id, data, version: row.revision, entity_id: row.externalReference ?? undefined };
  }

  /** What an event tells: all of a new record, the id of a deleted one, and of a changed one what was changed. */
  #toldOf(verb, entity, row, fields, whole) {
    if (verb === 'delete') return { [idNames[entity]]: row.id };
    const told = this.#told(entity, row);
    if (verb === 'create' || whole) return told;
    const kept = new Set([idNames[entity], 'customer_email', ...Object.keys(fields)]);
    if (kept.has('order_items')) kept.add('order_total');
    if (kept.has('product_price') || kept.has('order_total')) kept.add('currency');
    return Object.fromEntries(Object.entries(told).filter(([name]) => kept.has(name)));
  }

  #told(entity, row) {
    return { user: userTold, product: productTold, order: orderTold }[entity](this.#shop, row);
  }
}

/**
 * What people can do: per entity and verb a function of (shop, tenant, fields in own names, row) that returns the row
 * when it is a new one.
 */
const kDeeds = {
  user: {
    create: (shop, tenant, fields) => customerCreate(shop, tenant, { input: customerInput(fields) }),
    update: (shop, tenant, fields, { id }) => customerUpdate(shop, tenant, { id, input: customerInput(fields) }),
    delete: (shop, tenant, _fields, { id }) => customerDelete(shop, tenant, { id }),
  },
  product: {
    create: addProduct,
    update: (shop, tenant, fields, row) => changeProduct(shop, tenant, fields, row),
    delete: (shop, tenant, _fields, { id }) => productDelete(shop, tenant, { id }),
  },
  order: {
    create: placeOrder,
    update: (shop, tenant, fields, row) => changeOrder(shop, tenant, fields, row),
  },
};

function customerInput(fields) {
  const [firstName, ...others] = fields.customer_name?.trim().split(/\s+/) ?? [];
  return {
    email: fields.customer_email,
    firstName,
    lastName: firstName === undefined ? undefined : others.join(' '),
    isActive: fields.status === undefined ? undefined : isOpen(fields.status),
    metadata: fields.customer_phone === undefined ? [] : [{ key: 'phone', value: String(fields.customer_phone) }],
  };
}

function addProduct(shop, tenant, fields) {
  const product = productCreate(shop, tenant, {
    input: { name: fields.product_name, productType: productType.id, category: category.id },
  });
  productChannelListingUpdate(shop, tenant, listing(product, true));
  productVariantCreate(shop, tenant, { input: { product: product.id, attributes: [], name: fields.product_name } });
  return orUndo(
    () => changeProduct(shop, tenant, { product_inventory: 0, ...fields }, product),
    () => productDelete(shop, tenant, { id: product.id }),
  ) ?? product;
}

function changeProduct(shop, tenant, fields, product) {
  const { product_name: name, product_price: price, product_inventory: inventory, description, status } = fields;
  const variant = product.defaultVariant;
  productUpdate(shop, tenant, {
    id: product.id,
    input: { name, description: description === undefined ? undefined : richTextOf(String(description)) },
  });
  if (status !== undefined) productChannelListingUpdate(shop, tenant, listing(product, isOpen(status)));
  if (price !== undefined) {
    productVariantChannelListingUpdate(shop, tenant, {
      id: variant, input: [{ channelId: channel.id, price: String(price) }],
    });
  }
  if (inventory !== undefined) {
    productVariantStocksUpdate(shop, tenant, {
      variantId: variant, stocks: [{ warehouse: warehouse.id, quantity: inventory }],
    });
  }
}

function placeOrder(shop, tenant, fields) {
  const lines = (fields.order_items ?? []).map((item) => ({
    variantId: variantIdOf(shop, tenant, item),
    quantity: item.quantity,
    price: item.price === undefined ? undefined : String(item.price),
  }));
  const draft = draftOrderCreate(shop, tenant, {
    input: {
      channelId: channel.id,
      user: fields.customer_id,
      userEmail: fields.customer_email,
      billingAddress: { country: 'IN', skipValidation: true },
      lines,
    },
  });
  return orUndo(
    () => draftOrderComplete(shop, tenant, { id: draft.id }),
    () => draftOrderDelete(shop, tenant, { id: draft.id }),
  );
}

function changeOrder(shop, tenant, fields, order) {
  const { order_status: status, order_items: items, customer_email: userEmail } = fields;
  if (userEmail !== undefined) orderUpdate(shop, tenant, { id: order.id, input: { userEmail } });
  if (items !== undefined) {
    replaceLines(shop, order, items.map((item) => orderLine(
      shop,
      shop.variants.get(tenant, variantIdOf(shop, tenant, item)),
      item.quantity,
      item.price === undefined ? undefined : minorUnits(String(item.price), 'price'),
    )));
  }
  if (status === undefined) return;
  if (['canceled', 'cancelled'].includes(status)) {
    orderCancel(shop, tenant, { id: order.id });
  } else if (['unconfirmed', 'unfulfilled', 'fulfilled'].includes(status)) {
    shop.orders.update(order, { status: status.toUpperCase() });
  } else {
    throw new Refused('order_status', `no order is ever ${status}`, 'INVALID');
  }
}

function variantIdOf(shop, tenant, { product_id: id }) {
  const product = shop.products.get(tenant, id);
  if (!product?.defaultVariant) throw new Refused('order_items', `no such product: ${id}`, 'NOT_FOUND');
  return product.defaultVariant;
}

function listing(product, isPublished) {
  const update = { channelId: channel.id, isPublished, isAvailableForPurchase: isPublished };
  return { id: product.id, input: { updateChannels: [update] } };
}

/** Does the last step of a deed; if that is refused, the deed leaves nothing behind. */
function orUndo(step, undo) {
  try {
    return step();
  } catch (error) {
    undo();
    throw error;
  }
}

function isOpen(status) {
  return ['published', 'active'].includes(status);
}

function userTold(_shop, row) {
  return {
    customer_id: row.id,
    customer_name: `${row.firstName} ${row.lastName}`.trim(),
    customer_email: row.email,
    ...(row.metadata.phone !== undefined && { customer_phone: row.metadata.phone }),
    status: row.isActive ? 'published' : 'draft',
  };
}

function productTold(shop, row) {
  const variant = shop.defaultVariantOf(row);
  return {
    product_id: row.id,
    product_name: row.name,
    ...(row.description && { description: textOf(row.description) }),
    ...(variant && variant.price !== null && {
      product_price: majorUnits(variant.price),
      currency: channel.currencyCode,
    }),
    ...(variant && variant.quantity !== null && { product_inventory: variant.quantity }),
    status: row.listing?.isPublished ? 'published' : 'draft',
  };
}

function orderTold(shop, row) {
  return {
    order_id: row.id,
    order_number: row.number,
    order_status: row.status.toLowerCase(),
    order_total: majorUnits(orderTotal(row)),
    currency: channel.currencyCode,
    customer_email: row.userEmail,
    order_items: row.lines.map((line) => ({
      product_id: shop.variants.get(null, line.variant)?.product ?? null,
      product_name: line.productName,
      quantity: line.quantity,
      price: majorUnits(line.unitPrice),
    })),
  };
}
