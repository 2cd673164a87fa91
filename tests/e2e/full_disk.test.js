/** A full disk is told at once, harms nothing, and is over as soon as there is room again. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { simulator } from '../../simulators/test_support/harness.js';
import { newLead } from './support/events.js';
import { Service } from './support/service.js';
import { SmallDisk } from './support/small_disk.js';
import { World, environmentOf, eventually, newTenant } from './support/world.js';

const kDiskMb = 8;
const kFullMs = 2_000; // several times what the service rests between two attempts

/** A lead with a kilobyte in it that does not compress. */
function lead(tenant, number) {
  const noise = Array.from({ length: 32 }, () => Math.random().toString(36).padEnd(32, 'x')).join('');
  const data = { lead_id: `lead-${number}`, contact_email: `${number}@example.com`, lead_score: number, noise };
  return newLead(tenant, data, { id: `${tenant}-${number}` });
}

function assertRefused({ status, headers, body }, what) {
  assert.equal(status, 503, what);
  assert.match(headers.get('content-type'), /^application\/problem\+json/, what);
  assert.match(headers.get('retry-after') ?? '', /^\d+$/, what);
  assert.equal(typeof body.detail, 'string', what);
}

/** `fill(w)` takes away all room and `free(w)` gives it back. */
async function goThroughAFullDisk(w, { fill, free }) {
  const tenant = newTenant();
  const acknowledged = [];
  for (let i = 0; i < 20; i += 1) acknowledged.push(await w.send(lead(tenant, i)));
  await w.send({ ...lead(tenant, 'known'), entity_id: 'known' });
  await w.idle();
  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant } });
  acknowledged.push(await w.send(lead(tenant, 'parked')));

  await fill();
  let refused;
  for (let i = 20; refused === undefined; i += 1) { // the log may have some room of its own
    assert.ok(i < 5_000, '5000 events fit onto a full disk');
    const event = lead(tenant, i);
    const answer = await w.post('/sync/events', event);
    if (answer.status === 201) {
      acknowledged.push(answer.body.event_id);
    } else {
      assertRefused(answer, 'the first that did not fit');
      refused = event;
    }
  }

  // Nobody sends anything for a while, so it must know by itself.
  const until = performance.now() + kFullMs;
  while (performance.now() < until) {
    const health = await w.get('/health');
    assert.equal(health.status, 503, JSON.stringify(health.body));
    assert.equal(health.body.services.database, 'unhealthy');
    assert.equal(health.body.services.queue, 'healthy');
    assert.equal((await w.get('/readyz')).status, 503);
    assert.equal((await w.get('/livez')).status, 200);
    assert.equal((await w.get('/sync/status')).body.sync_engine_active, false);
  }
  for (const [path, body] of [
    ['/sync/events', refused], ['/sync/events/batch', [refused]], [`/sync/events/${acknowledged[0]}/retry`], ['/sync/events/retry', { tenant_id: tenant }],
    ['/sync/users', { user_id: 'u-1', email: 'u@example.com', name: 'U', tenant_id: tenant }],
    [`/sync/events/${acknowledged[0]}/undo`, { reason: 'x' }], ['/sync/conflicts/any/resolve', { choice: 'source', reason: 'x' }],
    [`/sync/records/lead/known/merge?tenant_id=${tenant}`, { other: 'any', reason: 'x' }], [`/sync/records/lead/known/split?tenant_id=${tenant}`, { other: 'any', reason: 'x' }],
  ]) assertRefused(await w.post(path, body), path);
  for (const path of [`/sync/events/${acknowledged[0]}`, `/sync/events?tenant_id=${tenant}`, `/sync/records/lead/known?tenant_id=${tenant}`,
    `/sync/conflicts?tenant_id=${tenant}`, '/sync/metrics', '/metrics']) assert.equal((await w.get(path)).status, 200, path);
  assert.equal((await w.get(`/sync/events/${refused.id}`)).status, 404, 'what was refused is not there');

  await free();
  await w.bizosaas.behave();
  await eventually(async () => (await w.get('/health')).status === 200, { deadlineMs: 5_000, explain: () => w.service.log });
  assert.equal((await w.get('/readyz')).status, 200);
  assert.equal((await w.post('/sync/events', refused)).status, 201, 'refused before, so it is new');
  for (const id of [...acknowledged, refused.id]) assert.equal((await w.settled(id)).status, 'completed', id);
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, acknowledged.length + 2);

  await w.service.signal('SIGKILL');
  await w.service.start();
  for (const id of [...acknowledged, refused.id]) assert.equal((await w.event(id)).status, 'completed', id);
}

async function platforms() {
  const [bizoholic, coreldove, bizosaas] = await Promise.all(['bizoholic', 'coreldove', 'bizosaas'].map((name) => simulator(name)));
  return { bizoholic, coreldove, bizosaas };
}

test('A full file system answers 503 with Retry-After, and is over by itself', { skip: SmallDisk.missing }, async () => {
  const others = await platforms();
  const service = new Service({ env: { ...environmentOf(others), LOG_LEVEL: 'info', BACKOFF_FACTOR: '1' } });
  const disk = SmallDisk.mount(join(service.folder, 'data'), kDiskMb);
  after(() => service.stop());
  await service.start();
  await goThroughAFullDisk(new World({ service, ...others }), { fill: () => disk.fill(), free: () => disk.free() });
});

test('A limit on the size of files is a full disk too', async () => {
  const others = await platforms();
  const service = new Service({ env: { ...environmentOf(others), LOG_LEVEL: 'info', BACKOFF_FACTOR: '1' } });
  after(() => service.stop());
  await service.start();
  const limit = (size) => execFileSync('prlimit', ['--pid', String(service.pid), `--fsize=${size}:unlimited`]);
  await goThroughAFullDisk(new World({ service, ...others }), { fill: () => limit(600_000), free: () => limit('unlimited') });
});
