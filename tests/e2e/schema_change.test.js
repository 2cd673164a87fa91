/** A field that arrives with a value of another kind, and one that a platform no longer says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { event, newLead } from './support/events.js';
import { newTenant, world } from './support/world.js';

const kYaml = `
conflict_rules:
  lead:
    fields:
      size: {schema_change: allowed}
platforms:
  bizoholic:
    entities:
      lead: {whole_records: true}
`;

const w = await world({ args: ['--config', 'shop.yaml'], files: { 'shop.yaml': kYaml } });

function changed(tenant, data) {
  return newLead(tenant, data, { event_type: 'lead_updated' });
}

async function schemaChanges(tenant, status) {
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&conflict_type=schema_change&status=${status}`);
  return body.conflicts;
}

test('A value of another kind waits for a person, and the rest of its event goes on', async () => {
  const tenant = newTenant();
  await w.sync(newLead(tenant, { lead_score: 40, lead_status: 'new' }));
  const id = await w.send(changed(tenant, { lead_score: 'high', lead_status: 'won' }));
  await w.settled(id, ['review']);
  await w.holds('bizosaas', tenant, 'lead', { score: 40, status: 'won' });
  const [conflict] = await schemaChanges(tenant, 'open');
  assert.equal(conflict.reason, 'score was a number and arrives as a string');
  const { body } = await w.get(`/sync/records/lead/${conflict.entity_id}?tenant_id=${tenant}&explain`);
  assert.deepEqual(body.explain.score.waiting.map(({ value, conflict_type: type, reason }) => [value, type, reason]),
    [['high', 'schema_change', conflict.reason]]);
  const { status } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice: 'target', reason: 'a slip' });
  assert.equal(status, 200);
  await w.holds('bizoholic', tenant, 'lead', { score: 40 });
});

test('A field that is said to have several kinds has them', async () => {
  const tenant = newTenant();
  await w.sync(newLead(tenant, { size: 5 }));
  await w.sync(changed(tenant, { size: 'large' }));
  await w.holds('bizosaas', tenant, 'lead', { size: 'large' });
  assert.deepEqual((await schemaChanges(tenant, 'open')).filter(({ fields }) => fields[0].field === 'size'), []);
});

test('A field that a platform of whole records no longer says keeps its value, and is told of once, until it is back', async () => {
  const tenant = newTenant();
  const part = { lead_id: 'lead-1', contact_name: 'Ravi' };
  const said = (data) => w.sync(event('bizoholic', 'lead_updated', tenant, data, { target_platforms: ['bizosaas'] }));
  await w.sync(newLead(tenant));
  const { event_id: first } = await said({ ...part, lead_score: 50 });
  await said({ ...part, lead_score: 60 });
  await w.holds('bizosaas', tenant, 'lead', { score: 60, email: 'ravi@example.com' });
  const open = await schemaChanges(tenant, 'open');
  assert.equal(open.length, 1, JSON.stringify(open));
  assert.equal(open[0].event_id, first);
  assert.equal(open[0].reason, 'bizoholic sends whole records and no longer says email; its value stays');
  const { status } = await w.post(`/sync/conflicts/${open[0].conflict_id}/resolve`, { choice: 'source', reason: 'x' });
  assert.equal(status, 422, 'there is nothing to choose');
  await said({ ...part, contact_email: 'ravi@example.com', lead_score: 70 });
  assert.deepEqual(await schemaChanges(tenant, 'open'), []);
  const [resolved] = await schemaChanges(tenant, 'resolved');
  assert.equal(resolved.resolution_reason, 'the field is back');
});
