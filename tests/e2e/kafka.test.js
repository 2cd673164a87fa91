/** Events are accepted into Kafka: durable there, in order, once, whatever is away meanwhile. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { simulator } from '../../simulators/test_support/harness.js';
import { run } from './support/command.js';
import { changedUser, newLead, newUser } from './support/events.js';
import { divided } from './support/instances.js';
import { Kafka } from './support/kafka.js';
import { Postgres } from './support/postgres.js';
import { Service } from './support/service.js';
import { Writer, faultsOf } from './support/writer.js';
import { World, environmentOf, eventually, newTenant, world } from './support/world.js';

const kPartitions = 256;
const kWriters = 8;
const kConfigurationExit = 78;

const [kafka, postgres] = await Promise.all([Kafka.start(), Postgres.start()]);
after(() => Promise.all([kafka.stop(), postgres.stop()]));

/** Topics of its own, as each service has a database of its written. */
function topics(name) {
  return { KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC: `${name}.events`, KAFKA_DEAD_LETTER_TOPIC: `${name}.dead-letters` };
}

const w = await world({ env: { ...topics('one'), LOG_LEVEL: 'info' } });

async function metric(name) {
  const text = await (await fetch(`${w.service.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

let written; // the first event, as it stands in the topic

test('An event stands in the topic when it is acknowledged, keyed by its order key, and goes to all platforms', async () => {
  const tenant = newTenant();
  const told = await w.sync(newUser(tenant, {}, { id: 'first', priority: 'high' }));
  assert.equal(told.event_id, 'first');
  await w.holds('coreldove', tenant, 'user', { email: 'asha@example.com' });
  await w.send(changedUser(tenant, { full_name: 'Asha R' }, { id: 'second' }));
  await w.settled('second', ['completed']);
  const messages = await kafka.consume('one.events', 2);
  assert.deepEqual(messages.map(({ headers }) => headers.id), ['first', 'second']);
  const [first, second] = messages;
  written = first;
  assert.deepEqual([first.partition, first.key], [second.partition, second.key], 'one user, one order');
  assert.match(first.key, /^[0-9a-f]{16}$/);
  assert.equal(first.headers.tenant_id, tenant);
  assert.equal(first.headers.event_type, 'user_created');
  assert.equal(first.headers.source, 'bizoholic');
  assert.equal((await kafka.lengths('one.events')).length, kPartitions);
  assert.equal((await w.get('/health')).body.services.kafka, 'healthy');
  assert.ok(await metric('datasync_kafka_appended_total') >= 2);
  await eventually(async () => (await metric('datasync_kafka_lag_events')) === 0);
  assert.deepEqual((await w.get('/sync/status')).body.kafka, { connected: true, lag: 0, dead_letters: 0 });
});

test('What came before is told as without Kafka: a repetition, another content under a known id, and of a batch which', async () => {
  const tenant = newTenant();
  const lead = newLead(tenant, {}, { id: `${tenant}-1` });
  const post = async (event, headers) => {
    const { status, body } = await w.post('/sync/events', event, headers);
    return [status, body.status, body.event_id];
  };
  assert.deepEqual(await post(lead), [201, 'created', lead.id]);
  assert.deepEqual(await post(lead), [200, 'duplicate', lead.id]);
  assert.equal((await post({ ...lead, data: { ...lead.data, lead_score: 41 } }))[0], 409);
  const keyed = newLead(tenant, { lead_id: 'lead-2' });
  const [status, word, id] = await post(keyed, { 'Idempotency-Key': 'key-1' });
  assert.deepEqual([status, word], [201, 'created']);
  assert.deepEqual(await post(keyed, { 'Idempotency-Key': 'key-1' }), [200, 'duplicate', id]);
  const { body } = await w.post('/sync/events/batch', [lead, newLead(tenant, { lead_id: 'lead-3' }), { ...lead, data: {} }, { nonsense: 1 }]);
  assert.deepEqual([body.accepted, body.duplicates, body.rejected], [1, 1, 2], JSON.stringify(body));
  assert.deepEqual(body.results.map((result) => result.status), ['duplicate', 'created', 'rejected', 'rejected']);
});

test('An id that was just acknowledged is never unknown', async () => {
  const tenant = newTenant();
  await Promise.all(Array.from({ length: 200 }, async (_, i) => {
    const id = await w.send(newLead(tenant, { lead_id: `l-${i}`, contact_email: `${i}@example.com` }));
    await w.event(id); // 200
  }));
  assert.equal((await w.get('/sync/events/nobody-sent-it')).status, 404);
});

test('What is no event goes to the dead letters with its reason, and those behind it go on', async () => {
  const before = await metric('datasync_kafka_dead_letters_total');
  await kafka.produce('one.events', [
    { partition: written.partition, value: 'garbage' },
    { partition: written.partition, value: null, headers: written.headers },
    { partition: (written.partition + 1) % kPartitions, value: written.value, headers: { ...written.headers, id: 'astray' } },
    { partition: written.partition, value: written.value, headers: { ...written.headers, priority: '99', id: 'hasty' } },
  ]);
  await w.sync(changedUser(written.headers.tenant_id, { full_name: 'Asha Rao' }));
  await eventually(async () => (await metric('datasync_kafka_dead_letters_total')) === before + 4, { explain: () => w.service.log });
  const letters = (await kafka.consume('one.dead-letters', 4));
  assert.deepEqual(letters.map(({ headers }) => headers.error).sort(), [
    "an entry of the log can't be read: a header is missing",
    "an entry of the log can't be read: its priority is none from 1 to 10",
    "an entry of the log can't be read: its value is no event",
    "an entry of the log stands in another tenant's partition",
  ]);
  assert.equal(letters.find(({ headers }) => headers.id === 'astray').value, written.value);
});

test('Kafka is killed: events are refused and not lost, the rest goes on, and it heals by itself', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant } });
  const parked = await w.send(newLead(tenant));
  await w.settled(parked, ['retry']);
  await kafka.kill();
  let refused;
  await eventually(async () => {
    refused = await w.post('/sync/events', newLead(tenant, { lead_id: 'lead-2' }, { id: `${tenant}-2` }));
    return refused.status === 503 && (await w.get('/health')).status === 503;
  }, { explain: () => w.service.log });
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/);
  const { body: health } = await w.get('/health');
  assert.deepEqual([health.status, health.services.kafka, health.services.database], ['unhealthy', 'disconnected', 'healthy']);
  assert.equal((await w.get('/readyz')).status, 503);
  await w.bizosaas.behave();
  const { body } = await w.post(`/sync/events/${parked}/retry`);
  assert.equal(body.event_id, parked, JSON.stringify(body));
  await eventually(async () => (await w.state('bizosaas', tenant, 'lead')).length === 1, { explain: () => w.service.log });
  await kafka.again();
  await eventually(async () => (await w.get('/health')).status === 200, { explain: () => w.service.log });
  const { status } = await w.post('/sync/events', newLead(tenant, { lead_id: 'lead-2' }, { id: `${tenant}-2` }));
  assert.ok([200, 201].includes(status));
  await w.settled(`${tenant}-2`, ['completed']);
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, 2);
});

test('While the database is away events are accepted, and when it is back all of them go on, in order and once', async () => {
  const schema = postgres.schema();
  postgres.sql("CREATE ROLE tenant_app LOGIN SUPERUSER PASSWORD 'tenant_app'");
  const url = new URL(schema.url);
  [url.username, url.password] = ['tenant_app', 'tenant_app'];
  const far = await world({ env: { ...topics('far'), DATABASE_URL: url.href } });
  const tenant = newTenant();
  const lead = (score) => newLead(tenant, { lead_score: score }, { id: `${tenant}-${score}`, ...(score > 1 && { event_type: 'lead_updated' }) });
  await far.send(lead(1));
  await far.settled(`${tenant}-1`, ['completed']);
  postgres.sql('ALTER ROLE tenant_app NOLOGIN');
  postgres.cutAll();
  await eventually(async () => (await far.get('/health')).body.services.database === 'unhealthy', { explain: () => far.service.log });
  for (let score = 2; score <= 30; score += 1) {
    const { status, body } = await far.post('/sync/events', lead(score));
    assert.equal(status, 201, JSON.stringify(body));
  }
  const { status, body: health } = await far.get('/health');
  assert.deepEqual([status, health.status, health.services.kafka], [200, 'healthy', 'healthy'], 'events are accepted');
  assert.equal((await far.post('/sync/events', lead(30))).status, 201, 'nobody knows now that it came before');
  assert.equal((await far.post('/sync/events', { ...lead(30), data: { lead_id: 'lead-1', lead_score: 7 } })).status, 201);
  assert.equal((await far.get(`/sync/events/${tenant}-30`)).status, 503, 'it is not unknown');
  assert.equal((await far.post(`/sync/events/${tenant}-30/retry`)).status, 503);
  const keyed = newLead(newTenant());
  const ids = [];
  for (let i = 0; i < 2; i += 1) ids.push((await far.post('/sync/events', keyed, { 'Idempotency-Key': `${tenant}-key` })).body.event_id);
  assert.equal(ids[0], ids[1], 'whoever repeats himself has the id of the event that there will be');
  await kafka.kill();
  await eventually(async () => (await far.get('/readyz')).status === 503, { explain: () => far.service.log });
  await kafka.again();
  await eventually(async () => (await far.get('/readyz')).status === 200, { explain: () => far.service.log });
  await far.service.signal('SIGKILL'); // what was accepted is not in its memory only
  postgres.sql('ALTER ROLE tenant_app LOGIN');
  await far.service.start();
  await far.holds('bizosaas', tenant, 'lead', { score: 30 });
  await far.settled(`${tenant}-30`, ['completed']);
  await far.settled(ids[0], ['completed']);
  const { body: list } = await far.get(`/sync/events?tenant_id=${tenant}&event_type=lead_updated`);
  assert.equal(list.total, 29);
  assert.deepEqual(list.events.map(({ id }) => id), Array.from({ length: 29 }, (_, i) => `${tenant}-${30 - i}`));
  const [letter] = await kafka.consume('far.dead-letters', 1);
  assert.equal(letter.headers.id, `${tenant}-30`);
  assert.match(letter.headers.error, /used for an event with other content/);
});

test('A service that is killed again and again loses nothing, and takes nothing twice', async () => {
  const tenants = Array.from({ length: kWriters }, newTenant);
  const over = new AbortController();
  const writers = tenants.map((tenant) => new Writer(tenant, () => [w.service.url], over.signal));
  const all = Promise.all(writers.map((writer) => writer.run()));
  const progressed = async () => {
    const before = writers.map(({ count }) => count);
    await eventually(() => writers.every(({ count }, i) => count >= before[i] + 2), { deadlineMs: 60_000, explain: () => w.service.log });
  };
  for (let i = 0; i < 3; i += 1) {
    await progressed();
    await w.service.signal('SIGKILL');
    await w.service.start();
  }
  await progressed();
  over.abort();
  await all;
  for (const writer of writers) {
    await w.settled(writer.ids.at(-1), ['completed'], 60_000);
    let faults;
    await eventually(async () => {
      faults = faultsOf(writer, await w.state('bizosaas', writer.tenant, 'lead'), await w.history('bizosaas', writer.tenant, 'lead'));
      return faults.length === 0;
    }, { explain: () => faults.join('\n') });
  }
});

test('Several instances: any of them accepts, also for one that is dead, and the partitions follow the shards', async () => {
  const platforms = Object.fromEntries(await Promise.all(['bizoholic', 'coreldove', 'bizosaas'].map(async (name) => [name, await simulator(name)])));
  const schema = postgres.schema();
  const instances = [];
  for (let i = 0; i < 3; i += 1) {
    const service = new Service({ env: { ...environmentOf(platforms), ...topics('many'), BACKOFF_FACTOR: '1', REQUEST_TIMEOUT: '2', DATABASE_URL: schema.url } });
    after(() => service.stop());
    await service.start();
    instances.push(service);
  }
  const [first] = instances.map((service) => new World({ service, ...platforms }));
  await divided(instances);
  const over = new AbortController();
  const writers = Array.from({ length: kWriters }, () => new Writer(newTenant(), () => instances.filter(({ alive }) => alive).map(({ url }) => url), over.signal));
  const all = Promise.all(writers.map((writer) => writer.run()));
  const progressed = async (deadlineMs) => {
    const before = writers.map(({ count }) => count);
    await eventually(() => writers.every(({ count }, i) => count >= before[i] + 3), { deadlineMs, explain: () => instances.map(({ log }) => log).join('\n') });
  };
  await progressed(30_000);
  const killed = performance.now();
  await instances[2].signal('SIGKILL');
  await progressed(30_000); // nobody waits for the lease of the dead to end
  const acceptedAfter = performance.now() - killed;
  await eventually(async () => (await first.get('/sync/status')).body.queue_size === 0, { deadlineMs: 60_000 });
  await instances[2].start();
  await progressed(30_000);
  over.abort();
  await all;
  for (const writer of writers) {
    await first.settled(writer.ids.at(-1), ['completed'], 60_000);
    let faults;
    await eventually(async () => {
      faults = faultsOf(writer, await first.state('bizosaas', writer.tenant, 'lead'), await first.history('bizosaas', writer.tenant, 'lead'));
      return faults.length === 0;
    }, { explain: () => `${faults.join('\n')}\n${instances.map(({ log }) => log).join('\n')}` });
  }
  assert.ok(acceptedAfter < 5_000, `${Math.round(acceptedAfter)} ms`);
});

test('What is too large for Kafka is told so in its place, with the way out, and spoils no other', async () => {
  // A topic that others have made may take less than our own.
  await kafka.createTopic('little.events', { partitions: kPartitions, settings: { 'max.message.bytes': '600000' } });
  const little = await world({ env: topics('little') });
  const lead = (tenant, number, bytes = 0) => newLead(tenant, {
    lead_id: `lead-${number}`, contact_email: `${number}@example.com`, notes: randomBytes(bytes).toString('base64'), // compressed, it has as many bytes
  }, { id: `${tenant}-${number}` });
  for (const [at, bytes, limit] of [[w, 2_500_000, /more than the 2097152 that an event may have with Kafka/], [little, 740_000, /little\.events.*max\.message\.bytes/]]) {
    const tenant = newTenant();
    const { status, body } = await at.post('/sync/events/batch', [lead(tenant, 1), lead(tenant, 2, bytes), lead(tenant, 3)]);
    assert.equal(status, 200, JSON.stringify(body).slice(0, 500));
    assert.deepEqual([body.accepted, body.rejected], [2, 1]);
    assert.deepEqual(body.results.map((result) => result.status), ['created', 'rejected', 'created']);
    const { event_id: id, error } = body.results[1];
    assert.equal(id, `${tenant}-2`);
    assert.match(error, limit);
    assert.match(error, new RegExp(`the event takes ${String(bytes)[0]}\\d{${String(bytes).length - 1}} bytes in Kafka`));
    assert.match(error, /make it smaller/);
    for (const number of [1, 3]) await at.settled(`${tenant}-${number}`, ['completed']);
    const alone = await at.post('/sync/events/batch', [lead(tenant, 4, bytes)]);
    assert.deepEqual([alone.status, alone.body.rejected], [200, 1]);
  }
  const one = await little.post('/sync/events', lead(newTenant(), 1, 740_000));
  assert.equal(one.status, 413);
  assert.match(one.body.detail, /little\.events/);
});

test('A topic that was made anew takes no events: they would be jumped over', async () => {
  const other = await world({ env: topics('anew') });
  const tenant = newTenant();
  for (let i = 0; i < 3; i += 1) await other.sync(newLead(tenant, { lead_id: `lead-${i}`, contact_email: `${i}@example.com` }));
  await kafka.remakeTopic('anew.events', { partitions: kPartitions });
  await eventually(async () => (await other.get('/health')).status === 503, { explain: () => other.service.log });
  assert.equal((await other.post('/sync/events', newLead(tenant))).status, 503);
  await eventually(() => /it ends before what was taken from it/.test(other.service.log), { explain: () => other.service.log });
  await other.service.signal('SIGTERM');
  await other.service.start({ KAFKA_TOPIC: 'another.events' }); // and what was taken from the former says nothing of it
  await other.sync(newLead(tenant, { lead_id: 'lead-4', contact_email: '4@example.com' }));
});

test('What an operator must mend is told at the start, with the remedy', async () => {
  await kafka.createTopic('narrow.events', { partitions: 8 });
  const cwd = mkdtempSync(join(tmpdir(), 'data-sync-kafka-'));
  after(() => rmSync(cwd, { recursive: true }));
  const narrow = await run(['serve'], { cwd, env: { ...topics('narrow'), PORT: '0' } });
  assert.equal(narrow.code, kConfigurationExit, narrow.err);
  assert.match(narrow.err, /narrow\.events has 8 partitions and must have 256.*KAFKA_TOPIC/);
  const wrong = await run(['serve'], { cwd, env: { KAFKA_BROKERS: 'kafka://nowhere', PORT: '0' } });
  assert.equal(wrong.code, kConfigurationExit, wrong.err);
  assert.match(wrong.err, /KAFKA_BROKERS \(environment\): broker 1 must be `host:port`/);
});
