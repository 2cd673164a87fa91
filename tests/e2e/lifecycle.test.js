/** Starting, stopping, dying and coming back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newLead } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

function lead(tenant, number) {
  return newLead(tenant, { lead_id: `lead-${number}`, contact_email: `${number}@example.com`, lead_score: number });
}

test('SIGTERM lets what is under way finish, and ends with 0', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ latency_ms: 1000, match: { tenant_id: tenant } });
  for (let i = 0; i < 5; i += 1) await w.send(lead(tenant, i));
  const began = performance.now();
  const { code } = await w.service.signal('SIGTERM');
  assert.equal(code, 0, w.service.log);
  assert.ok(performance.now() - began < 10_000);
  await w.bizosaas.behave();
  await w.service.start();
  await w.idle();
  const history = await w.history('bizosaas', tenant);
  const keys = history.filter(({ outcome }) => outcome !== 'refused').map(({ idempotency_key: key }) => key);
  assert.equal(new Set(keys).size, 5);
});

test('A platform that hangs does not keep it from ending', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ hang: true, match: { tenant_id: tenant } });
  await w.send(lead(tenant, 1));
  const began = performance.now();
  await w.service.signal('SIGTERM');
  assert.ok(performance.now() - began < 10_000, 'it took longer than ten seconds');
  await w.bizosaas.behave();
  await w.service.start();
  await w.holds('bizosaas', tenant, 'lead', { score: 1 });
});

test('What was not delivered before a restart is delivered after it', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant } });
  const id = await w.send(lead(tenant, 7));
  await w.service.signal('SIGTERM');
  await w.bizosaas.behave();
  await w.service.start();
  assert.equal((await w.settled(id)).status, 'completed');
  await w.holds('bizosaas', tenant, 'lead', { score: 7 });
});

test('After kill -9 an answered event is still there, and is delivered once', async () => {
  const tenant = newTenant();
  const ids = [];
  for (let i = 0; i < 20; i += 1) ids.push(await w.send(lead(tenant, i)));
  await w.service.signal('SIGKILL');
  await w.service.start();
  for (const id of ids) assert.equal((await w.settled(id)).status, 'completed');
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, 20);
});

test('Ids are remembered over a restart', async () => {
  const tenant = newTenant();
  const event = newLead(tenant, {}, { id: 'remembered' });
  await w.send(event);
  await w.service.signal('SIGTERM');
  await w.service.start();
  const { status, body } = await w.post('/sync/events', event);
  assert.deepEqual([status, body.status], [200, 'duplicate']);
});

test('A client that is waiting when the service ends gets an answer or a closed connection, never half an answer', async () => {
  const tenant = newTenant();
  const waiting = Array.from({ length: 200 }, (_, i) => w.post('/sync/events', lead(tenant, i)).then(
    ({ status }) => status, () => 'closed',
  ));
  await w.service.signal('SIGTERM');
  for (const outcome of await Promise.all(waiting)) assert.ok([201, 503, 'closed'].includes(outcome), String(outcome));
  const acknowledged = (await Promise.all(waiting)).filter((outcome) => outcome === 201).length;
  await w.service.start();
  const { body } = await w.get(`/sync/events?tenant_id=${tenant}&limit=1`);
  assert.ok(body.total >= acknowledged, `${acknowledged} were acknowledged and ${body.total} are there`);
});

test('In production it refuses to start without a key', async () => {
  const { Service } = await import('./support/service.js');
  const service = new Service({ env: { ENVIRONMENT: 'production' } });
  await assert.rejects(service.start(), /ended at once/);
  assert.match(service.log, /JWT_SECRET/);
  await service.stop();
});
