/**
 * Amounts stand still: whoever sends them back in another currency, however often, and whatever the rate is by then,
 * does not change them.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { eventually, newTenant, world } from './support/world.js';

const kUpdates = 1000;
const kRates = ['83', '84.7', '91.234567', '79.99'];
const w = await world({ args: ['--config', 'config.yaml'], files: { 'config.yaml': configOf(kRates[0]) }, env: { LOG_LEVEL: 'info' } });

function configOf(rate) {
  return `rates: {units: {INR: "${rate}"}}\n`;
}

async function setRate(rate) {
  const reloads = () => w.service.log.split('configuration reloaded').length;
  const before = reloads();
  writeFileSync(join(w.service.folder, 'config.yaml'), configOf(rate));
  process.kill(w.service.pid, 'SIGHUP');
  await eventually(() => reloads() > before, { explain: () => w.service.log });
}

function golden(entity, id, tenant) {
  return w.get(`/sync/records/${entity}/${id}?tenant_id=${tenant}`).then(({ body }) => body);
}

test(`${kUpdates} updates of other fields of an order, each with the amount in dollars, leave its rupees alone`, async () => {
  const tenant = newTenant();
  const product = await w.act('coreldove', tenant, 'create', 'product', { product_name: 'Lamp', product_price: 8345.67, product_inventory: 10 });
  const placed = await w.act('coreldove', tenant, 'create', 'order', {
    customer_email: 'asha@example.com', order_items: [{ product_id: product.id, quantity: 1, price: 8345.67 }],
  });
  await w.settled(placed.event_id);
  const own = {
    bizoholic: await w.holds('bizoholic', tenant, 'order', { total_amount: 100.55, currency: 'USD' }),
    bizosaas: await w.holds('bizosaas', tenant, 'order', { total_amount: 8345.67, currency: 'INR' }),
  };
  const shop = await w.holds('coreldove', tenant, 'order', { total_amount: 8345.67 });
  const before = await golden('order', own.bizosaas.external_reference, tenant);

  let last;
  for (let i = 1; i <= kUpdates; i += 1) {
    if (i % 250 === 0) await setRate(kRates[(i / 250) % kRates.length]);
    const platform = i % 3 === 0 ? 'bizosaas' : 'bizoholic';
    last = await w.act(platform, tenant, 'update', 'order', { id: own[platform].id, [`note_of_${platform}`]: i }, { whole: true });
    if (i === 1) assert.equal(last.event.data.total_amount, platform === 'bizoholic' ? 100.55 : 8345.67);
  }
  await w.settled(last.event_id);
  await w.idle();

  const after = await golden('order', own.bizosaas.external_reference, tenant);
  assert.equal(after.data.total_amount, before.data.total_amount);
  assert.equal(after.data.currency, 'INR');
  assert.equal(after.data.note_of_bizosaas, kUpdates - 1);
  assert.equal(after.data.note_of_bizoholic, kUpdates);
  const now = async (platform) => (await w.state(platform, tenant, 'order'))[0].canonical;
  assert.equal((await now('bizoholic')).total_amount, 100.55);
  assert.equal((await now('bizosaas')).total_amount, 8345.67);
  assert.equal((await now('coreldove')).total_amount, shop.canonical.total_amount);
  assert.equal((await now('bizoholic')).note_of_bizosaas, kUpdates - 1);
});

test('A price in dollars that a shop keeps in rupees comes back a hundred times and is the same', async () => {
  const tenant = newTenant();
  const made = await w.act('bizoholic', tenant, 'create', 'product', { name: 'Pen', price: 19.99, inventory: 5, status: 'active' });
  await w.settled(made.event_id);
  const reference = (await w.holds('bizosaas', tenant, 'product', { price: 19.99, currency: 'USD' })).external_reference;
  const shop = await w.holds('coreldove', tenant, 'product', { name: 'Pen' });
  const rupees = shop.canonical.price;
  let last;
  for (let i = 1; i <= 100; i += 1) {
    if (i % 25 === 0) await setRate(kRates[(i / 25) % kRates.length]);
    last = await w.act('coreldove', tenant, 'update', 'product', { product_id: shop.id, description: `Blue, ${i}` }, { whole: true });
    assert.equal(last.event.data.product_price, rupees);
  }
  await w.settled(last.event_id);
  await w.idle();
  const { data } = await golden('product', reference, tenant);
  assert.equal(data.price, 19.99);
  assert.equal(data.currency, 'USD');
  await w.holds('bizoholic', tenant, 'product', { price: 19.99, description: 'Blue, 100' });
  await w.holds('bizosaas', tenant, 'product', { price: 19.99, currency: 'USD', description: 'Blue, 100' });
  await w.holds('coreldove', tenant, 'product', { price: rupees });
});
