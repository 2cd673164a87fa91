/** Many events in one request, and the ways to write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, newLead, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

test('A batch is answered event by event, and one bad event spoils only itself', async () => {
  const tenant = newTenant();
  const { status, body } = await w.post('/sync/events/batch', [
    newLead(tenant, {}, { id: 'a' }), { event_type: 'lead_created' }, newLead(tenant, {}, { id: 'a' }), 7,
    newLead(tenant, { lead_id: 'lead-2', contact_email: 'b@example.com' }, { id: 'b' }),
  ]);
  assert.equal(status, 200);
  assert.deepEqual([body.accepted, body.duplicates, body.rejected], [2, 1, 2]);
  assert.deepEqual(body.results.map(({ index, status: one }) => [index, one]), [
    [0, 'created'], [1, 'rejected'], [2, 'duplicate'], [3, 'rejected'], [4, 'created'],
  ]);
  assert.equal(typeof body.results[1].error, 'string');
  await w.settled('a');
  await w.settled('b');
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, 2);
});

test('A batch keeps the order of its array', async () => {
  const tenant = newTenant();
  const changes = Array.from({ length: 50 }, (_, i) => changedUser(tenant, { full_name: `Asha ${i}` }));
  const { body } = await w.post('/sync/events/batch', [newUser(tenant), ...changes]);
  assert.equal(body.accepted, 51);
  for (const { event_id: id } of body.results) assert.equal((await w.settled(id)).status, 'completed');
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha 49' });
});

test('NDJSON is one event a line, and a bad line spoils only itself', async () => {
  const tenant = newTenant();
  const lines = [JSON.stringify(newLead(tenant)), '{"event_type":', JSON.stringify(newLead(tenant, { lead_id: 'l2', contact_email: '2@example.com' }))];
  const { status, body } = await w.post('/sync/events/batch', `${lines.join('\n')}\n`, { 'content-type': 'application/x-ndjson' });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.accepted, body.rejected], [2, 1]);
});

test('An empty batch is empty', async () => {
  const { status, body } = await w.post('/sync/events/batch', []);
  assert.equal(status, 200);
  assert.deepEqual([body.accepted, body.results], [0, []]);
});

test('More than 10,000 events are too many', async () => {
  const { status } = await w.post('/sync/events/batch', `[${Array(10_001).fill('{}').join(',')}]`);
  assert.ok(status === 413 || status === 422, `${status}`);
});

function cloudEvent(tenant) {
  return {
    specversion: '1.0', id: `ce-${tenant}`, source: '/bizoholic/crm', type: 'com.bizosaas.lead.created',
    time: '2026-01-31T09:30:00Z', datacontenttype: 'application/json', tenantid: tenant, targetplatforms: 'bizosaas',
    data: { lead_id: 'l', contact_name: 'Ravi' },
  };
}

test('A structured CloudEvent is an event', async () => {
  const tenant = newTenant();
  const { status, body } = await w.post('/sync/events', cloudEvent(tenant), { 'content-type': 'application/cloudevents+json' });
  assert.equal(status, 201, JSON.stringify(body));
  await w.holds('bizosaas', tenant, 'lead', { name: 'Ravi' });
});

test('A binary CloudEvent is an event', async () => {
  const tenant = newTenant();
  const { data, datacontenttype, ...attributes } = cloudEvent(tenant);
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]));
  const { status, body } = await w.post('/sync/events', data, { ...headers, 'content-type': datacontenttype });
  assert.equal(status, 201, JSON.stringify(body));
  await w.holds('bizosaas', tenant, 'lead', { name: 'Ravi' });
});

test('Batched CloudEvents are a batch', async () => {
  const tenant = newTenant();
  const { status, body } = await w.post('/sync/events', [cloudEvent(tenant)], { 'content-type': 'application/cloudevents-batch+json' });
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.accepted, 1);
});
