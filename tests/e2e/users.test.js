/** What happens on one platform arrives on the others, in their words, once, and never comes back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, newLead, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

test('A user created at bizoholic reaches the others under their own field names', async () => {
  const tenant = newTenant();
  const told = await w.sync(newUser(tenant));
  assert.deepEqual(w.results(told), { coreldove: 'completed', bizosaas: 'completed' });

  const [brain] = await w.state('bizosaas', tenant, 'user');
  assert.equal(brain.data.user_name, 'Asha Raman');
  assert.equal(brain.data.user_email, 'asha@example.com');
  assert.equal(brain.data.user_phone, '+91 80 5550 0100');
  const [shop] = await w.state('coreldove', tenant, 'user');
  assert.equal(shop.canonical.name, 'Asha Raman');
  assert.equal(shop.canonical.email, 'asha@example.com');
});

test('A delivery carries the event as its idempotency key, and the sync metadata inside the data', async () => {
  const tenant = newTenant();
  const { event_id: id } = await w.sync(newUser(tenant));
  const [delivery] = await w.history('bizosaas', tenant, 'user');
  assert.equal(delivery.idempotency_key, id);
  assert.equal(delivery.verb, 'create');
  const { _sync_metadata: metadata } = delivery.data;
  assert.equal(metadata.source_platform, 'bizoholic');
  assert.equal(metadata.target_platform, 'bizosaas');
  assert.equal(metadata.version, 1);
  assert.equal(typeof metadata.entity_id, 'string');
});

test('An update brings what changed, to the record that is there', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer', email: 'asha@example.com' });
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Iyer', email: 'asha@example.com' });
  const update = (await w.history('bizosaas', tenant, 'user')).at(-1);
  assert.equal(update.verb, 'update');
  assert.equal(update.data.user_phone, undefined, 'the phone did not change');
});

test('An update of what no platform has yet is a create', async () => {
  const tenant = newTenant();
  await w.sync(changedUser(tenant, { full_name: 'Asha', email_address: 'asha@example.com' }));
  const [delivery] = await w.history('bizosaas', tenant, 'user');
  assert.equal(delivery.verb, 'create');
});

test('What a platform tells back unchanged goes nowhere', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.bizosaas.behave();
  const before = (await w.history('bizoholic', tenant)).length;
  // The whole record, as a naive platform reports it after every write, the service's own among them.
  const [{ id, data }] = await w.state('bizosaas', tenant, 'user');
  const { event_id: echo } = await w.act('bizosaas', tenant, 'update', 'user', { user_id: id, user_name: data.user_name }, { whole: true });
  const told = await w.settled(echo);
  assert.equal(told.status, 'completed');
  assert.deepEqual(w.results(told), { bizoholic: 'skipped', coreldove: 'skipped' });
  assert.equal((await w.history('bizoholic', tenant)).length, before);
});

test('A change made at the target comes to the source by its own id, and stops there', async () => {
  const tenant = newTenant();
  const { id } = await w.act('bizoholic', tenant, 'create', 'user', { full_name: 'Asha', email_address: 'asha@example.com' });
  const brain = await w.holds('bizosaas', tenant, 'user', { name: 'Asha' });
  await w.holds('coreldove', tenant, 'user', { email: 'asha@example.com' });
  const { event_id: change } = await w.act('bizosaas', tenant, 'update', 'user', { user_id: brain.id, user_phone: '+91 1' });
  await w.settled(change);
  const held = await w.holds('bizoholic', tenant, 'user', { name: 'Asha', phone: '+91 1' });
  assert.equal(held.id, id);
  await w.idle();
  const updates = (await w.history('bizosaas', tenant, 'user')).filter(({ verb }) => verb === 'update');
  assert.deepEqual(updates, [], 'bizosaas wrote it itself');
});

test('Two platforms that know the same email mean the same user', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const { body } = await w.post('/sync/events', {
    event_type: 'user_updated', source_platform: 'bizosaas', target_platforms: ['bizoholic'], tenant_id: tenant,
    data: { user_id: 'another-id', user_email: 'ASHA@example.com', user_phone: '+91 2' },
  });
  await w.settled(body.event_id);
  const phones = (await w.history('bizoholic', tenant, 'user')).map(({ data }) => data.phone_number);
  assert.ok(phones.includes('+91 2'));
  assert.equal((await w.state('bizosaas', tenant, 'user')).length, 1);
});

test('The source among the targets is skipped', async () => {
  const tenant = newTenant();
  const told = await w.sync(newLead(tenant, {}, { target_platforms: ['bizoholic', 'bizosaas'] }));
  assert.deepEqual(w.results(told), { bizoholic: 'skipped', bizosaas: 'completed' });
});

test('A target that has no such thing is skipped', async () => {
  const tenant = newTenant();
  const told = await w.sync(newLead(tenant, {}, { target_platforms: ['coreldove', 'bizosaas'] }));
  assert.deepEqual(w.results(told), { coreldove: 'skipped', bizosaas: 'completed' });
});

test('A lead without a source gets cross_platform_sync', async () => {
  const tenant = newTenant();
  await w.sync(newLead(tenant));
  await w.holds('bizosaas', tenant, 'lead', { source: 'cross_platform_sync', score: 40 });
});

test('Status words are translated between bizoholic and coreldove', async () => {
  const tenant = newTenant();
  await w.sync({
    event_type: 'product_created', source_platform: 'coreldove', target_platforms: ['bizoholic', 'bizosaas'], tenant_id: tenant,
    data: { product_id: 'p-1', product_name: 'Lamp', status: 'published' },
  });
  await w.holds('bizoholic', tenant, 'product', { name: 'Lamp', status: 'active' });
  await w.holds('bizosaas', tenant, 'product', { name: 'Lamp', status: 'active' });
});

test('A platform that was not named at first gets all that it lacks when it is', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant, {}, { target_platforms: ['bizosaas'] }));
  assert.deepEqual(await w.state('coreldove', tenant, 'user'), []);
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }, { target_platforms: ['coreldove'] }));
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Iyer', email: 'asha@example.com' });
});

test('Unmapped fields travel as they are', async () => {
  const tenant = newTenant();
  const nested = { tags: ['a', 'é', '日本'], depth: { of: [1, 2.5, null, true] } };
  await w.sync(newUser(tenant, { favourite: nested }));
  await w.holds('bizosaas', tenant, 'user', { favourite: nested });
});
