/** What makes deliveries to a platform rest, whom that leaves alone, how it is seen, and what ends it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';

import { newLead } from './support/events.js';
import { eventually, newTenant, world } from './support/world.js';

const kLimited = 'platforms: {bizosaas: {connection: {rate_limit: {requests_per_second: 4, burst: 1}}}}\n';

const w = await world();
const limited = await world({ args: ['--config', 'limited.yaml'], files: { 'limited.yaml': kLimited } });
afterEach(() => Promise.all([w, limited].flatMap((one) => Object.values(one.platforms).map((platform) => platform.behave()))));

function lead(tenant, number, data = {}, more = {}) {
  return newLead(tenant, { lead_id: `lead-${number}`, contact_email: `${number}@example.com`, ...data }, more);
}

function changed(tenant, number, score) {
  return lead(tenant, number, { lead_score: score }, { event_type: 'lead_updated' });
}

async function bizosaasOf(service) {
  return (await service.get('/sync/status')).body.platforms.bizosaas;
}

async function asked(service, tenant) {
  return (await service.history('bizosaas', tenant)).length;
}

test('What a platform serves no longer is a dead letter without being asked again, until one is retried', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  for (const one of [tenant, other]) await w.sync(lead(one, 1));
  await w.bizosaas.misbehave({ status: 410, match: { tenant_id: tenant, verb: 'update' } });
  const first = await w.settled(await w.send(changed(tenant, 1, 50)));
  assert.equal(first.status, 'failed');
  assert.match(first.results[0].error_message, /410/);
  assert.equal(await asked(w, tenant), 2);

  const second = await w.settled(await w.send(changed(tenant, 1, 60)));
  assert.equal(second.status, 'failed');
  assert.match(second.results[0].error_message, /bizosaas has served no lead to be updated since .*410.*retry/);
  assert.equal(await asked(w, tenant), 2, 'it was asked again');
  await w.sync(lead(tenant, 2)); // another verb
  await w.sync(changed(other, 1, 70)); // another tenant

  const { suspended } = await bizosaasOf(w);
  assert.equal(suspended.length, 1);
  const { since, ...told } = suspended[0];
  assert.deepEqual(told, { reason: 'gone', entity: 'lead', verb: 'updated', tenants: 1 });
  assert.ok(Date.parse(since) <= Date.now());

  await w.bizosaas.behave();
  await w.service.signal('SIGTERM');
  await w.service.start();
  assert.equal((await bizosaasOf(w)).suspended.length, 1, 'the restart lifted it');
  const third = await w.settled(await w.send(changed(tenant, 1, 80)));
  assert.equal(third.status, 'failed');

  assert.equal((await w.post(`/sync/events/${first.event_id}/retry`)).status, 200);
  await w.settled(first.event_id, ['completed']);
  assert.equal((await w.state('bizosaas', tenant, 'lead')).find(({ canonical }) => canonical.email === '1@example.com').canonical.score, 80);
  assert.deepEqual((await bizosaasOf(w)).suspended, []);
});

test('An open circuit is still open after a restart, and one request closes it', async () => {
  const tenants = [newTenant(), newTenant()];
  const askedFor = async () => (await asked(w, tenants[0])) + (await asked(w, tenants[1]));
  await w.bizosaas.misbehave({ status: 503 });
  const ids = await Promise.all(Array.from({ length: 60 }, (_, i) => w.send(lead(tenants[i % 2], i))));
  await eventually(async () => (await bizosaasOf(w)).circuit === 'open', { explain: () => w.service.log });
  await w.service.signal('SIGKILL');
  const before = await askedFor();
  assert.ok(before >= 15, `it opened after ${before}`); // of twenty; those of the test before count too
  await w.service.start();
  const { circuit } = await bizosaasOf(w);
  assert.ok(['open', 'half_open'].includes(circuit), circuit);
  await eventually(async () => await askedFor() > before);
  // Each trial fails and doubles the rest, so of sixty that wait only a few can have gone.
  assert.ok(await askedFor() <= before + 2, 'the restart made it forget the outage');
  await w.bizosaas.behave();
  for (const id of ids) await w.settled(id, ['completed'], 60_000);
  assert.equal((await bizosaasOf(w)).circuit, 'closed');
});

test('A rate limit spreads the requests out and fails none', async () => {
  const tenant = newTenant();
  const ids = await Promise.all(Array.from({ length: 9 }, (_, i) => limited.send(lead(tenant, i))));
  for (const id of ids) assert.equal((await limited.settled(id, ['completed'])).results[0].attempts, 1);
  const times = (await limited.history('bizosaas', tenant)).map(({ arrived_at: at }) => Date.parse(at));
  const took = times.at(-1) - times[0];
  assert.ok(took >= 8 * 250 - 50, `nine requests in ${took} ms`);
  assert.ok(took < 8 * 250 + 1500, `nine requests took ${took} ms: it waited longer than it had to`);
});

test('A tenant that is asked to wait waits with all that it has, and nobody else does', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  await w.bizosaas.misbehave({ status: 429, retry_after: 3, count: 1, match: { tenant_id: tenant } });
  const ids = [await w.send(lead(tenant, 0))];
  await w.settled(ids[0], ['retry']);
  for (let i = 1; i < 4; i += 1) ids.push(await w.send(lead(tenant, i)));
  await w.sync(lead(other, 1));
  assert.equal(await asked(w, tenant), 1, 'each delivery found out for itself');
  const { suspended } = await bizosaasOf(w);
  assert.deepEqual(suspended.map(({ reason, tenants }) => [reason, tenants]), [['asked_to_wait', 1]]);
  for (const id of ids) await w.settled(id, ['completed']);
  const [first, second] = (await w.history('bizosaas', tenant)).map(({ arrived_at: at }) => Date.parse(at));
  assert.ok(second - first >= 2990, `${second - first} ms`);
});

test('When several tenants are asked to wait the whole platform is left in peace', async () => {
  const tenants = [newTenant(), newTenant(), newTenant()];
  await w.bizosaas.misbehave({ status: 429, retry_after: 2 });
  const ids = [];
  for (const tenant of tenants) {
    ids.push(await w.send(lead(tenant, 1)));
    if (tenant !== tenants[2]) await w.settled(ids.at(-1), ['retry']);
  }
  assert.ok((await bizosaasOf(w)).paused_until);
  await w.bizosaas.behave();
  for (const id of ids) await w.settled(id, ['completed']);
  assert.equal(await asked(w, tenants[2]), 1, 'a third tenant found out for itself');
});

test('A retry does not wait for the end of a rest', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 429, retry_after: 3000, count: 1, match: { tenant_id: tenant } });
  const id = await w.send(lead(tenant, 1));
  await w.settled(id, ['retry']);
  assert.equal((await w.post(`/sync/events/${id}/retry`)).status, 200);
  await w.settled(id, ['completed'], 5000);
});

test('After three refused credentials the lane rests, which is seen, and a retry tries it again', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  await w.bizosaas.misbehave({ status: 401, match: { tenant_id: tenant } });
  const ids = [];
  for (let i = 0; i < 5; i += 1) ids.push(await w.send(lead(tenant, i)));
  const resting = ({ suspended }) => suspended.find(({ reason }) => reason === 'unauthorized');
  const found = await eventually(async () => resting(await bizosaasOf(w)), { explain: () => w.service.log });
  assert.equal(found.tenants, 1);
  const minutes = (Date.parse(found.until) - Date.now()) / 60_000;
  assert.ok(minutes > 4 && minutes <= 5, `${minutes} minutes`);
  await w.sync(lead(other, 1));
  assert.ok(await asked(w, tenant) <= 4, `${await asked(w, tenant)} requests`);
  await w.bizosaas.behave();
  assert.equal((await w.post(`/sync/events/${ids[0]}/retry`)).status, 200);
  for (const id of ids) await w.settled(id, ['completed']);
  assert.equal(resting(await bizosaasOf(w)), undefined);
});

test('A credential that was changed in its file is read anew when the former one is refused', async () => {
  const guarded = await world({
    env: { BIZOSAAS_API_KEY_FILE: 'key' }, files: { key: 'former\n' }, tokens: { bizosaas: 'present' },
  });
  writeFileSync(join(guarded.service.folder, 'key'), 'present\n');
  const tenant = newTenant();
  const told = await guarded.sync(lead(tenant, 1));
  assert.equal(told.results[0].attempts, 2);
  assert.deepEqual((await guarded.history('bizosaas', tenant)).map(({ status }) => status), [401, 201]);
});
