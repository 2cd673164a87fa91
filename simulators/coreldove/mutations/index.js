import { orderView, productView, userView, variantView } from '../views.js';
import { customerCreate, customerDelete, customerUpdate } from './customers.js';
import {
  draftOrderComplete, draftOrderCreate, draftOrderDelete, draftOrderUpdate, orderCancel, orderUpdate,
} from './orders.js';
import {
  productChannelListingUpdate, productCreate, productDelete, productUpdate, productVariantChannelListingUpdate,
  productVariantCreate, productVariantStocksUpdate, productVariantUpdate,
} from './products.js';

/**
 * One root field of `Mutation`.
 *
 * @typedef {object} Mutation
 * @property {(shop: import('../shop.js').Shop, scope: import('../table.js').Scope, args: any) => object} run
 *   changes the shop and returns the row; throws `Refused` with nothing changed
 * @property {string} result                                     the payload field that shows the row
 * @property {(shop: import('../shop.js').Shop, row: object) => object} view
 * @property {'user' | 'product' | 'order'} entity               as the sync service calls it
 * @property {'create' | 'update' | 'delete'} verb
 */

const user = { result: 'user', view: userView, entity: 'user' };
const product = { result: 'product', view: productView, entity: 'product' };
const variant = { result: 'productVariant', view: variantView, entity: 'product' };
const order = { result: 'order', view: orderView, entity: 'order' };

/** @type {Record<string, Mutation>} */
export const mutations = {
  customerCreate: { ...user, verb: 'create', run: customerCreate },
  customerUpdate: { ...user, verb: 'update', run: customerUpdate },
  customerDelete: { ...user, verb: 'delete', run: customerDelete },

  productCreate: { ...product, verb: 'create', run: productCreate },
  productUpdate: { ...product, verb: 'update', run: productUpdate },
  productDelete: { ...product, verb: 'delete', run: productDelete },
  productChannelListingUpdate: { ...product, verb: 'update', run: productChannelListingUpdate },
  productVariantCreate: { ...variant, verb: 'create', run: productVariantCreate },
  productVariantUpdate: { ...variant, verb: 'update', run: productVariantUpdate },
  productVariantChannelListingUpdate: {
    ...variant, result: 'variant', verb: 'update', run: productVariantChannelListingUpdate,
  },
  productVariantStocksUpdate: { ...variant, verb: 'update', run: productVariantStocksUpdate },

  draftOrderCreate: { ...order, verb: 'create', run: draftOrderCreate },
  draftOrderUpdate: { ...order, verb: 'update', run: draftOrderUpdate },
  draftOrderComplete: { ...order, verb: 'update', run: draftOrderComplete },
  draftOrderDelete: { ...order, verb: 'delete', run: draftOrderDelete },
  orderUpdate: { ...order, verb: 'update', run: orderUpdate },
  orderCancel: { ...order, verb: 'delete', run: orderCancel },
};
