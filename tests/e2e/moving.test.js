/** A service moves from one engine to another and back, takes all with it, and goes on where it was. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { run } from './support/command.js';
import { newLead } from './support/events.js';
import { Postgres } from './support/postgres.js';
import { newTenant, world } from './support/world.js';

const [kDone, kUnavailable, kConfiguration] = [0, 69, 78];
const postgres = await Postgres.start();
after(() => postgres.stop());
const w = await world();
const { folder } = w.service;

async function done(words, env, input) {
  const told = await run(words, { cwd: folder, env, input });
  assert.equal(told.code, kDone, `${words}: ${told.out}${told.err}`);
  return told;
}

async function failed(words, code, message, env, input) {
  const told = await run(words, { cwd: folder, env, input });
  assert.equal(told.code, code, `${words}: ${told.out}${told.err}`);
  assert.match(told.err, message);
}

/** The lines of an export, whatever their order: what waits in a log is told last. */
const linesOf = (file) => readFileSync(join(folder, file), 'utf8').trim().split('\n').sort();

test('From SQLite to PostgreSQL and back: nothing is lost, what waited goes on, and nobody is told twice', async () => {
  const there = { DATABASE_URL: postgres.schema().url };
  const tenant = newTenant();
  const { id } = await w.act('bizoholic', tenant, 'create', 'user', { email: 'ann@example.com', name: 'Ann' });
  for (const platform of ['coreldove', 'bizosaas']) await w.holds(platform, tenant, 'user', { name: 'Ann' });
  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant, entity: 'lead' } });
  const key = { 'idempotency-key': 'moving-1' };
  const waiting = await w.send(newLead(tenant, { lead_id: 'l-1', contact_email: 'l@example.com', lead_score: 7 }), key);
  await w.settled(waiting, ['retry']);
  await w.service.signal('SIGTERM');

  const { err } = await done(['export', 'one.ndjson']);
  assert.match(err, /^\d+ events, \d+ records, \d+ links, \d+ conflicts\n$/);
  assert.equal(statSync(join(folder, 'one.ndjson')).mode & 0o777, 0o600);
  assert.match((await done(['import', 'one.ndjson'], there)).out, /^postgresql:.*: \d+ events, \d+ records/);
  await w.bizosaas.behave();
  await w.service.start(there);
  const again = await w.post('/sync/events', newLead(tenant, { lead_id: 'l-1', contact_email: 'l@example.com', lead_score: 7 }), key);
  assert.deepEqual([again.status, again.body.status, again.body.event_id], [200, 'duplicate', waiting]);
  assert.equal((await w.settled(waiting)).status, 'completed');
  await w.act('bizoholic', tenant, 'update', 'user', { name: 'Anne' }, { id });
  for (const platform of ['coreldove', 'bizosaas']) await w.holds(platform, tenant, 'user', { name: 'Anne' });
  await w.service.signal('SIGTERM');

  await done(['export', 'two.ndjson'], there);
  const moved = { DATABASE_URL: 'sqlite:///back.db' };
  await done(['import'], moved, readFileSync(join(folder, 'two.ndjson')));
  await done(['export', 'three.ndjson'], moved);
  assert.deepEqual(linesOf('three.ndjson'), linesOf('two.ndjson'));
  await w.service.start(moved);
  await w.act('bizoholic', tenant, 'update', 'user', { name: 'Anna' }, { id });
  for (const platform of ['coreldove', 'bizosaas']) await w.holds(platform, tenant, 'user', { name: 'Anna' });
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, 1);
});

test('What is in the way of a move is said, and half of one is not opened', async () => {
  const lines = readFileSync(join(folder, 'two.ndjson'), 'utf8').split('\n');
  await failed(['export', 'two.ndjson'], kConfiguration, /there is a file two\.ndjson already/);
  await failed(['export', 'no/where.ndjson'], kUnavailable, /no\/where\.ndjson\.part/);
  await failed(['export', 'x.ndjson'], kUnavailable, /there is no database at/, { DATABASE_URL: 'sqlite:///none.db' });
  await failed(['import', 'none.ndjson'], kConfiguration, /none\.ndjson: can't be read/);
  await failed(['import', 'two.ndjson'], kConfiguration, /already, and it is not empty/, { DATABASE_URL: 'sqlite:///data/data-sync.db' });
  const half = { DATABASE_URL: 'sqlite:///half.db' };
  writeFileSync(join(folder, 'half.ndjson'), lines.slice(0, -5).join('\n'));
  await failed(['import', 'half.ndjson'], kConfiguration, /was cut: its last line is missing/, half);
  await failed(['serve'], kConfiguration, /was cut short: delete what is in it/, half);
  writeFileSync(join(folder, 'torn.ndjson'), `${lines[0]}\n${lines[1].slice(0, 9)}\n`);
  await failed(['import', 'torn.ndjson'], kConfiguration, /line 2: this is no line of an export/, { DATABASE_URL: 'sqlite:///torn.db' });
  assert.ok(!existsSync(join(folder, 'x.ndjson')) && !existsSync(join(folder, 'x.ndjson.part')));
});
