import { channel, category, productType, warehouse } from '../furniture.js';
import { minorUnits } from '../money.js';
import { Refused } from '../refused.js';
import { addressed, furnitureById, metadataValues } from '../shop.js';
import { defined } from '../values.js';

/** @typedef {import('../shop.js').Shop} Shop */
/** @typedef {import('../table.js').Scope} Scope */

/** @param {Shop} shop @param {Scope} scope */
export function productCreate(shop, scope, { input }) {
  furnitureById(productType, 'ProductType', input.productType, 'productType');
  if (!input.name) throw new Refused('name', 'This field cannot be blank.', 'REQUIRED');
  return shop.products.insert(scope, {
    description: null, externalReference: null, category: null, defaultVariant: null, listing: null,
    slug: freeSlug(shop, scope, input.name),
    ...productValues(input),
  });
}

/** @param {Shop} shop @param {Scope} scope */
export function productUpdate(shop, scope, { input, ...address }) {
  const product = addressed(shop.products, 'Product', scope, address);
  if (input.name === null || input.name === '') {
    throw new Refused('name', 'This field cannot be blank.', 'REQUIRED');
  }
  shop.products.update(product, productValues(input, product));
  return product;
}

/** Takes the variants along. @param {Shop} shop @param {Scope} scope */
export function productDelete(shop, scope, address) {
  const product = addressed(shop.products, 'Product', scope, address);
  for (const variant of shop.variantsOf(product)) shop.variants.remove(variant);
  shop.products.remove(product);
  return product;
}

/** @param {Shop} shop @param {Scope} scope */
export function productChannelListingUpdate(shop, scope, { id, input }) {
  const product = addressed(shop.products, 'Product', scope, { id });
  for (const update of input.updateChannels ?? []) {
    furnitureById(channel, 'Channel', update.channelId, 'channelId');
    if (!product.category && (update.isPublished || update.isAvailableForPurchase)) {
      throw new Refused(
        'isPublished', 'You must select a category to be able to publish.', 'PRODUCT_WITHOUT_CATEGORY',
        { channels: [update.channelId] },
      );
    }
  }
  for (const { channelId, ...settings } of input.updateChannels ?? []) {
    const before = product.listing ?? { isPublished: false, visibleInListings: true, isAvailableForPurchase: false };
    shop.products.update(product, { listing: { ...before, ...given(settings) } });
  }
  if (input.removeChannels?.includes(channel.id)) {
    shop.products.update(product, { listing: null });
    for (const variant of shop.variantsOf(product)) shop.variants.update(variant, { price: null });
  }
  return product;
}

/** @param {Shop} shop @param {Scope} scope */
export function productVariantCreate(shop, scope, { input }) {
  const product = addressed(shop.products, 'Product', scope, { id: input.product });
  const stocks = stockQuantities(input.stocks ?? []);
  const variant = shop.variants.insert(scope, {
    name: '', sku: null, trackInventory: true, externalReference: null, price: null, allocated: 0,
    product: product.id, quantity: null, ...variantValues(input), ...stocks,
  });
  if (!variant.name) shop.variants.update(variant, { name: variant.sku ?? variant.id });
  if (!product.defaultVariant) shop.products.update(product, { defaultVariant: variant.id });
  return variant;
}

/** @param {Shop} shop @param {Scope} scope */
export function productVariantUpdate(shop, scope, { input, ...address }) {
  const variant = addressed(shop.variants, 'ProductVariant', scope, address);
  shop.variants.update(variant, variantValues(input, variant));
  return variant;
}

/** @param {Shop} shop @param {Scope} scope */
export function productVariantChannelListingUpdate(shop, scope, { input, ...address }) {
  const variant = addressed(shop.variants, 'ProductVariant', scope, address);
  const product = shop.products.get(null, variant.product);
  const prices = input.map(({ channelId, price }) => {
    furnitureById(channel, 'Channel', channelId, 'channelId');
    if (!product.listing) {
      throw new Refused('input', 'Product not available in channels.', 'PRODUCT_NOT_ASSIGNED_TO_CHANNEL', {
        channels: [channelId],
      });
    }
    return minorUnits(price, 'price');
  });
  if (prices.length > 1) throw new Refused('channelId', 'Duplicated channel ID.', 'DUPLICATED_INPUT_ITEM');
  for (const price of prices) shop.variants.update(variant, { price });
  return variant;
}

/** @param {Shop} shop @param {Scope} scope */
export function productVariantStocksUpdate(shop, scope, { variantId, sku, stocks }) {
  const variant = addressed(shop.variants, 'ProductVariant', scope, { id: variantId, sku });
  shop.variants.update(variant, stockQuantities(stocks));
  return variant;
}

function productValues(input, product) {
  return defined({
    name: input.name ?? undefined,
    slug: input.slug || undefined,
    description: input.description,
    category: furnitureById(category, 'Category', input.category, 'category')?.id,
    externalReference: input.externalReference,
    ...metadataValues(input, product),
  });
}

function variantValues(input, variant) {
  if (input.attributes?.length > 0) {
    throw new Refused('attributes', 'Given attributes are not a variant attributes.', 'ATTRIBUTE_CANNOT_BE_ASSIGNED');
  }
  return defined({
    name: input.name ?? undefined,
    sku: input.sku?.trim() || undefined,
    trackInventory: input.trackInventory ?? undefined,
    externalReference: input.externalReference,
    ...metadataValues(input, variant),
  });
}

function stockQuantities(stocks) {
  for (const stock of stocks) {
    furnitureById(warehouse, 'Warehouse', stock.warehouse, 'warehouse');
    if (stock.quantity < 0) {
      throw new Refused('quantity', 'Ensure this value is greater than or equal to 0.', 'INVALID', { index: 0 });
    }
  }
  if (stocks.length > 1) throw new Refused('stocks', `Duplicated warehouse ID: ${warehouse.id}`, 'UNIQUE');
  return defined({ quantity: stocks[0]?.quantity });
}

/** A slug made of the name; a number behind it makes it unique. */
function freeSlug(shop, scope, name) {
  const wish = name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'product';
  let slug = wish;
  for (let n = 2; shop.products.findBy('slug', scope, slug); n += 1) slug = `${wish}-${n}`;
  return slug;
}

function given(settings) {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined && value !== null));
}
