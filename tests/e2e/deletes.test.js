/** What is deleted on one platform goes from the others, and stays gone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { eventually, newTenant, world } from './support/world.js';

const w = await world();

async function gone(platform, tenant, entity) {
  await eventually(async () => (await w.state(platform, tenant, entity)).length === 0, { explain: () => `${platform} still has it` });
}

function deletedUser(tenant) {
  return event('bizoholic', 'user_deleted', tenant, { user_id: 'bz-1' });
}

test('A deleted user goes from all platforms', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.sync(deletedUser(tenant));
  await gone('bizosaas', tenant, 'user');
  await gone('coreldove', tenant, 'user');
});

test('An update of what is known to be deleted is skipped', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.sync(deletedUser(tenant));
  const told = await w.sync(changedUser(tenant, { full_name: 'Ghost' }));
  assert.deepEqual(w.results(told), { coreldove: 'skipped', bizosaas: 'skipped' });
  assert.deepEqual(await w.state('bizosaas', tenant, 'user'), []);
});

test('What is created again after it was deleted is there again', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.sync(deletedUser(tenant));
  await w.sync(newUser(tenant, { full_name: 'Asha Returns' }));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Returns' });
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Returns' });
});

test('Deleting what nobody knows is no failure', async () => {
  const told = await w.settled(await w.send(deletedUser(newTenant())));
  assert.equal(told.status, 'completed');
});

test('A delete of what the platform has lost already is done', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant, {}, { target_platforms: ['bizosaas'] }));
  const [brain] = await w.state('bizosaas', tenant, 'user');
  await w.act('bizosaas', tenant, 'delete', 'user', { user_id: brain.id }, { silent: true }).catch(() => {});
  const told = await w.sync(event('bizoholic', 'user_deleted', tenant, { user_id: 'bz-1' }, { target_platforms: ['bizosaas'] }));
  assert.deepEqual(w.results(told), { bizosaas: 'completed' });
});

test('Created, deleted and created again in one batch ends with it there', async () => {
  const tenant = newTenant();
  const batch = [newUser(tenant), deletedUser(tenant), newUser(tenant, { full_name: 'Asha Again' })];
  const { body } = await w.post('/sync/events/batch', batch);
  assert.equal(body.accepted, 3);
  for (const { event_id: id } of body.results) await w.settled(id);
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Again' });
});
