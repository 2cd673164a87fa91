/**
 * What CoreLDove calls things outside of GraphQL: in the events that it pushes and in `/_control/state`. Own name →
 * canonical name, for the fields that differ.
 */
export const names = {
  user: { customer_id: 'id', customer_name: 'name', customer_email: 'email', customer_phone: 'phone' },
  product: { product_id: 'id', product_name: 'name', product_price: 'price', product_inventory: 'inventory' },
  order: { order_id: 'id', order_total: 'total_amount', order_status: 'status', order_items: 'items' },
};

/** The field that carries the own id. */
export const idNames = { user: 'customer_id', product: 'product_id', order: 'order_id' };

/** CoreLDove's word → the canonical one, for the status of customers and products. */
export const statusWords = { published: 'active', draft: 'inactive', pending_review: 'pending' };

/** @param {Record<string, unknown>} fields */
export function inOwnNames(entity, fields) {
  const own = Object.fromEntries(Object.entries(names[entity]).map(([name, canonical]) => [canonical, name]));
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [own[name] ?? name, value]));
}

/** @param {Record<string, unknown>} fields */
export function inCanonicalNames(entity, fields) {
  const renamed = Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [names[entity][name] ?? name, value]),
  );
  delete renamed.id;
  if (entity !== 'order' && renamed.status in statusWords) renamed.status = statusWords[renamed.status];
  return renamed;
}
