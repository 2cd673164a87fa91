/** Taking back what an event has changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

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
  await refused(made.event_id, 409, /name has been changed again since|made the record/);
  const same = await w.sync(changedUser(tenant, { full_name: 'A. Iyer' }));
  await refused(same.event_id, 409, /nothing that the event has changed is left/);
  await refused('nobody', 404, /no such event/);
  await refused(slip.event_id, 422, /\/reason/, {});
  await refused(slip.event_id, 400, /no JSON/, '{');
  assert.equal((await w.post(`/sync/events/${slip.event_id}/undo?tenant_id=another`, { reason: 'x' })).status, 404);
  const gone = await w.sync(event('bizoholic', 'user_deleted', tenant, { user_id: 'bz-1' }));
  await refused(gone.event_id, 409, /deleted/);
});

test('An event that made its record is not taken back: its record is deleted instead', async () => {
  const tenant = newTenant();
  const made = await w.sync(newUser(tenant));
  await refused(made.event_id, 409, /made the record: delete it instead/);
});
