/** Amounts arrive in the currency that each platform keeps. One dollar is 83 rupees in the shipped table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { event } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

test('An order in rupees is in dollars at bizoholic and in rupees at bizosaas', async () => {
  const tenant = newTenant();
  await w.sync(event('coreldove', 'order_created', tenant, { order_id: 'o-1', order_number: '1', order_total: 8300 }));
  await w.holds('bizoholic', tenant, 'order', { total_amount: 100, currency: 'USD' });
  await w.holds('bizosaas', tenant, 'order', { total_amount: 8300, currency: 'INR' });
});

test('A price in dollars is in rupees at coreldove', async () => {
  const tenant = newTenant();
  await w.sync(event('bizoholic', 'product_created', tenant, { id: 'p-1', name: 'Lamp', price: 10.5 }));
  await w.holds('coreldove', tenant, 'product', { name: 'Lamp', price: 871.5, currency: 'INR' });
  await w.holds('bizosaas', tenant, 'product', { price: 10.5, currency: 'USD' });
});

test('A decimal string is as good as a number, and goes out as a number', async () => {
  const tenant = newTenant();
  await w.sync(event('bizoholic', 'campaign_created', tenant, { campaign_id: 'c', campaign_name: 'Spring', campaign_budget: '1234.50' }, { target_platforms: ['bizosaas'] }));
  await w.holds('bizosaas', tenant, 'campaign', { budget: 1234.5, currency: 'USD' });
});

test('data.currency wins over that of the platform', async () => {
  const tenant = newTenant();
  await w.sync(event('coreldove', 'order_created', tenant, { order_id: 'o-1', order_number: '2', order_total: 50, currency: 'USD' }));
  await w.holds('bizoholic', tenant, 'order', { total_amount: 50, currency: 'USD' });
});

test('There and back again changes nothing', async () => {
  const tenant = newTenant();
  await w.sync(event('bizoholic', 'product_created', tenant, { id: 'p-1', name: 'Pen', price: 0.99, status: 'active' }));
  const shop = await w.holds('coreldove', tenant, 'product', { price: 82.17 });
  const { event_id: echo } = await w.act('coreldove', tenant, 'update', 'product', { product_id: shop.id, product_price: 82.17 }, { whole: true });
  const told = await w.settled(echo);
  assert.deepEqual(w.results(told), { bizoholic: 'skipped', bizosaas: 'skipped' });
});

test('An amount that is none is refused with its place', async () => {
  const { status, body } = await w.post('/sync/events', event('coreldove', 'order_created', newTenant(), { order_id: 'o', order_total: 'much' }));
  assert.ok(status === 422 || status === 201, `${status}`);
  if (status === 422) {
    assert.match(JSON.stringify(body), /order_total|total_amount/);
  } else {
    const told = await w.settled(body.event_id);
    assert.equal(told.status, 'failed');
  }
});
