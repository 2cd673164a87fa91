/** Who wins, who is corrected, and what waits for a person. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newLead, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

const kReviewMsMax = 5_000;

/** A lead on bizoholic and bizosaas with a score of 80, which was 40 when bizosaas last looked. */
async function leadThatMovedOn(tenant) {
  const { id } = await w.act('bizoholic', tenant, 'create', 'lead', { contact_name: 'Ravi', lead_score: 40 }, { target_platforms: ['bizosaas'] });
  await w.holds('bizosaas', tenant, 'lead', { score: 40 });
  await w.act('bizoholic', tenant, 'update', 'lead', { lead_id: id, lead_score: 80 }, { target_platforms: ['bizosaas'] });
  return w.holds('bizosaas', tenant, 'lead', { score: 80 });
}

test('A concurrent lead score more than ten lower loses, and its platform is corrected', async () => {
  const tenant = newTenant();
  const { id } = await leadThatMovedOn(tenant);
  const { event_id: late } = await w.act('bizosaas', tenant, 'update', 'lead', { id, score: 60 }, {
    target_platforms: ['bizoholic'], event: { base_version: 1 },
  });
  const told = await w.settled(late);
  assert.equal(told.status, 'completed');
  assert.deepEqual(w.results(told), { bizoholic: 'skipped', bizosaas: 'completed' });
  await w.holds('bizosaas', tenant, 'lead', { score: 80 });
  await w.holds('bizoholic', tenant, 'lead', { score: 80 });
});

test('A concurrent lead score more than ten higher wins', async () => {
  const tenant = newTenant();
  const { id } = await leadThatMovedOn(tenant);
  const { event_id: late } = await w.act('bizosaas', tenant, 'update', 'lead', { id, score: 95 }, {
    target_platforms: ['bizoholic'], event: { base_version: 1 },
  });
  await w.settled(late);
  await w.holds('bizoholic', tenant, 'lead', { score: 95 });
  await w.holds('bizosaas', tenant, 'lead', { score: 95 });
});

test('A score that knew of the other is no conflict, however low', async () => {
  const tenant = newTenant();
  const { id } = await leadThatMovedOn(tenant);
  const { event_id: change } = await w.act('bizosaas', tenant, 'update', 'lead', { id, score: 5 }, { target_platforms: ['bizoholic'] });
  await w.settled(change);
  await w.holds('bizoholic', tenant, 'lead', { score: 5 });
});

test('A conflict can be read', async () => {
  const tenant = newTenant();
  const { id } = await leadThatMovedOn(tenant);
  const { event_id: late } = await w.act('bizosaas', tenant, 'update', 'lead', { id, score: 60 }, {
    target_platforms: ['bizoholic'], event: { base_version: 1 },
  });
  await w.settled(late);
  const { status, body } = await w.get(`/sync/conflicts?tenant_id=${tenant}`);
  assert.equal(status, 200);
  assert.equal(body.total, 1);
  const [conflict] = body.conflicts;
  assert.equal(conflict.conflict_type, 'version_conflict');
  assert.equal(conflict.entity_type, 'lead');
  assert.equal(conflict.source_platform, 'bizosaas');
  assert.equal(conflict.strategy, 'custom_logic');
  assert.equal(conflict.status, 'resolved');
});

test('A change of email waits for verification, and the rest of the event goes on', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const id = await w.send(changedUser(tenant, { email_address: 'new@example.com', full_name: 'Asha Iyer' }));
  await w.settled(id, ['review'], kReviewMsMax);
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer', email: 'asha@example.com' });
});

test('A verified email goes everywhere', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const id = await w.send(changedUser(tenant, { email_address: 'new@example.com' }));
  await w.settled(id, ['review'], kReviewMsMax);
  const [conflict] = (await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`)).body.conflicts;
  const { status, body } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice: 'source', reason: 'verified by mail' });
  assert.equal(status, 200, JSON.stringify(body));
  await w.holds('bizosaas', tenant, 'user', { email: 'new@example.com' });
  assert.equal((await w.settled(id)).status, 'completed');
});

function order(type, tenant, data) {
  return event('coreldove', type, tenant, { order_id: 'o-1', order_number: '7001', ...data });
}

test('An order that grows by more than 100 dollars waits for a person', async () => {
  const tenant = newTenant();
  await w.sync(order('order_created', tenant, { order_total: 8300 }));
  await w.settled(await w.send(order('order_updated', tenant, { order_total: 8300 + 101 * 83 })), ['review'], kReviewMsMax);
  await w.holds('bizoholic', tenant, 'order', { total_amount: 100 });
});

test('An order that grows by 100 dollars does not', async () => {
  const tenant = newTenant();
  await w.sync(order('order_created', tenant, { order_total: 8300 }));
  await w.sync(order('order_updated', tenant, { order_total: 8300 + 100 * 83 }));
  await w.holds('bizoholic', tenant, 'order', { total_amount: 200 });
});

test('A change on a version that is not there yet fails with a message', async () => {
  const tenant = newTenant();
  await w.sync(newLead(tenant));
  const told = await w.settled(await w.send(newLead(tenant, { lead_score: 50 }, { event_type: 'lead_updated', base_version: 99 })));
  assert.equal(told.status, 'failed');
});

test('An older version of the same platform changes nothing', async () => {
  const tenant = newTenant();
  const change = (score, version) => newLead(tenant, { lead_score: score }, { event_type: 'lead_updated', version });
  await w.sync(newLead(tenant, {}, { version: 1 }));
  await w.sync(change(70, 3));
  await w.sync(change(50, 2));
  await w.holds('bizosaas', tenant, 'lead', { score: 70 });
});
