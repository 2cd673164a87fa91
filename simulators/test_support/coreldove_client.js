import { call } from './harness.js';
import { category, channel, productType, warehouse } from '../coreldove/furniture.js';
import { documents } from './coreldove_documents.js';

/**
 * A client of CoreLDove that sends the shipped documents, and plays the steps of a product as their table tells.
 *
 * @param {{url: string}} shop
 * @param {Record<string, string>} [headers]  of every request
 */
export function coreldoveClient(shop, headers = {}) {
  /** Sends any GraphQL. */
  const query = (text, variables) => call(`${shop.url}/graphql/`, 'POST', { query: text, variables }, headers);

  /** Sends a shipped document, and returns the payload of its one field. */
  async function send(document, variables) {
    const { status, body } = await query(documents[document], variables);
    if (status !== 200 || body.errors) throw new Error(`${document}: ${status} ${JSON.stringify(body)}`);
    return Object.values(body.data)[0];
  }

  /** The steps of "product create"; returns the links that they teach. */
  async function createProduct({ reference, name, price, inventory }) {
    const { product } = await send('product_create', {
      input: { productType: productType.id, category: category.id, externalReference: reference, name },
    });
    await send('product_listing', {
      id: product.id,
      input: { updateChannels: [{ channelId: channel.id, isPublished: true, isAvailableForPurchase: true }] },
    });
    const { productVariant: variant } = await send('product_variant_create', {
      input: { product: product.id, attributes: [], externalReference: reference, name },
    });
    await send('product_price', { id: variant.id, input: [{ channelId: channel.id, price }] });
    await send('product_stock', { variantId: variant.id, stocks: [{ warehouse: warehouse.id, quantity: inventory }] });
    return { product: product.id, variant: variant.id };
  }

  return { query, send, createProduct };
}
