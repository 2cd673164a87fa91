/** The same event told twice is one event. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newLead } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

test('The same id again is a duplicate with the first id', async () => {
  const tenant = newTenant();
  const lead = newLead(tenant, {}, { id: 'my-event-1' });
  assert.equal(await w.send(lead), 'my-event-1');
  const { status, body } = await w.post('/sync/events', lead);
  assert.equal(status, 200);
  assert.deepEqual(body, { event_id: 'my-event-1', status: 'duplicate' });
});

test('The same Idempotency-Key again is a duplicate', async () => {
  const tenant = newTenant();
  const id = await w.send(newLead(tenant), { 'idempotency-key': 'key-1' });
  const { status, body } = await w.post('/sync/events', newLead(tenant), { 'idempotency-key': 'key-1' });
  assert.deepEqual([status, body.event_id, body.status], [200, id, 'duplicate']);
});

test('Ids and keys share one space', async () => {
  const tenant = newTenant();
  await w.send(newLead(tenant, {}, { id: 'shared' }));
  const { status, body } = await w.post('/sync/events', newLead(tenant), { 'idempotency-key': 'shared' });
  assert.deepEqual([status, body.event_id], [200, 'shared']);
});

test('JSON that says the same in another way is the same', async () => {
  const tenant = newTenant();
  const lead = newLead(tenant, {}, { id: 'same' });
  await w.send(lead);
  const turned = Object.fromEntries(Object.entries(lead).reverse());
  assert.equal((await w.post('/sync/events', JSON.stringify(turned, undefined, 4))).status, 200);
});

test('The same id with other content is 409', async () => {
  const tenant = newTenant();
  await w.send(newLead(tenant, {}, { id: 'mine' }));
  const { status, body } = await w.post('/sync/events', newLead(tenant, { lead_score: 41 }, { id: 'mine' }));
  assert.equal(status, 409);
  assert.equal(typeof body.detail, 'string');
});

test('Two tenants may use the same id', async () => {
  const [one, other] = [newTenant(), newTenant()];
  await w.send(newLead(one, {}, { id: 'both' }));
  await w.send(newLead(other, {}, { id: 'both' }));
  assert.equal((await w.get('/sync/events/both')).status, 422);
  const { status, body } = await w.get(`/sync/events/both?tenant_id=${other}`);
  assert.equal(status, 200);
  assert.equal(body.event.tenant_id, other);
});

test('Of many at once under one id, one is created', async () => {
  const tenant = newTenant();
  const answers = await Promise.all(Array.from({ length: 20 }, () => w.post('/sync/events', newLead(tenant, {}, { id: 'rush' }))));
  assert.equal(answers.filter(({ status }) => status === 201).length, 1);
  assert.equal(answers.filter(({ status }) => status === 200).length, 19);
  await w.settled('rush');
  assert.equal((await w.history('bizosaas', tenant)).length, 1);
});
