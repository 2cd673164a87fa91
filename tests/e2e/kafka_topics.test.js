/** Other programs' topics: their messages are taken as events, all of them and once, and they hear of the outcomes. */
import assert from 'node:assert/strict';
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
import { World, environmentOf, eventually, newTenant, world } from './support/world.js';

const kConfigurationExit = 78;
const kMany = 3_000;
const kManyTenants = 10;

const [kafka, postgres] = await Promise.all([Kafka.start(), Postgres.start()]);
after(() => Promise.all([kafka.stop(), postgres.stop()]));

function topics(name) {
  return {
    KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC: `${name}.events`, KAFKA_DEAD_LETTER_TOPIC: `${name}.dead-letters`,
    KAFKA_OUTCOME_TOPIC: `${name}.outcomes`, KAFKA_INPUT_TOPICS: `${name}.crm, ${name}.shop`, KAFKA_GROUP: `${name}.group`,
  };
}

async function createInputs(name) {
  await kafka.createTopic(`${name}.crm`, { partitions: 6 });
  await kafka.createTopic(`${name}.shop`);
}

await createInputs('one');
const w = await world({ env: { ...topics('one'), LOG_LEVEL: 'info' } });

async function metricOf(service, name) {
  const text = await (await fetch(`${service.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

const metric = (name) => metricOf(w.service, name);

/** The dead letters, as soon as there are so many. */
function deadLetters(name, count) {
  return kafka.consume(`${name}.dead-letters`, count);
}

/** One lead for each number, of ten tenants, without an id in every second one. */
function manyLeads(prefix) {
  return Array.from({ length: kMany }, (_, i) => {
    const tenant = `${prefix}-${i % kManyTenants}`;
    const lead = newLead(tenant, { lead_id: `lead-${i}`, contact_email: `${i}@example.com` }, i % 2 === 0 ? { id: `${tenant}-${i}` } : {});
    return { key: tenant, value: JSON.stringify(lead) };
  });
}

/** What is wrong on the platform that got them, in words. */
async function faultsOfMany(of, prefix) {
  const faults = [];
  for (let i = 0; i < kManyTenants; i += 1) {
    const tenant = `${prefix}-${i}`;
    const records = await of.state('bizosaas', tenant, 'lead');
    if (records.length !== kMany / kManyTenants) faults.push(`${tenant}: ${records.length} leads`);
    const applied = (await of.history('bizosaas', tenant, 'lead')).filter(({ outcome }) => outcome === 'applied');
    const keys = new Set(applied.map(({ idempotency_key: key }) => key));
    if (keys.size !== applied.length) faults.push(`${tenant}: ${applied.length} were applied under ${keys.size} keys`);
    const { body: list } = await of.get(`/sync/events?tenant_id=${tenant}&limit=1`);
    if (list.total !== kMany / kManyTenants) faults.push(`${tenant}: ${list.total} events`);
  }
  return faults;
}

async function arrived(of, prefix, services) {
  let faults;
  await eventually(async () => {
    faults = await faultsOfMany(of, prefix);
    return faults.length === 0;
  }, { deadlineMs: 120_000, explain: () => `${faults.join('\n')}\n${services.map(({ log }) => log).join('\n')}` });
}

test('A plain event is taken as if it had been posted', async () => {
  const tenant = newTenant();
  await kafka.produce('one.crm', [{ value: JSON.stringify(newUser(tenant, {}, { id: `${tenant}-1` })) }]);
  await w.holds('coreldove', tenant, 'user', { email: 'asha@example.com' });
  await w.holds('bizosaas', tenant, 'user', { email: 'asha@example.com' });
  assert.equal((await w.settled(`${tenant}-1`)).status, 'completed');
  await eventually(async () => (await metric('datasync_kafka_input_lag_events')) === 0);
  assert.ok(await metric('datasync_kafka_input_taken_total') >= 1);
});

test('CloudEvents are taken in both modes of the Kafka binding', async () => {
  const tenant = newTenant();
  const type = 'com.bizosaas.lead.created';
  const structured = {
    specversion: '1.0', type, source: '/bizoholic/crm', id: `${tenant}-s`, tenantid: tenant, targetplatforms: 'bizosaas',
    data: { lead_id: 'lead-s', contact_name: 'Ravi', contact_email: 's@example.com' },
  };
  await kafka.produce('one.shop', [
    { value: JSON.stringify(structured), headers: { 'content-type': 'application/cloudevents+json; charset=UTF-8' } },
    {
      value: JSON.stringify({ lead_id: 'lead-b', contact_name: 'Rävi', contact_email: 'b@example.com' }),
      headers: {
        'content-type': 'application/json', ce_specversion: '1.0', ce_type: type, ce_source: '/bizoholic/crm', ce_id: `${tenant}-ä`,
        ce_tenantid: tenant, ce_targetplatforms: 'bizosaas',
      },
    },
  ]);
  await eventually(async () => (await w.state('bizosaas', tenant, 'lead')).length === 2, { explain: () => w.service.log });
  assert.equal((await w.settled(`${tenant}-s`)).status, 'completed');
  assert.equal((await w.settled(encodeURIComponent(`${tenant}-ä`))).event_id, `${tenant}-ä`);
});

test('What is no event goes to the dead letters with its reason and place, and those behind it go on', async () => {
  const tenant = newTenant();
  const lead = newLead(tenant, {}, { id: `${tenant}-1` });
  await kafka.produce('one.shop', [
    { value: 'garbage', key: 'its key', headers: { mine: 'kept', error: 'not kept' } },
    { value: JSON.stringify({ ...lead, event_type: 'nonsense', target_platforms: [] }) },
    { value: JSON.stringify({ ...lead, tenant_id: undefined }) },
    { value: JSON.stringify(lead) },
    { value: JSON.stringify({ ...lead, data: { ...lead.data, lead_score: 7 } }) },
    { value: null },
    { value: JSON.stringify(newLead(tenant, { lead_id: 'lead-2', contact_email: 'two@example.com' }, { id: `${tenant}-2` })) },
  ]);
  await eventually(async () => (await w.state('bizosaas', tenant, 'lead')).length === 2, { explain: () => w.service.log });
  const letters = await deadLetters('one', 5);
  const reasons = letters.map(({ headers }) => headers.error);
  assert.match(reasons[0], /is no JSON/);
  assert.match(reasons[1], /^\/event_type: is unknown.*; \/target_platforms: must name at least one platform/);
  assert.equal(reasons[2], '/tenant_id: is required');
  assert.ok(reasons.some((reason) => /used for an event with other content/.test(reason)), reasons.join('\n'));
  const [{ key, value, headers }] = letters;
  assert.deepEqual([key, value, headers.mine, headers.topic, headers.partition], ['its key', 'garbage', 'kept', 'one.shop', '0']);
  assert.match(headers.offset, /^\d+$/);
  assert.equal(await metric('datasync_kafka_input_dead_letters_total'), 5);
  await eventually(async () => (await metric('datasync_kafka_input_lag_events')) === 0);
});

test('A dead letter that is larger than its topic takes is kept without its value, and those behind it go on', async () => {
  await createInputs('brief');
  await kafka.createTopic('brief.dead-letters', { settings: { 'max.message.bytes': '300000' } });
  const brief = await world({ env: topics('brief') });
  const tenant = newTenant();
  await kafka.produce('brief.shop', [
    { value: 'x'.repeat(500_000), key: 'its key' },
    { value: JSON.stringify(newLead(tenant, {}, { id: `${tenant}-1` })) },
  ]);
  await eventually(async () => (await brief.state('bizosaas', tenant, 'lead')).length === 1, { explain: () => brief.service.log });
  const [{ value, headers }] = await deadLetters('brief', 1);
  assert.ok(!value);
  assert.match(headers.error, /is no JSON/);
  assert.deepEqual([headers.topic, headers.partition, headers.offset], ['brief.shop', '0', '0']);
});

test('Each outcome is published as a CloudEvent, in order, and without data', async () => {
  const tenant = newTenant();
  const { messages, close } = await kafka.follow('one.outcomes');
  try {
    await w.sync(newUser(tenant, {}, { id: `${tenant}-1` }));
    await w.sync(changedUser(tenant, { full_name: 'Asha R' }, { id: `${tenant}-2` }));
    const theirs = () => messages.filter(({ key }) => key === tenant);
    await eventually(() => theirs().length >= 2, { explain: () => w.service.log });
    const [first, second] = theirs();
    assert.deepEqual([first.headers.ce_subject, second.headers.ce_subject], [`${tenant}-1`, `${tenant}-2`]);
    assert.equal(first.partition, second.partition);
    const { ce_id: id, ce_time: time, ...headers } = first.headers;
    assert.deepEqual(headers, {
      ce_specversion: '1.0', ce_type: 'com.bizosaas.datasync.sync_completed', ce_source: `/data-sync/tenants/${tenant}`,
      ce_subject: `${tenant}-1`, 'content-type': 'application/json',
    });
    assert.ok(id.startsWith(`sync_completed/${tenant}-1/`));
    assert.ok(Math.abs(Date.now() - Date.parse(time)) < 60_000, time);
    const told = JSON.parse(first.value);
    assert.deepEqual([told.type, told.event_id, told.status, told.tenant_id], ['sync_completed', `${tenant}-1`, 'completed', tenant]);
    assert.doesNotMatch(messages.map(({ value }) => value).join(), /asha@example\.com/);
    // Two platforms that change the same field at once.
    const at = new Date().toISOString();
    await w.sync({ ...changedUser(tenant, { full_name: 'Asha One' }, { id: `${tenant}-3`, occurred_at: at }) });
    const record = await w.holds('coreldove', tenant, 'user', { name: 'Asha One' });
    await w.send({
      event_type: 'user_updated', source_platform: 'coreldove', target_platforms: ['bizoholic', 'bizosaas'], tenant_id: tenant,
      data: { customer_id: record.id, customer_name: 'Asha Two' }, base_version: 1, id: `${tenant}-4`,
    });
    const types = () => theirs().map(({ headers: { ce_type: type } }) => type.split('.').at(-1));
    await eventually(() => types().includes('conflict_detected'), { explain: () => `${types().join()}\n${w.service.log}` });
    const conflict = theirs().find(({ headers: { ce_type: type } }) => type.endsWith('conflict_detected'));
    assert.equal(conflict.headers.ce_subject, `${tenant}-4`);
    assert.equal(JSON.parse(conflict.value).type, 'conflict_detected');
    assert.ok(await metric('datasync_kafka_outcomes_published_total') >= 4);
    assert.equal(await metric('datasync_kafka_outcomes_dropped_total'), 0);
  } finally {
    await close();
  }
});

test('A service that is killed while it reads thousands takes all of them, and none twice', async () => {
  const prefix = newTenant();
  await kafka.produce('one.crm', manyLeads(prefix));
  const before = await metric('datasync_kafka_input_taken_total');
  await eventually(async () => (await metric('datasync_kafka_input_taken_total')) > before + 200, { explain: () => w.service.log });
  await w.service.signal('SIGKILL');
  await w.service.start();
  await eventually(async () => (await metric('datasync_kafka_input_taken_total')) > 200, { deadlineMs: 60_000, explain: () => w.service.log });
  await w.service.signal('SIGKILL');
  await w.service.start();
  await arrived(w, prefix, [w.service]);
  assert.equal((await kafka.lengths('one.dead-letters'))[0], 5, 'no more than before');
});

test('Kafka is killed while thousands are read: nothing is lost, and who stops meanwhile is not kept waiting', async () => {
  const prefix = newTenant();
  await kafka.produce('one.crm', manyLeads(prefix));
  const before = await metric('datasync_kafka_input_taken_total');
  await eventually(async () => (await metric('datasync_kafka_input_taken_total')) > before + 200, { explain: () => w.service.log });
  await kafka.kill();
  await eventually(async () => (await w.get('/health')).status === 503, { explain: () => w.service.log });
  const begun = performance.now();
  const { code } = await w.service.signal('SIGTERM');
  const tookMs = performance.now() - begun;
  assert.ok(tookMs < 12_000, `${Math.round(tookMs)} ms\n${w.service.log}`);
  assert.equal(typeof code, 'number', w.service.log);
  await kafka.again();
  await w.service.start();
  await arrived(w, prefix, [w.service]);
  assert.equal((await kafka.lengths('one.dead-letters'))[0], 5, 'no more than before');
});

test('Two instances share the topics, and when one dies the other takes the rest', async () => {
  await createInputs('two');
  const platforms = Object.fromEntries(await Promise.all(['bizoholic', 'coreldove', 'bizosaas'].map(async (name) => [name, await simulator(name)])));
  const schema = postgres.schema();
  const instances = [];
  for (let i = 0; i < 2; i += 1) {
    const env = { ...environmentOf(platforms), ...topics('two'), BACKOFF_FACTOR: '1', REQUEST_TIMEOUT: '2', LOG_LEVEL: 'info', DATABASE_URL: schema.url };
    const service = new Service({ env });
    after(() => service.stop());
    await service.start();
    instances.push(service);
  }
  const [first, second] = instances;
  await divided(instances);
  const prefix = newTenant();
  const all = manyLeads(prefix);
  await kafka.produce('two.crm', all.slice(0, kMany / 2));
  const taken = () => Promise.all(instances.map((service) => metricOf(service, 'datasync_kafka_input_taken_total')));
  await eventually(async () => (await taken()).every((count) => count > 0), { deadlineMs: 60_000, explain: () => instances.map(({ log }) => log).join('\n') });
  await kafka.produce('two.crm', all.slice(kMany / 2));
  await second.signal('SIGKILL');
  await arrived(new World({ service: first, ...platforms }), prefix, instances);
  assert.equal((await kafka.lengths('two.dead-letters'))[0], 0);
  // What goes in good order takes no session's time.
  const written = second.log.length;
  await second.start();
  await divided(instances);
  await eventually(() => /partitions of input topics are read here/.test(second.log.slice(written)), { explain: () => second.log });
  await second.signal('SIGTERM');
  const [tenant, begun] = [newTenant(), performance.now()];
  await kafka.produce('two.crm', Array.from({ length: 6 }, (_, partition) => ({
    partition, value: JSON.stringify(newLead(tenant, { lead_id: `l-${partition}`, contact_email: `${partition}@example.com` })),
  })));
  await eventually(async () => (await platforms.bizosaas.state(`tenant_id=${tenant}&entity=lead`)).length === 6, { explain: () => first.log });
  const tookMs = performance.now() - begun;
  assert.ok(tookMs < 8_000, `${Math.round(tookMs)} ms\n${instances.map(({ log }) => log).join('\n')}`);
});

test('What an operator must mend is told at the start, with the remedy', async () => {
  const cwd = mkdtempSync(join(tmpdir(), 'data-sync-topics-'));
  after(() => rmSync(cwd, { recursive: true }));
  const missing = await run(['serve'], { cwd, env: { ...topics('missing'), PORT: '0' } });
  assert.equal(missing.code, kConfigurationExit, missing.err);
  assert.match(missing.err, /there is no topic missing\.crm, which KAFKA_INPUT_TOPICS names; create it/);
  const alone = await run(['serve'], { cwd, env: { KAFKA_INPUT_TOPICS: 'crm', PORT: '0' } });
  assert.equal(alone.code, kConfigurationExit, alone.err);
  assert.match(alone.err, /KAFKA_INPUT_TOPICS: needs KAFKA_BROKERS/);
  const round = await run(['serve'], { cwd, env: { ...topics('round'), KAFKA_INPUT_TOPICS: 'round.outcomes', PORT: '0' } });
  assert.equal(round.code, kConfigurationExit, round.err);
  assert.match(round.err, /KAFKA_INPUT_TOPICS: must not have that of KAFKA_OUTCOME_TOPIC/);
});
