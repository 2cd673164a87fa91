/** A platform that keeps two records in one copy of its own: a person says whether they are one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { eventually, newTenant, world } from './support/world.js';

// Addresses find no record here, but no platform has two users with one address.
const w = await world({ args: ['--config', 'shop.yaml'], files: { 'shop.yaml': 'entities: {user: {natural_keys: []}}\n' } });

/** Asha, whom bizosaas has from bizoholic, and a customer of the shop with her address. */
async function twoOfOneAddress(tenant) {
  await w.sync(newUser(tenant, {}, { entity_id: 'asha', target_platforms: ['bizosaas'] }));
  const copy = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  const id = await w.send(event('coreldove', 'user_created', tenant, { customer_id: 'c-1', name: 'A. Customer', email: 'asha@example.com' },
    { entity_id: 'customer', target_platforms: ['bizosaas'] }));
  const told = await w.settled(id, ['review']);
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(body.total, 1, JSON.stringify(body));
  return { id, told, copy, conflict: body.conflicts[0] };
}

async function resolved(conflict, choice) {
  const { status, body } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice, reason: 'asked her' });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

test('It goes to a person, the first keeps its copy as it was, and the second is told there no more', async () => {
  const tenant = newTenant();
  const { told, copy, conflict } = await twoOfOneAddress(tenant);
  assert.deepEqual(w.results(told), { bizosaas: 'review' });
  assert.equal(conflict.entity_id, 'customer');
  assert.match(conflict.reason, /bizosaas keeps it in one copy with asha/);
  assert.deepEqual(conflict.fields.map(({ field, source_value: source, target_value: target }) => [field, source, target]),
    [['_copy_bizosaas', 'asha', 'customer']]);
  const later = await w.send(event('coreldove', 'user_updated', tenant, { customer_id: 'c-1', name: 'Another' }, { target_platforms: ['bizosaas'] }));
  await w.settled(later, ['review']);
  await w.idle();
  assert.equal((await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' })).id, copy.id);
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }, { target_platforms: ['bizosaas'] }));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
});

test('They are one: merged, and the event is done', async () => {
  const tenant = newTenant();
  const { id, conflict } = await twoOfOneAddress(tenant);
  const { body: refused } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice: 'merged', data: { name: 'x' }, reason: 'x' });
  assert.match(JSON.stringify(refused), /must be source, if they are one, or target/);
  const { resolution_event_id: decision } = await resolved(conflict, 'source');
  await w.settled(decision);
  assert.deepEqual((await w.get(`/sync/records/user/asha?tenant_id=${tenant}`)).body.absorbed, ['customer']);
  assert.equal((await w.event(id)).status, 'completed');
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
});

test('They are two: told again, and asked again only where the platform still can\'t tell them apart', async () => {
  const tenant = newTenant();
  const { conflict, copy } = await twoOfOneAddress(tenant);
  await resolved(conflict, 'target');
  const again = await eventually(async () => {
    const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
    return body.conflicts.find(({ fields }) => fields[0].field === '_copy_bizosaas');
  }, { explain: () => w.service.log });
  assert.notEqual(again.conflict_id, conflict.conflict_id);
  const changed = await w.send(event('coreldove', 'user_updated', tenant, { customer_id: 'c-1', email: 'customer@example.com' }, { target_platforms: ['bizosaas'] }));
  await w.settled(changed, ['review']);
  const { body: { conflicts: waiting } } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  for (const one of waiting.filter(({ fields }) => fields[0].field === 'email')) await resolved(one, 'source');
  await resolved((await w.get(`/sync/conflicts/${again.conflict_id}`)).body, 'target');
  await eventually(async () => (await w.state('bizosaas', tenant, 'user')).length === 2, { explain: () => w.service.log });
  const names = (await w.state('bizosaas', tenant, 'user')).map(({ id, canonical }) => [id === copy.id, canonical.name]);
  assert.deepEqual(names.sort(), [[false, 'A. Customer'], [true, 'Asha Raman']]);
});

test('A GraphQL platform refuses a second one without naming the first: it is looked up, and not overwritten', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant, {}, { entity_id: 'asha', target_platforms: ['coreldove'] }));
  const copy = await w.holds('coreldove', tenant, 'user', { name: 'Asha Raman' });
  const id = await w.send(event('bizosaas', 'user_created', tenant, { id: 'b-1', name: 'A. Customer', email: 'asha@example.com' },
    { entity_id: 'customer', target_platforms: ['coreldove'] }));
  await w.settled(id, ['review']);
  const { body: { conflicts: [conflict] } } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.deepEqual(conflict.fields.map(({ field, source_value: source }) => [field, source]), [['_copy_coreldove', 'asha']]);
  await w.idle();
  const { id: same } = await w.holds('coreldove', tenant, 'user', { name: 'Asha Raman' });
  assert.equal(same, copy.id);
  const { resolution_event_id: decision } = await resolved(conflict, 'source');
  await w.settled(decision);
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Raman' });
});
