import { globalId } from './global_id.js';

/**
 * What is in the shop from the start, the same after every reset: one channel selling in rupees, one warehouse, one
 * type of product, one category. Their ids are facts that a client configures.
 */

export const warehouse = {
  id: globalId('Warehouse', '6b1f0d6e-6c1c-4a4e-9d4f-3f0c2a7e8b51'),
  name: 'Mumbai',
  slug: 'mumbai',
};

export const channel = {
  id: globalId('Channel', 1),
  slug: 'default-channel',
  name: 'Channel-INR',
  isActive: true,
  currencyCode: 'INR',
  warehouses: [warehouse],
};

export const productType = {
  id: globalId('ProductType', 1),
  name: 'Simple',
  slug: 'simple',
  hasVariants: false,
  // With shipping, a draft could only be completed after choosing a method, which no other platform knows of.
  isShippingRequired: false,
};

export const category = { id: globalId('Category', 1), name: 'All', slug: 'all' };
