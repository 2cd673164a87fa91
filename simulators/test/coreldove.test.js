/**
 * The shop behaves as Saleor does where a synchronising client can notice, and the shipped documents do what their
 * table says.
 */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { channel, warehouse } from '../coreldove/furniture.js';
import { coreldoveClient } from '../test_support/coreldove_client.js';
import { documents } from '../test_support/coreldove_documents.js';
import { simulator } from '../test_support/harness.js';

const shop = await simulator('coreldove');
const client = coreldoveClient(shop);
const { send } = client;

beforeEach(() => shop.reset());

const ada = {
  externalReference: 'canonical-1', email: 'Ada@example.com', firstName: 'Ada', lastName: 'Lovelace',
  metadata: [{ key: 'phone', value: '+44 1' }],
};
const address = { country: 'IN', skipValidation: true };

/** A draft and what it needs; returns the links. */
async function draft(quantity = 2) {
  const links = await client.createProduct({ reference: 'p-1', name: 'Tea', price: '249.50', inventory: 5 });
  const { order, errors } = await send('order_create', {
    input: {
      channelId: channel.id, externalReference: 'o-1', userEmail: 'ada@example.com', billingAddress: address,
      lines: [{ variantId: links.variant, quantity }],
    },
  });
  assert.deepEqual(errors, []);
  return { ...links, order: order.id };
}

test('A customer gets a global id, and is found by id, by email and by reference', async () => {
  const { user, errors } = await send('user_create', { input: ada });
  assert.deepEqual([user.id, errors], ['VXNlcjox', []]);
  for (const by of ['id: "VXNlcjox"', 'email: "ada@example.com"', 'externalReference: "canonical-1"']) {
    const { body } = await client.query(`{ user(${by}) { id email firstName metafield(key: "phone") } }`);
    assert.deepEqual(body.data.user, {
      id: 'VXNlcjox', email: 'ada@example.com', firstName: 'Ada', metafield: '+44 1',
    });
  }
});

test('A second customer with the reference or the email is refused as UNIQUE inside a 200', async () => {
  await send('user_create', { input: ada });
  const sameReference = await send('user_create', { input: { ...ada, email: 'b@example.com' } });
  assert.deepEqual(sameReference, {
    user: null,
    errors: [{
      field: 'externalReference', message: 'User with this External reference already exists.', code: 'UNIQUE',
    }],
  });
  const { errors: [sameEmail] } = await send('user_create', { input: { ...ada, externalReference: 'canonical-2' } });
  assert.deepEqual([sameEmail.field, sameEmail.code], ['email', 'UNIQUE']);
});

test('An update addresses by id or by reference, but not by both or by none', async () => {
  await send('user_create', { input: ada });
  const update = (address) => send('user_update', { ...address, input: { lastName: 'King' } });
  assert.equal((await update({ id: 'VXNlcjox' })).user.id, 'VXNlcjox');
  assert.equal((await update({ externalReference: 'canonical-1' })).user.id, 'VXNlcjox');
  assert.equal((await update({ id: 'VXNlcjox', externalReference: 'canonical-1' })).errors[0].code, 'GRAPHQL_ERROR');
  assert.equal((await update({})).errors[0].code, 'GRAPHQL_ERROR');
  assert.equal((await update({ externalReference: 'nobody' })).errors[0].code, 'NOT_FOUND');
  assert.equal((await update({ id: 'UHJvZHVjdDox' })).errors[0].code, 'GRAPHQL_ERROR');
  const [record] = await shop.state('entity=user');
  assert.deepEqual(record.canonical, {
    name: 'Ada King', email: 'ada@example.com', phone: '+44 1', status: 'active',
  });
});

test('An email can not be taken over by an update', async () => {
  await send('user_create', { input: ada });
  const { user } = await send('user_create', { input: { email: 'bob@example.com' } });
  const { errors } = await send('user_update', { id: user.id, input: { email: 'ADA@example.com' } });
  assert.deepEqual(errors.map(({ field, code }) => [field, code]), [['email', 'UNIQUE']]);
  assert.deepEqual((await send('user_update', { id: user.id, input: { email: 'Bob@example.com' } })).errors, []);
});

test('A customer whom the shop knew before us is found by email', async () => {
  await shop.act({ tenant_id: 't', entity: 'user', verb: 'create', data: { customer_email: 'ada@example.com' } });
  const { errors } = await send('user_create', { input: ada });
  assert.deepEqual(errors.map(({ field, code }) => [field, code]), [['email', 'UNIQUE']]);
  const { id } = await send('user_find', { email: 'ada@example.com' });
  assert.deepEqual((await send('user_update', { id, input: ada })).errors, []);
  const [record] = await shop.state('entity=user');
  assert.deepEqual([record.external_reference, record.canonical.name], ['canonical-1', 'Ada Lovelace']);
});

test('Metadata keys add up', async () => {
  await send('user_create', { input: ada });
  await send('user_update', { id: 'VXNlcjox', input: { metadata: [{ key: 'tier', value: 'gold' }] } });
  const { body } = await client.query('{ user(id: "VXNlcjox") { metadata { key value } } }');
  assert.deepEqual(body.data.user.metadata, [{ key: 'phone', value: '+44 1' }, { key: 'tier', value: 'gold' }]);
});

test('A deleted customer is gone, and a second delete is NOT_FOUND', async () => {
  await send('user_create', { input: ada });
  assert.equal((await send('user_delete', { externalReference: 'canonical-1' })).user.id, 'VXNlcjox');
  assert.equal((await send('user_delete', { id: 'VXNlcjox' })).errors[0].code, 'NOT_FOUND');
  assert.deepEqual((await send('user_create', { input: ada })).errors, []);
});

test('A product is whole after its steps', async () => {
  await client.createProduct({ reference: 'p-1', name: 'Tea', price: 249.5, inventory: 5 });
  const [record] = await shop.state('entity=product');
  assert.equal(record.external_reference, 'p-1');
  assert.deepEqual(record.canonical, { name: 'Tea', price: 249.5, currency: 'INR', inventory: 5, status: 'active' });

  const { body } = await client.query(`{ product(externalReference: "p-1") {
    slug
    defaultVariant { sku channelListings { price { amount currency } } stocks { quantity } quantityAvailable }
  } }`);
  assert.deepEqual(body.data.product, {
    slug: 'tea',
    defaultVariant: {
      sku: null, channelListings: [{ price: { amount: 249.5, currency: 'INR' } }], stocks: [{ quantity: 5 }],
      quantityAvailable: 5,
    },
  });
});

test('Steps out of order are refused', async () => {
  const { body: { data } } = await client.query(`mutation {
    productCreate(input: { productType: "UHJvZHVjdFR5cGU6MQ==", name: "Bare" }) { product { id } } }`);
  const { id } = data.productCreate.product;
  const { productVariant } = await send('product_variant_create', { input: { product: id, attributes: [] } });
  const unlisted = await send('product_price', { id: productVariant.id, input: [{ channelId: channel.id, price: 1 }] });
  assert.equal(unlisted.errors[0].code, 'PRODUCT_NOT_ASSIGNED_TO_CHANNEL');
  const uncategorised = await send('product_listing', {
    id, input: { updateChannels: [{ channelId: channel.id, isPublished: true }] },
  });
  assert.equal(uncategorised.errors[0].code, 'PRODUCT_WITHOUT_CATEGORY');
});

test('A price has at most two decimals and an existing channel', async () => {
  const { variant } = await client.createProduct({ reference: 'p-1', name: 'Tea', price: '1.00', inventory: 1 });
  const price = (input) => send('product_price', { id: variant, input: [input] });
  assert.deepEqual((await price({ channelId: channel.id, price: '1.005' })).errors[0].code, 'INVALID');
  assert.deepEqual((await price({ channelId: channel.id, price: '1.500' })).errors, []);
  assert.deepEqual((await price({ channelId: 'Q2hhbm5lbDo5', price: '1' })).errors[0].code, 'NOT_FOUND');
});

test('product_update tells the variant of a product that was made in CoreLDove', async () => {
  const { body } = await shop.act({
    tenant_id: 't', entity: 'product', verb: 'create', data: { product_name: 'Own', product_price: 10 },
  });
  const { product, errors } = await send('product_update', { id: body.id, input: { externalReference: 'p-9' } });
  assert.deepEqual(errors, []);
  assert.equal(Buffer.from(product.defaultVariant.id, 'base64').toString(), 'ProductVariant:1');
});

test('Lost answers are caught up with by reference', async () => {
  await client.createProduct({ reference: 'p-1', name: 'Tea', price: '1', inventory: 1 });
  const { errors } = await send('product_variant_create', {
    input: { product: 'UHJvZHVjdDox', attributes: [], externalReference: 'p-1' },
  });
  assert.deepEqual([errors[0].field, errors[0].code], ['externalReference', 'UNIQUE']);
  const { productVariant } = await send('product_variant_update', { externalReference: 'p-1', input: { name: 'Tea' } });
  assert.ok(productVariant.id);
});

test('Two products of one name get two slugs', async () => {
  await client.createProduct({ reference: 'p-1', name: 'Tea', price: '1', inventory: 1 });
  await client.createProduct({ reference: 'p-2', name: 'Tea', price: '1', inventory: 1 });
  const { body } = await client.query('{ products(first: 5) { totalCount edges { node { slug } } } }');
  assert.deepEqual(body.data.products.edges.map(({ node }) => node.slug), ['tea', 'tea-2']);
});

test('A completed draft is an order at the shop\'s price, and its goods are set aside', async () => {
  const { order } = await draft();
  assert.deepEqual((await send('order_complete', { id: order })).errors, []);
  const { body } = await client.query(`{ order(externalReference: "o-1") {
    status
    total { gross { amount currency } }
    lines { quantity variant { stocks { quantity quantityAllocated } } }
  } }`);
  assert.deepEqual(body.data.order, {
    status: 'UNFULFILLED',
    total: { gross: { amount: 499, currency: 'INR' } },
    lines: [{ quantity: 2, variant: { stocks: [{ quantity: 5, quantityAllocated: 2 }] } }],
  });
  const [again] = (await send('order_complete', { id: order })).errors;
  assert.deepEqual([again.field, again.code], ['id', 'INVALID']);
});

test('A draft can not promise more than there is, or be completed without goods', async () => {
  const { order } = await draft(6);
  assert.equal((await send('order_complete', { id: order })).errors[0].code, 'INSUFFICIENT_STOCK');
  const empty = await send('order_create', { input: { channelId: channel.id, billingAddress: address } });
  assert.equal((await send('order_complete', { id: empty.order.id })).errors[0].code, 'REQUIRED');
  const homeless = await send('order_create', { input: { channelId: channel.id } });
  assert.equal((await send('order_complete', { id: homeless.order.id })).errors[0].code, 'BILLING_ADDRESS_NOT_SET');
});

test('Draft and order each have their own update, and their own end', async () => {
  const { order } = await draft();
  const input = { userEmail: 'grace@example.com' };
  assert.equal((await send('order_update', { id: order, input })).errors[0].code, 'INVALID');
  assert.deepEqual((await send('order_draft_update', { externalReference: 'o-1', input })).errors, []);
  assert.equal((await send('order_cancel', { id: order })).errors[0].code, 'CANNOT_CANCEL_ORDER');
  await send('order_complete', { id: order });
  assert.equal((await send('order_draft_update', { id: order, input })).errors[0].code, 'INVALID');
  assert.equal((await send('order_draft_delete', { id: order })).errors[0].code, 'INVALID');
  assert.deepEqual((await send('order_update', { externalReference: 'o-1', input })).errors, []);
  assert.deepEqual((await send('order_cancel', { id: order })).errors, []);
  const [record] = await shop.state('entity=order');
  assert.deepEqual([record.canonical.status, record.canonical.total_amount], ['canceled', 499]);
});

test("An order's status and total can not be written", async () => {
  for (const input of ['status: CANCELED', 'total: 1']) {
    const text = `mutation { orderUpdate(id: "x", input: { ${input} }) { errors { code } } }`;
    const { status, body } = await client.query(text);
    assert.equal(status, 400);
    assert.match(body.errors[0].message, /is not defined by type "OrderUpdateInput"/);
  }
});

test('Several mutations in one request are several calls, run in turn', async () => {
  const { body } = await client.query(`mutation Batch($a: UserCreateInput!, $b: UserCreateInput!) {
    first: customerCreate(input: $a) { user { id } errors { code } }
    second: customerCreate(input: $b) { user { id } errors { code } }
    third: customerCreate(input: $b) { user { id } errors { code } }
  }`, { a: ada, b: { email: 'b@example.com' } });
  assert.deepEqual(body.data, {
    first: { user: { id: 'VXNlcjox' }, errors: [] },
    second: { user: { id: 'VXNlcjoy' }, errors: [] },
    third: { user: null, errors: [{ code: 'UNIQUE' }] },
  });
  const history = await shop.history();
  assert.deepEqual(history.map(({ request, operation, outcome, id }) => [request, operation, outcome, id]), [
    [1, 'customerCreate', 'applied', 'VXNlcjox'],
    [1, 'customerCreate', 'applied', 'VXNlcjoy'],
    [1, 'customerCreate', 'refused', undefined],
  ]);
  assert.equal(history[1].data.input.email, 'b@example.com');
});

test('A rule can refuse one field of a batch', async () => {
  await shop.misbehave({
    match: { operation: 'customerDelete' }, refuse_field: { field: 'id', message: 'no', code: 'INVALID' },
  });
  const { body } = await client.query(`mutation {
    made: customerCreate(input: { email: "a@example.com" }) { errors { code } }
    gone: customerDelete(id: "VXNlcjox") { errors { field code } }
  }`);
  assert.deepEqual(body.data, { made: { errors: [] }, gone: { errors: [{ field: 'id', code: 'INVALID' }] } });
});

test('A GraphQL error can be put into a 200', async () => {
  await shop.misbehave({ graphql_error: { message: 'throttled' }, count: 1 });
  const { status, body } = await client.query('{ channels { id } }');
  assert.deepEqual([status, body], [200, { errors: [{ message: 'throttled' }], data: null }]);
});

test('What does not fit the schema is 400, as Saleor answers it', async () => {
  assert.equal((await client.query('{ nonsense }')).status, 400);
  assert.equal((await client.query('{ half')).status, 400);
  assert.equal((await client.query(documents.user_create, { input: 'no object' })).status, 400);
});

test('A wrong token is PermissionDenied inside a 200', async () => {
  const guarded = await simulator('coreldove', { token: 'secret' });
  const text = '{ customers(first: 1) { totalCount } }';
  const denied = await coreldoveClient(guarded).query(text);
  assert.deepEqual([denied.status, denied.body.errors[0].extensions.exception.code], [200, 'PermissionDenied']);
  const admitted = await coreldoveClient(guarded, { authorization: 'Bearer secret' }).query(text);
  assert.deepEqual(admitted.body.data.customers, { totalCount: 0 });
});

test('With the tenant header a request sees only its tenant; without it, the whole shop', async () => {
  const [a, b] = ['a', 'b'].map((tenant) => coreldoveClient(shop, { 'x-tenant-id': tenant }));
  assert.equal((await a.send('user_create', { input: ada })).user.id, 'VXNlcjox');
  assert.equal((await b.send('user_create', { input: ada })).user.id, 'VXNlcjoy');
  assert.equal((await b.send('user_update', { id: 'VXNlcjox', input: {} })).errors[0].code, 'NOT_FOUND');
  assert.equal((await client.send('user_update', { id: 'VXNlcjox', input: {} })).user.id, 'VXNlcjox');
  assert.deepEqual((await shop.state('tenant_id=b')).map(({ id }) => id), ['VXNlcjoy']);
});

test('The setup query finds the furniture', async () => {
  const { body: { data } } = await client.query(documents.setup_query);
  assert.deepEqual(data.channels, [{ id: 'Q2hhbm5lbDox', slug: 'default-channel', currencyCode: 'INR' }]);
  assert.deepEqual(data.warehouses.edges, [{ node: { id: warehouse.id, name: 'Mumbai' } }]);
});
