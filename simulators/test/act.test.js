/**
 * A person changes something on a platform, and the platform tells the service: what the service gets to hear.
 */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, beforeEach, test } from 'node:test';

import { readBody, sendJson } from '../server/http.js';
import { coreldoveClient } from '../test_support/coreldove_client.js';
import { simulator } from '../test_support/harness.js';

const heard = [];
let serviceStatus = 201;
const service = createServer(async (request, response) => {
  heard.push({ path: request.url, headers: request.headers, event: JSON.parse(await readBody(request, 1 << 20)) });
  sendJson(response, { status: serviceStatus, body: { event_id: 'e-1', status: 'created' } });
});
await new Promise((resolve) => { service.listen(0, '127.0.0.1', resolve); });
after(() => service.close());

const options = { service: `http://127.0.0.1:${service.address().port}`, serviceToken: 'token' };
const bizoholic = await simulator('bizoholic', options);
const coreldove = await simulator('coreldove', options);

beforeEach(async () => {
  heard.length = 0;
  serviceStatus = 201;
  await bizoholic.reset();
  await coreldove.reset();
});

test('A new user is told with own id and own names', async () => {
  const { status, body } = await bizoholic.act({
    tenant_id: 't', entity: 'user', verb: 'create', data: { name: 'Ada', email_address: 'ada@example.com' },
  });
  assert.deepEqual([status, body.id, body.service.status], [200, 'bz_user_1001', 201]);
  const [{ path, headers, event }] = heard;
  assert.deepEqual([path, headers.authorization], ['/sync/events', 'Bearer token']);
  assert.deepEqual({ ...event, occurred_at: undefined }, {
    event_type: 'user_created', source_platform: 'bizoholic', target_platforms: ['coreldove', 'bizosaas'],
    data: { user_id: 'bz_user_1001', full_name: 'Ada', email_address: 'ada@example.com' },
    tenant_id: 't', occurred_at: undefined, version: 1,
  });
});

test('An update tells what changed, and sends back what the service told before', async () => {
  const data = { user_id: 'c-1', full_name: 'Ada', _platform_context: { entity_id: 'c-1', version: 3 } };
  await bizoholic.post('/api/sync/user/create', { tenant_id: 't', data });
  await bizoholic.act({
    tenant_id: 't', entity: 'user', verb: 'update', data: { user_id: 'bz_user_1001', phone_number: '+1' },
    event: { priority: 1 },
  });
  const [{ event }] = heard;
  assert.deepEqual(event.data, { user_id: 'bz_user_1001', phone_number: '+1' });
  assert.deepEqual([event.entity_id, event.base_version, event.version, event.priority], ['c-1', 3, 2, 1]);
});

test('A platform may keep its knowledge to itself, or tell the whole record', async () => {
  await bizoholic.act({ tenant_id: 't', entity: 'lead', verb: 'create', data: { score: 5, contact_name: 'Bob' } });
  await bizoholic.act({
    tenant_id: 't', entity: 'lead', verb: 'update', id: 'bz_lead_1001', data: { score: 6 }, whole: true,
    send_back: false, target_platforms: ['bizosaas'],
  });
  const { event } = heard[1];
  assert.deepEqual(event.data, { lead_id: 'bz_lead_1001', lead_score: 6, contact_name: 'Bob' });
  assert.deepEqual([event.version, event.target_platforms], [undefined, ['bizosaas']]);
});

test('A deletion is told by id', async () => {
  await bizoholic.act({ tenant_id: 't', entity: 'lead', verb: 'create', data: { score: 5 }, silent: true });
  await bizoholic.act({ tenant_id: 't', entity: 'lead', verb: 'delete', id: 'bz_lead_1001' });
  assert.deepEqual(heard.map(({ event }) => [event.event_type, event.data, event.version]), [
    ['lead_deleted', { lead_id: 'bz_lead_1001' }, 2],
  ]);
  assert.deepEqual(await bizoholic.state(), []);
});

test('A service that refuses, or is not there, does not undo the change', async () => {
  serviceStatus = 503;
  const deed = { tenant_id: 't', entity: 'lead', verb: 'create', data: {} };
  assert.equal((await bizoholic.act(deed)).status, 502);
  assert.equal((await bizoholic.act({ ...deed, service: 'http://127.0.0.1:1' })).body.service.status, 0);
  assert.equal((await bizoholic.state()).length, 2);
});

test('What a platform would not let its user do is refused, and nobody hears of it', async () => {
  const act = (deed) => bizoholic.act({ tenant_id: 't', data: {}, ...deed });
  assert.equal((await act({ entity: 'planet', verb: 'create' })).status, 422);
  assert.equal((await act({ entity: 'user', verb: 'update', id: 'nobody' })).status, 404);
  assert.equal((await coreldove.act({ tenant_id: 't', entity: 'user', verb: 'create', data: {} })).status, 422);
  assert.deepEqual(heard, []);
});

test('The shop tells customers, products and orders in its own words', async () => {
  const act = (verb, entity, data) => coreldove.act({ tenant_id: 't', entity, verb, data });
  await act('create', 'user', {
    customer_name: 'Ada Lovelace', customer_email: 'ada@example.com', customer_phone: '+44',
  });
  const { body: { id: product } } = await act('create', 'product', {
    product_name: 'Tea', product_price: 249.5, product_inventory: 5, description: 'Warm.\nStrong.',
  });
  await act('create', 'order', {
    customer_email: 'ada@example.com', order_items: [{ product_id: product, quantity: 2 }],
  });
  const [user, made, order] = heard.map(({ event }) => event.data);
  assert.deepEqual(user, {
    customer_id: 'VXNlcjox', customer_name: 'Ada Lovelace', customer_email: 'ada@example.com', customer_phone: '+44',
    status: 'published',
  });
  assert.deepEqual(made, {
    product_id: product, product_name: 'Tea', description: 'Warm.\nStrong.', product_price: 249.5, currency: 'INR',
    product_inventory: 5, status: 'published',
  });
  assert.deepEqual({ ...order, order_id: undefined }, {
    order_id: undefined, order_number: '1', order_status: 'unfulfilled', order_total: 499, currency: 'INR',
    customer_email: 'ada@example.com',
    order_items: [{ product_id: product, product_name: 'Tea', quantity: 2, price: 249.5 }],
  });

  await act('update', 'product', { product_id: product, product_price: 300 });
  await act('update', 'order', { order_id: order.order_id, order_status: 'canceled' });
  assert.deepEqual(heard.slice(3).map(({ event }) => event.data), [
    { product_id: product, product_price: 300, currency: 'INR' },
    { order_id: order.order_id, order_status: 'canceled', customer_email: 'ada@example.com' },
  ]);
});

test("An order's goods can be changed by the owner, and the total follows", async () => {
  const act = (verb, entity, data) => coreldove.act({ tenant_id: 't', entity, verb, data });
  const { body: { id: product } } = await act('create', 'product', {
    product_name: 'Tea', product_price: 100, product_inventory: 9,
  });
  const items = (quantity, price) => ({ order_items: [{ product_id: product, quantity, price }] });
  const { body: { id: order } } = await act('create', 'order', { customer_email: 'a@example.com', ...items(1) });
  await act('update', 'order', { order_id: order, ...items(3, 90.5) });
  const { data } = heard.at(-1).event;
  assert.deepEqual([data.order_total, data.currency, data.order_items[0].quantity], [271.5, 'INR', 3]);
});

test('A deed that is refused half-way leaves nothing behind', async () => {
  const act = (verb, entity, data) => coreldove.act({ tenant_id: 't', entity, verb, data });
  assert.equal((await act('create', 'product', { product_name: 'Tea', product_price: 'much' })).status, 422);
  const { body: { id: product } } = await act('create', 'product', {
    product_name: 'Tea', product_price: 1, product_inventory: 1,
  });
  const tooMany = { customer_email: 'a@example.com', order_items: [{ product_id: product, quantity: 2 }] };
  assert.equal((await act('create', 'order', tooMany)).status, 422);
  assert.deepEqual((await coreldove.state()).map(({ id }) => id), [product]);
});

test('A customer whom the service made is told with the canonical id', async () => {
  await coreldoveClient(coreldove, { 'x-tenant-id': 't' }).send('user_create', {
    input: { externalReference: 'c-7', email: 'ada@example.com', firstName: 'Ada' },
  });
  await coreldove.act({ tenant_id: 't', entity: 'user', verb: 'update', id: 'VXNlcjox', data: { name: 'Ada King' } });
  const [{ event }] = heard;
  assert.equal(event.entity_id, 'c-7');
  assert.deepEqual(event.data, {
    customer_id: 'VXNlcjox', customer_name: 'Ada King', customer_email: 'ada@example.com',
  });
});
