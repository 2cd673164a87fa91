/** Several instances on one PostgreSQL database: any of them accepts, one works on each tenant, and whoever goes is replaced. */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { simulator } from '../../simulators/test_support/harness.js';
import { changedUser, newLead, newUser } from './support/events.js';
import { divided, health } from './support/instances.js';
import { LiveClient } from './support/live.js';
import { Postgres } from './support/postgres.js';
import { Service } from './support/service.js';
import { Writer, faultsOf } from './support/writer.js';
import { World, environmentOf, eventually, newTenant } from './support/world.js';

const kTakeOverMs = 10_000;
const kFrozenMs = 15_000;
const kWriters = 12;

const postgres = await Postgres.start();
after(() => postgres.stop());
const platforms = Object.fromEntries(await Promise.all(['bizoholic', 'coreldove', 'bizosaas'].map(async (name) => [name, await simulator(name)])));

const schema = postgres.schema();
const instances = [];
for (let i = 0; i < 3; i += 1) {
  const service = new Service({
    env: { ...environmentOf(platforms), BACKOFF_FACTOR: '1', REQUEST_TIMEOUT: '2', DATABASE_URL: schema.url },
  });
  after(() => service.stop());
  await service.start();
  instances.push(service);
}
const worlds = instances.map((service) => new World({ service, ...platforms }));

// So that one failure is one.
afterEach(async () => {
  for (const service of instances) if (!service.alive) await service.start();
});

/** Clients of as many tenants, who write through all instances while `deed` is done; then judges what came of it. */
async function underLoad(deed) {
  const over = new AbortController();
  const writers = Array.from({ length: kWriters }, () => new Writer(newTenant(), () => instances.map(({ url }) => url), over.signal));
  const runs = writers.map((writer) => writer.run());
  const all = Promise.all(runs);
  try {
    await progress(writers);
    await deed(writers);
    await progress(writers);
  } finally {
    over.abort();
  }
  await all;
  for (const writer of writers) {
    for (const id of [writer.ids[0], writer.ids.at(-1)]) await worlds[0].settled(id, ['completed'], 60_000);
  }
  const faults = [];
  for (const writer of writers) {
    let found;
    await eventually(async () => {
      found = faultsOf(writer, await worlds[0].state('bizosaas', writer.tenant, 'lead'), await worlds[0].history('bizosaas', writer.tenant, 'lead'));
      return found.length === 0;
    }, { deadlineMs: 10_000, explain: () => JSON.stringify(found) }).catch(() => faults.push(...found));
    const stored = Number(postgres.sql(`SELECT count(*) FROM ${schema.name}.sync_events WHERE tenant_id = '${writer.tenant}'`));
    if (stored !== writer.count) faults.push(`${writer.tenant}: ${stored} events are stored, ${writer.count} were acknowledged`);
  }
  assert.deepEqual(faults, []);
  return {
    events: writers.reduce((sum, { count }) => sum + count, 0),
    refused: writers.flatMap(({ refused }) => refused),
    closed: writers.reduce((sum, { closed }) => sum + closed, 0),
    broken: writers.flatMap(({ broken }) => broken),
  };
}

/** Every client is acknowledged a few more events; returns how long the last one waited, in milliseconds. */
async function progress(writers, more = 3) {
  const began = performance.now();
  const before = writers.map(({ count }) => count);
  await eventually(() => writers.every(({ count }, i) => count >= before[i] + more), {
    deadlineMs: 30_000, explain: () => `${JSON.stringify(writers.map(({ count, refused }, i) => [count - before[i], refused.at(-1)]))}\n${instances.map(({ log }) => log).join('\n')}`,
  });
  return performance.now() - began;
}

test('They divide the shards evenly, and tell of each other', async () => {
  await divided(instances);
  const { instances: list } = await health(instances[1]);
  assert.deepEqual(list.map(({ address }) => address).sort(), instances.map(({ port }) => `127.0.0.1:${port}`).sort());
  assert.deepEqual(list.filter(({ self }) => self).map(({ address }) => address), [`127.0.0.1:${instances[1].port}`]);
});

test('Each of them takes the events of every tenant, and an id is one event on all', async () => {
  await divided(instances);
  for (let i = 0; i < 9; i += 1) {
    const tenant = newTenant();
    const lead = newLead(tenant, {}, { id: `one-${i}` });
    await worlds[i % 3].send(lead);
    for (const world of worlds) {
      const again = await world.post('/sync/events', lead);
      assert.deepEqual([again.status, again.body], [200, { event_id: `one-${i}`, status: 'duplicate' }]);
      const other = await world.post('/sync/events', newLead(tenant, { lead_score: 41 }, { id: `one-${i}` }));
      assert.equal(other.status, 409);
    }
    await worlds[(i + 1) % 3].settled(`one-${i}`, ['completed']);
  }
});

test('A batch for many tenants is answered event by event, in its order', async () => {
  const tenants = Array.from({ length: 20 }, newTenant);
  const leads = tenants.flatMap((tenant) => [newLead(tenant), { ...newLead(tenant), source_platform: 'nobody' }]);
  const { status, body } = await worlds[0].post('/sync/events/batch', leads);
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.accepted, body.duplicates, body.rejected], [20, 0, 20]);
  assert.deepEqual(body.results.map(({ status: word }) => word), tenants.flatMap(() => ['created', 'rejected']));
  for (const [i, tenant] of tenants.entries()) {
    const told = await worlds[1].settled(body.results[2 * i].event_id, ['completed']);
    assert.equal(told.event.tenant_id, tenant);
  }
});

test('What a person decides reaches the instance that works on it, whichever is asked', async () => {
  for (const [i, world] of worlds.entries()) {
    const tenant = newTenant();
    const made = await world.settled(await world.send(newUser(tenant)), ['completed']);
    const changed = await world.settled(await world.send(changedUser(tenant, { email_address: `new-${i}@example.com` })), ['review']);
    const { body: { conflicts: [conflict] } } = await world.get(`/sync/conflicts?tenant_id=${tenant}`);
    // Of all tenants, so nobody can tell from the call whose it is.
    const asked = worlds[(i + 1) % 3];
    const assigned = await asked.post(`/sync/conflicts/${conflict.conflict_id}/assign`, { assignee: 'ann' });
    assert.equal(assigned.status, 200, JSON.stringify(assigned.body));
    const resolved = await asked.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice: 'source', reason: 'called her' });
    assert.equal(resolved.status, 200, JSON.stringify(resolved.body));
    assert.equal(resolved.body.status, 'resolved');
    const twice = await asked.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice: 'source', reason: 'again' });
    assert.equal(twice.status, 409, JSON.stringify(twice.body));
    await world.holds('coreldove', tenant, 'user', { email: `new-${i}@example.com` });
    assert.equal((await asked.post(`/sync/events/${changed.event_id}/retry`)).status, 400);
    assert.equal((await asked.post('/sync/events/nobodys/retry')).status, 404);
    assert.equal((await asked.post(`/sync/events/${made.event_id}/undo?tenant_id=${tenant}`, { reason: 'a mistake' })).status, 409);
  }
});

test('A live client of any instance hears of all tenants, whoever works on them', async () => {
  await divided(instances);
  const clients = await Promise.all(instances.map(({ url }) => LiveClient.open(url)));
  after(() => Promise.all(clients.map((client) => client.close())));
  // Each instance has told the others that somebody listens to it once all clients are told of a round of events.
  const ids = [];
  await eventually(async () => {
    const round = ids.slice(-3);
    for (const world of worlds) ids.push(await world.send(newLead(newTenant())));
    return round.length > 0 && clients.every(({ messages }) => round.every((id) => messages.some(({ event_id: told }) => told === id)));
  }, { everyMs: 300, explain: () => JSON.stringify(clients.map(({ messages }) => messages.length)) });
  const before = ids.length;
  for (let i = 0; i < 30; i += 1) ids.push(await worlds[i % 3].send(newLead(newTenant())));
  for (const client of clients) {
    for (const id of ids.slice(before)) {
      for (const type of ['event_created', 'sync_completed']) await client.told((message) => message.type === type && message.event_id === id);
    }
  }
});

test('A live client that comes back to another instance hears of what it missed', async () => {
  await divided(instances);
  const first = await LiveClient.open(instances[0].url);
  const seen = await worlds[0].send(newLead(newTenant()));
  const { cursor } = await eventually(() => first.messages.find(({ event_id: id }) => id === seen), { everyMs: 50, deadlineMs: 2_000 })
    .catch(() => first.messages.find(({ type }) => type === 'subscribed'));
  await first.close();
  const missed = [];
  for (let i = 0; i < 12; i += 1) missed.push(await worlds[i % 3].send(newLead(newTenant())));
  const again = await LiveClient.open(instances[1].url, `cursor=${cursor}`);
  after(() => again.close());
  for (const id of missed) await again.told((message) => message.event_id === id);
});

test('Who does not know the secret gets nothing from the door between instances', async () => {
  const answer = await fetch(`${instances[0].url}/internal/instance`, { method: 'POST', body: 'x', headers: { 'X-Data-Sync-Instance': '0'.repeat(32) } });
  assert.equal(answer.status, 404);
});

test('After kill -9 of one the others have its tenants within ten seconds, and nothing is lost', { timeout: 180_000 }, async (t) => {
  await divided(instances);
  const outcome = await underLoad(async (writers) => {
    await instances[1].signal('SIGKILL');
    const took = await progress(writers, 2); // the answer to the one before may have come in time
    t.diagnostic(`every tenant had an answer after ${took.toFixed(0)} ms`);
    assert.ok(took < kTakeOverMs, `it took ${took} ms`);
    await divided([instances[0], instances[2]]);
    await instances[1].start();
    await divided(instances);
  });
  t.diagnostic(JSON.stringify(outcome));
  assert.deepEqual(outcome.refused, []);
});

test('One that freezes and wakes up writes nothing, and takes part again by itself', { timeout: 180_000 }, async (t) => {
  await divided(instances);
  const [frozen, ...others] = instances;
  const outcome = await underLoad(async (writers) => {
    const began = performance.now();
    process.kill(frozen.pid, 'SIGSTOP');
    await divided(others);
    t.diagnostic(`the others had all after ${(performance.now() - began).toFixed(0)} ms`);
    assert.ok(performance.now() - began < kTakeOverMs);
    await eventually(() => performance.now() - began > kFrozenMs);
    await progress(writers, 2);
    process.kill(frozen.pid, 'SIGCONT');
    await divided(instances);
  });
  t.diagnostic(JSON.stringify(outcome));
  assert.match(frozen.log, /another instance had taken over; this one takes part again/);
  assert.deepEqual(outcome.refused, []);
});

test('A rolling restart under load is noticed by no client', { timeout: 300_000 }, async (t) => {
  await divided(instances);
  // What a load balancer does: it goes on to the next one where a connection is refused.
  const outcome = await underLoad(async (writers) => {
    for (const service of instances) {
      const ended = await service.signal('SIGTERM');
      assert.deepEqual(ended, { code: 0, signal: null }, service.log);
      await progress(writers, 1);
      await service.start();
      await divided(instances);
    }
  });
  t.diagnostic(JSON.stringify(outcome));
  assert.deepEqual([outcome.refused, outcome.broken], [[], []]);
});
