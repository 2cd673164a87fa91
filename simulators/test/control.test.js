/**
 * The back door: history for the checkers, rules of bad behaviour, and bounds.
 */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { eventually } from '../story/eventually.js';
import { simulator } from '../test_support/harness.js';

const platform = await simulator('bizoholic', { historySize: 4, bodyBytesMax: 2000 });
beforeEach(() => platform.reset());

function createLead(id, tenant = 't') {
  const body = { tenant_id: tenant, data: { lead_id: id } };
  return platform.post('/api/sync/lead/create', body, { 'idempotency-key': `event-${id}` });
}

/** Waits until the first request is in. */
function arrival() {
  return eventually(async () => (await platform.history()).length > 0, { everyMs: 5 });
}

test('The history tells every call in order of arrival', async () => {
  await createLead('1');
  await createLead('1');
  const [first, second] = await platform.history();
  assert.deepEqual(
    { ...first, arrived_at: undefined, arrived_ms: undefined },
    {
      sequence: 1, request: 1, arrived_at: undefined, arrived_ms: undefined, idempotency_key: 'event-1', tenant_id: 't',
      entity: 'lead', verb: 'create', data: { lead_id: '1' }, status: 201, outcome: 'applied', applied_order: 1, id: 'bz_lead_1001',
    },
  );
  assert.deepEqual([second.sequence, second.outcome], [2, 'replayed']);
  assert.equal(first.arrived_at, new Date(first.arrived_ms).toISOString());
});

test('The history is a ring, and says how many it forgot', async () => {
  for (const id of ['1', '2', '3', '4', '5', '6']) await createLead(id);
  const { body } = await platform.control('history');
  assert.deepEqual(body.entries.map(({ sequence }) => sequence), [3, 4, 5, 6]);
  assert.deepEqual([body.requests, body.dropped], [6, 2]);
  assert.deepEqual((await platform.history('since=4&limit=1')).map(({ sequence }) => sequence), [5]);
});

test('A body over the limit is 413', async () => {
  assert.equal((await createLead('x'.repeat(3000))).status, 413);
});

test('A status rule answers instead of the platform, as often as it says', async () => {
  await platform.misbehave({ status: 503, retry_after: 7, count: 2 });
  const spoiled = await createLead('1');
  assert.deepEqual([spoiled.status, spoiled.headers.get('retry-after')], [503, '7']);
  assert.equal((await createLead('1')).status, 503);
  assert.equal((await createLead('1')).status, 201);
  assert.deepEqual((await platform.history()).map(({ outcome, misbehaved }) => [outcome, misbehaved]), [
    ['refused', 'status'], ['refused', 'status'], ['applied', undefined],
  ]);
});

test('A rule touches only what it matches', async () => {
  await platform.misbehave({ match: { tenant_id: 'bad', verb: 'create' }, status: 500 });
  assert.equal((await createLead('1', 'good')).status, 201);
  assert.equal((await createLead('1', 'bad')).status, 500);
  await platform.behave();
  assert.equal((await createLead('1', 'bad')).status, 201);
});

test('A socket dropped after applying leaves the client ignorant, and the key tells it later', async () => {
  await platform.misbehave({ drop: true, when: 'after', count: 1 });
  await assert.rejects(createLead('1'));
  assert.equal((await platform.state()).length, 1);
  assert.equal((await createLead('1')).status, 201);
  assert.deepEqual((await platform.history()).map(({ outcome, status }) => [outcome, status]), [
    ['applied', null], ['replayed', 201],
  ]);
});

test('A socket dropped before applying changes nothing', async () => {
  await platform.misbehave({ drop: true, count: 1 });
  await assert.rejects(createLead('1'));
  assert.deepEqual(await platform.state(), []);
});

test('A hanging request never answers, and holds up nobody else', async () => {
  await platform.misbehave({ hang: true, count: 1 });
  const abort = new AbortController();
  const hanging = fetch(`${platform.url}/api/sync/lead/create`, {
    method: 'POST', body: JSON.stringify({ tenant_id: 't', data: { lead_id: '1' } }), signal: abort.signal,
  });
  await arrival();
  assert.equal((await createLead('2')).status, 201);
  abort.abort();
  await assert.rejects(hanging);
});

test('Latency delays one request and lets a later one pass', async () => {
  await platform.misbehave({ latency_ms: 100, count: 1 });
  const slow = createLead('1');
  await arrival();
  await createLead('2');
  assert.equal((await slow).status, 201);
  assert.deepEqual((await platform.history()).map(({ applied_order: order }) => order), [2, 1]);
});

test('Garbage is a 200 that nobody can read', async () => {
  await platform.misbehave({ garbage: true });
  const { status, body } = await createLead('1');
  assert.equal(status, 200);
  assert.equal(typeof body, 'string');
});

test('A field can be refused the way the platform does it', async () => {
  await platform.misbehave({ refuse_field: { field: 'lead_score', message: 'too high', code: 'INVALID' } });
  const { status, body } = await createLead('1');
  assert.equal(status, 422);
  assert.deepEqual(body.errors, [{ field: 'lead_score', message: 'too high', code: 'INVALID' }]);
});

test('A mistyped rule is an error, not a rule that never fires', async () => {
  assert.equal((await platform.misbehave({ statsu: 500 })).status, 422);
  assert.equal((await platform.misbehave({ match: { tenant: 't' }, status: 500 })).status, 422);
});

test('Health and unknown control calls', async () => {
  assert.equal((await platform.control('health')).body.status, 'ok');
  assert.equal((await platform.control('nonsense')).status, 404);
});
