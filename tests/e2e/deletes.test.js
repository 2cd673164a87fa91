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

/** A user of bizoholic and bizosaas whom bizoholic renames, and whom bizosaas deletes as it had read him before that. */
async function deletedUnaware(tenant) {
  await w.sync(newUser(tenant));
  const { id } = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  const { event_id: event } = await w.act('bizosaas', tenant, 'delete', 'user', { id }, {
    target_platforms: ['bizoholic', 'coreldove'], event: { base_version: 1 },
  });
  await w.settled(event, ['review']);
  return { event, conflict: await onlyOpen(tenant) };
}

/** A user whom bizoholic deletes, and of whom bizosaas then tells a change that it made before it heard of that. */
async function changedUnaware(tenant) {
  await w.sync(newUser(tenant));
  const { id } = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  await w.sync(deletedUser(tenant));
  await gone('bizosaas', tenant, 'user');
  const late = event('bizosaas', 'user_updated', tenant, { user_id: id, user_name: 'Asha Iyer' }, {
    target_platforms: ['bizoholic', 'coreldove'], base_version: 1,
  });
  const sent = await w.send(late);
  await w.settled(sent, ['review']);
  return { event: sent, conflict: await onlyOpen(tenant) };
}

async function onlyOpen(tenant) {
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(body.total, 1, JSON.stringify(body));
  return body.conflicts[0];
}

async function resolve(conflict, choice) {
  const { status, body } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice, reason: 'asked around' });
  assert.equal(status, 200, JSON.stringify(body));
  return w.settled(body.resolution_event_id);
}

test('A delete that had not seen an edit waits for a person, and takes nothing away meanwhile', async () => {
  const tenant = newTenant();
  const { conflict } = await deletedUnaware(tenant);
  assert.equal(conflict.conflict_type, 'version_conflict');
  assert.match(conflict.reason, /bizosaas deleted the record and had not seen: .*name by bizoholic/);
  assert.deepEqual(conflict.fields.map(({ field, source_value: source, target_value: target }) => [field, source, target]), [['_deleted', true, false]]);
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Iyer' });
  assert.deepEqual(await w.state('bizosaas', tenant, 'user'), []);
  const path = `/sync/records/user/${conflict.entity_id}?tenant_id=${tenant}&explain`;
  const { body } = await w.get(path);
  assert.equal(body.deleted, false);
  assert.deepEqual(body.explain._deleted.waiting.map(({ value, platform }) => [value, platform]), [[true, 'bizosaas']]);
});

test('Who decides for the delete deletes everywhere', async () => {
  const tenant = newTenant();
  const { event: id, conflict } = await deletedUnaware(tenant);
  const told = await resolve(conflict, 'source');
  assert.equal(told.event.event_type, 'user_deleted');
  await gone('coreldove', tenant, 'user');
  assert.equal((await w.event(id)).status, 'completed');
});

test('Who decides for the edit has the record made anew where it was deleted, also after a crash', async () => {
  const tenant = newTenant();
  const { event: id, conflict } = await deletedUnaware(tenant);
  await w.service.signal('SIGKILL');
  await w.service.start();
  const told = await resolve(conflict, 'target');
  assert.equal(w.results(told).bizosaas, 'completed');
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  assert.equal((await w.event(id)).status, 'completed');
});

test('An edit that had not seen the tombstone waits, and brings the record back if a person says so', async () => {
  const tenant = newTenant();
  const { conflict } = await changedUnaware(tenant);
  assert.match(conflict.reason, /bizosaas changed the record and had not seen that bizoholic deleted it/);
  assert.deepEqual(await w.state('bizosaas', tenant, 'user'), []);
  const told = await resolve(conflict, 'source');
  assert.equal(told.event.event_type, 'user_created');
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Iyer' });
});

test('Or it stays deleted', async () => {
  const tenant = newTenant();
  const { event: id, conflict } = await changedUnaware(tenant);
  await resolve(conflict, 'target');
  assert.equal((await w.event(id)).status, 'completed');
  assert.deepEqual(await w.state('bizosaas', tenant, 'user'), []);
  assert.deepEqual(await w.state('coreldove', tenant, 'user'), []);
});
