/** Taking back what an event has changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { eventually, newTenant, world } from './support/world.js';

const w = await world();

function undo(id, body = { reason: 'a slip of the pen' }) {
  return w.post(`/sync/events/${id}/undo`, body);
}

async function undone(id) {
  const { status, body } = await undo(id);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.event_id, id);
  return w.settled(body.undo_event_id);
}

async function refused(id, status, detail, body) {
  const answer = await undo(id, body);
  assert.equal(answer.status, status, JSON.stringify(answer.body));
  assert.match(answer.body.detail, detail);
}

test('What an event has changed is taken back everywhere, and the rest stays', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const slip = await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  await w.sync(changedUser(tenant, { phone_number: '+91 80 5550 0199' }));
  const told = await undone(slip.event_id);
  assert.equal(told.status, 'completed');
  assert.equal(told.event.source_platform, 'data-sync');
  assert.deepEqual(told.event.data, { name: 'Asha Raman' });
  assert.deepEqual(w.results(told), { bizoholic: 'completed', bizosaas: 'completed', coreldove: 'completed' });
  for (const platform of ['bizosaas', 'coreldove']) {
    await w.holds(platform, tenant, 'user', { name: 'Asha Raman', phone: '+91 80 5550 0199' });
  }
});

test('A field that came with the event is empty again', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const slip = await w.sync(changedUser(tenant, { profile_data: { theme: 'dark' } }));
  const told = await undone(slip.event_id);
  assert.deepEqual(told.event.data, { profile_data: null });
  await w.holds('bizosaas', tenant, 'user', { profile_data: null });
});

test('What was taken back can be taken back', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const slip = await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  const first = await undone(slip.event_id);
  await undone(first.event_id);
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
});

test('A decision about a review can be taken back', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.settled(await w.send(changedUser(tenant, { email_address: 'new@example.com' })), ['review']);
  const [conflict] = (await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`)).body.conflicts;
  const { body } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice: 'source', reason: 'verified' });
  await w.settled(body.resolution_event_id);
  await undone(body.resolution_event_id);
  await w.holds('bizosaas', tenant, 'user', { email: 'asha@example.com' });
  const user = await w.get(`/sync/users/${conflict.entity_id}?tenant_id=${tenant}`);
  assert.equal(user.body.email, 'asha@example.com');
});

test('Money goes back with its currency', async () => {
  const tenant = newTenant();
  const order = (type, total) => event('coreldove', type, tenant, { order_id: 'o-1', order_number: '7001', order_total: total });
  await w.sync(order('order_created', 8300));
  const slip = await w.sync(order('order_updated', 8383));
  await undone(slip.event_id);
  await w.holds('bizoholic', tenant, 'order', { total_amount: 100 });
});

test('It is refused with the reason where the record has moved on', async () => {
  const tenant = newTenant();
  const made = await w.sync(newUser(tenant));
  const slip = await w.sync(changedUser(tenant, { full_name: 'Asha Iyer', phone_number: '1' }));
  await w.sync(changedUser(tenant, { full_name: 'A. Iyer' }));
  await refused(slip.event_id, 409, /name has been changed again since/);
  await refused(made.event_id, 409, /name has been changed again since by bizoholic/);
  const same = await w.sync(changedUser(tenant, { full_name: 'A. Iyer' }));
  await refused(same.event_id, 409, /nothing that the event has changed is left/);
  await refused('nobody', 404, /no such event/);
  await refused(slip.event_id, 422, /\/reason/, {});
  await refused(slip.event_id, 400, /no JSON/, '{');
  assert.equal((await w.post(`/sync/events/${slip.event_id}/undo?tenant_id=another`, { reason: 'x' })).status, 404);
});

async function gone(tenant) {
  for (const platform of ['bizoholic', 'bizosaas', 'coreldove']) {
    await eventually(async () => (await w.state(platform, tenant, 'user')).length === 0, { explain: () => `${platform} still has it` });
  }
}

test('A user who was deleted lives again everywhere, also where the delete came from', async () => {
  const tenant = newTenant();
  const { id } = await w.act('bizoholic', tenant, 'create', 'user', { full_name: 'Asha Raman', email_address: 'asha@example.com' });
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Raman' });
  await w.idle();
  const { event_id: slip } = await w.act('bizoholic', tenant, 'delete', 'user', { user_id: id });
  await w.settled(slip);
  await gone(tenant);
  const told = await undone(slip);
  assert.equal(told.event.event_type, 'user_created');
  assert.deepEqual(w.results(told), { bizoholic: 'completed', bizosaas: 'completed', coreldove: 'completed' });
  for (const platform of ['bizoholic', 'bizosaas', 'coreldove']) {
    await w.holds(platform, tenant, 'user', { name: 'Asha Raman', email: 'asha@example.com' });
  }
  await refused(slip, 409, /nothing that the event has changed is left/);
});

test('A user whom one event made goes from everywhere, as long as nobody has changed him', async () => {
  const tenant = newTenant();
  const made = await w.sync(newUser(tenant));
  const told = await undone(made.event_id);
  assert.equal(told.event.event_type, 'user_deleted');
  await gone(tenant);
  await undone(told.event_id);
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
});

test('A user whom somebody has changed since is not unmade', async () => {
  const tenant = newTenant();
  const made = await w.sync(newUser(tenant));
  const { id } = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  const { event_id: change } = await w.act('bizosaas', tenant, 'update', 'user', { id, user_phone: '1' });
  await w.settled(change);
  await refused(made.event_id, 409, /phone has been changed again since by bizosaas/);
  await w.holds('coreldove', tenant, 'user', { phone: '1' });
});

/** A user whom bizoholic renames, and whom bizosaas deletes as it had read him before that. */
async function decidedDelete(tenant, choice) {
  await w.sync(newUser(tenant));
  const { id } = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  const { event_id: sent } = await w.act('bizosaas', tenant, 'delete', 'user', { id }, { event: { base_version: 1 } });
  await w.settled(sent, ['review']);
  const [conflict] = (await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`)).body.conflicts;
  const { body } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice, reason: 'asked around' });
  await w.settled(body.resolution_event_id);
  return body.resolution_event_id;
}

test('The decision that a record is to go is taken back: it is there again', async () => {
  const tenant = newTenant();
  const decision = await decidedDelete(tenant, 'source');
  await eventually(async () => (await w.state('coreldove', tenant, 'user')).length === 0);
  await undone(decision);
  for (const platform of ['bizosaas', 'coreldove']) await w.holds(platform, tenant, 'user', { name: 'Asha Iyer' });
});

test('The decision that a record is to stay is taken back: it goes', async () => {
  const tenant = newTenant();
  const decision = await decidedDelete(tenant, 'target');
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  await undone(decision);
  await gone(tenant);
});
