/** What the service tells of itself and of its events. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newLead, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

test('An event can be read with its results', async () => {
  const tenant = newTenant();
  const told = await w.sync(newUser(tenant, {}, { priority: 2, correlation_id: 'corr-1' }));
  for (const name of ['event_id', 'status', 'created_at', 'processed_at', 'event', 'results']) assert.ok(name in told, name);
  assert.match(told.created_at, /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.equal(told.event.tenant_id, tenant);
  assert.equal(told.event.event_type, 'user_created');
  for (const result of told.results) {
    for (const name of ['target_platform', 'status', 'success', 'error_message', 'attempts', 'processed_at', 'processing_time_ms']) {
      assert.ok(name in result, name);
    }
    assert.equal(result.success, true);
    assert.equal(typeof result.processing_time_ms, 'number');
  }
});

test('Events are listed newest first, page by page', async () => {
  const tenant = newTenant();
  const ids = [];
  for (let i = 0; i < 5; i += 1) ids.unshift(await w.send(newLead(tenant, { lead_id: `l${i}`, contact_email: `${i}@example.com` })));
  const first = (await w.get(`/sync/events?tenant_id=${tenant}&limit=2`)).body;
  assert.equal(first.total, 5);
  assert.equal(first.limit, 2);
  assert.deepEqual(first.events.map(({ event_id: id, id: other }) => id ?? other), ids.slice(0, 2));
  const rest = (await w.get(`/sync/events?tenant_id=${tenant}&limit=10&cursor=${encodeURIComponent(first.next_cursor)}`)).body;
  assert.deepEqual(rest.events.map(({ event_id: id, id: other }) => id ?? other), ids.slice(2));
  const skipped = (await w.get(`/sync/events?tenant_id=${tenant}&limit=2&offset=3`)).body;
  assert.deepEqual(skipped.events.map(({ event_id: id, id: other }) => id ?? other), ids.slice(3));
});

test('Events are filtered', async () => {
  const tenant = newTenant();
  await w.sync(newLead(tenant));
  await w.sync(newUser(tenant));
  const list = async (query) => (await w.get(`/sync/events?tenant_id=${tenant}&${query}`)).body.total;
  assert.equal(await list('event_type=lead_created'), 1);
  assert.equal(await list('source_platform=bizosaas'), 0);
  assert.equal(await list('status=completed'), 2);
  assert.equal(await list(`since=${new Date(Date.now() + 60_000).toISOString()}`), 0);
  assert.equal(await list(`until=${new Date(Date.now() + 60_000).toISOString()}`), 2);
});

test('The golden record can be read', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant, {}, { entity_id: 'canonical-1' }));
  const { status, body } = await w.get(`/sync/records/user/canonical-1?tenant_id=${tenant}`);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.version, 1);
  assert.equal(body.data.name, 'Asha Raman');
  assert.equal(body.data.email, 'asha@example.com');
  assert.equal((await w.get(`/sync/records/user/other?tenant_id=${tenant}`)).status, 404);
});

test('A user can be upserted and read with what the platforms call it', async () => {
  const tenant = newTenant();
  const user = { user_id: 'u-1', email: 'meera@example.com', name: 'Meera Nair', tenant_id: tenant };
  const { status, body } = await w.post('/sync/users', user);
  assert.ok(status === 200 || status === 201, JSON.stringify(body));
  assert.deepEqual(body, { message: 'User synchronized', user_id: 'u-1' });
  await w.holds('bizoholic', tenant, 'user', { name: 'Meera Nair' });
  await w.holds('coreldove', tenant, 'user', { email: 'meera@example.com' });
  await w.idle(); // the platforms have it a moment before their answers are durable here
  const read = await w.get(`/sync/users/u-1?tenant_id=${tenant}`);
  assert.equal(read.status, 200);
  assert.equal(read.body.email, 'meera@example.com');
  assert.ok('bizoholic' in read.body.platform_data, JSON.stringify(read.body));
  assert.equal((await w.get(`/sync/users/u-2?tenant_id=${tenant}`)).status, 404);
});

test('Health, liveness, readiness and the front door', async () => {
  const { status, body } = await w.get('/health');
  assert.equal(status, 200);
  assert.equal(body.services.database, 'healthy');
  for (const path of ['/livez', '/readyz']) assert.equal((await w.get(path)).status, 200);
  assert.deepEqual(Object.keys((await w.get('/')).body).sort(), ['docs', 'environment', 'message', 'version']);
});

test('Status and metrics have the fields that dashboards read', async () => {
  await w.sync(newLead(newTenant()));
  const status = (await w.get('/sync/status')).body;
  for (const name of ['queue_size', 'processing', 'pending', 'retry', 'queues', 'platforms', 'sync_engine_active', 'timestamp']) {
    assert.ok(name in status, name);
  }
  assert.deepEqual(Object.keys(status.queues).sort(), ['critical', 'high', 'low', 'normal']);
  const metrics = (await w.get('/sync/metrics')).body;
  for (const name of [
    'total_events', 'events_processed', 'events_failed', 'events_pending', 'average_processing_time_ms',
    'avg_processing_time_ms', 'platforms_synced', 'last_sync_time', 'sync_success_rate', 'error_rate', 'queue_depth',
    'platform_health_scores',
  ]) assert.ok(name in metrics, name);
});

test('The gateway finds the calls under its prefix too', async () => {
  const tenant = newTenant();
  const { status, body } = await w.post('/api/brain/data-sync/events', newLead(tenant));
  assert.equal(status, 201, JSON.stringify(body));
  for (const value of Object.values(body)) assert.equal(typeof value, 'string');
  assert.equal((await w.get(`/api/brain/data-sync/events/${body.event_id}`)).status, 200);
  assert.equal((await w.get('/api/brain/data-sync/health')).status, 200);
});

test('The API describes itself', async () => {
  const { status, body } = await w.get('/openapi.json');
  assert.equal(status, 200);
  assert.match(body.openapi, /^3\./);
  assert.ok('/sync/events' in body.paths);
  assert.equal((await w.get('/docs')).status, 200);
});
