/** PostgreSQL keeps what SQLite keeps: through crashes of ours and cuts of its own. And what it can't keep is said at the start. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { run } from './support/command.js';
import { newLead } from './support/events.js';
import { Postgres } from './support/postgres.js';
import { eventually, newTenant, world } from './support/world.js';

const kConfiguration = 78;
const kUnavailable = 69;
const kCutEveryMs = 1000;

const postgres = await Postgres.start();
after(() => postgres.stop());
const schema = postgres.schema();
const w = await world({ env: { DATABASE_URL: schema.url } });

test('A record is made and changed on all platforms, over a restart', async () => {
  const tenant = newTenant();
  const { id } = await w.act('bizoholic', tenant, 'create', 'user', { email: 'ann@example.com', name: 'Ann' });
  for (const platform of ['coreldove', 'bizosaas']) await w.holds(platform, tenant, 'user', { email: 'ann@example.com', name: 'Ann' });
  await w.service.signal('SIGTERM');
  await w.service.start();
  await w.act('bizoholic', tenant, 'update', 'user', { name: 'Anne' }, { id });
  for (const platform of ['coreldove', 'bizosaas']) await w.holds(platform, tenant, 'user', { name: 'Anne' });
  const { body } = await w.get(`/sync/events?tenant_id=${tenant}`);
  assert.ok(body.events.length >= 2, JSON.stringify(body));
});

test('After kill -9 an answered event is still there, and is delivered once', async () => {
  const tenant = newTenant();
  const ids = [];
  for (let i = 0; i < 40; i += 1) {
    ids.push(await w.send(newLead(tenant, { lead_id: `l-${i}`, contact_email: `${i}@example.com`, lead_score: i })));
    if (i % 20 !== 19) continue;
    await w.service.signal('SIGKILL');
    await w.service.start();
  }
  for (const id of ids) assert.equal((await w.settled(id)).status, 'completed');
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, 40);
});

test('An id is known again after the connections were cut', async () => {
  const event = newLead(newTenant(), {}, { id: 'known-again' });
  await w.send(event);
  assert.ok(postgres.cutAll() > 0);
  const { status, body } = await w.post('/sync/events', event);
  assert.deepEqual([status, body.status], [200, 'duplicate']);
});

test('Connections that are cut every second under load are noticed by nobody', async () => {
  const tenant = newTenant();
  let cut = 0;
  const cutter = setInterval(() => { cut += postgres.cutAll(); }, kCutEveryMs);
  const refused = [];
  const ids = [];
  const until = performance.now() + 6 * kCutEveryMs;
  async function client(name) {
    for (let i = 0; performance.now() < until; i += 1) {
      const key = `${name}-${i}`;
      const event = newLead(tenant, { lead_id: key, contact_email: `${key}@example.com`, lead_score: i });
      const { status, body } = await w.post('/sync/events', event);
      if (status === 201) ids.push(body.event_id);
      else refused.push(`${status} ${JSON.stringify(body)}`);
    }
  }
  await Promise.all(['a', 'b', 'c', 'd'].map(client));
  clearInterval(cutter);
  assert.ok(cut >= 5, `${cut} connections were cut`);
  assert.deepEqual(refused, []);
  await w.idle();
  const leads = await w.state('bizosaas', tenant, 'lead');
  assert.equal(leads.length, ids.length);
  assert.equal(Number(postgres.sql(`SELECT count(*) FROM ${schema.name}.sync_events WHERE tenant_id = '${tenant}' AND status = 'completed'`)), ids.length);
});

test('When the server crashes under load, what was answered is there after, and what was refused can be sent again', async () => {
  const tenant = newTenant();
  let over = false;
  let refusals = 0;
  const ids = new Set();
  async function client(name) {
    for (let i = 0; !over; i += 1) {
      const event = newLead(tenant, { lead_id: `${name}-${i}`, contact_email: `${name}-${i}@example.com` }, { id: `crash-${name}-${i}` });
      await eventually(async () => {
        const { status } = await w.post('/sync/events', event);
        if (status !== 201 && status !== 200) refusals += 1;
        return status === 201 || status === 200;
      }, { deadlineMs: 30_000 });
      ids.add(event.id);
    }
  }
  const clients = ['a', 'b', 'c', 'd'].map(client);
  for (let i = 0; i < 3; i += 1) {
    const before = ids.size;
    await postgres.crash();
    await eventually(() => ids.size > before + 50, { deadlineMs: 30_000 });
  }
  over = true;
  await Promise.all(clients);
  await w.idle();
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, ids.size, `${refusals} refusals`);
  for (const id of ids) assert.equal((await w.event(id)).status, 'completed');
});

test('Kill after kill, with cut connections, loses nothing (the kill loop)', { timeout: 300_000 }, async () => {
  const loop = fileURLToPath(new URL('kill_loop.js', import.meta.url));
  const own = postgres.schema();
  const child = spawn(process.execPath, [loop, '--kills', '6', '--env', `DATABASE_URL=${own.url}`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { said += text; });
  const cutter = setInterval(() => postgres.cutAll(), kCutEveryMs);
  const [code] = await once(child, 'close');
  clearInterval(cutter);
  assert.equal(code, 0, said);
});

test('/health tells how copies of the database follow it', async () => {
  const told = async () => (await w.get('/health')).body.replication;
  assert.equal(await told(), undefined);
  const { folder, stop } = postgres.receiver(); // which is to the server what a standby is
  after(() => { stop(); rmSync(folder, { recursive: true, force: true }); });
  await eventually(async () => (await told()) === 'asynchronous');
  postgres.sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  after(() => postgres.sql('ALTER SYSTEM RESET synchronous_standby_names'));
  postgres.sql('SELECT pg_reload_conf()');
  await eventually(async () => (await told()) === 'synchronous');
  await w.sync(newLead(newTenant()));
  postgres.sql('ALTER SYSTEM RESET synchronous_standby_names');
  postgres.sql('SELECT pg_reload_conf()');
  await eventually(async () => (await told()) === 'asynchronous');
  stop();
  await eventually(async () => (await told()) === undefined);
});

test('migrate makes the schema, and tells of it, beside a service that runs', async () => {
  const fresh = postgres.schema();
  const env = { DATABASE_URL: fresh.url };
  assert.match((await run(['migrate', '--status'], { env })).out, /^postgresql:\/\/127\.0\.0\.1:\d+\/postgres: not there yet/);
  assert.match((await run(['migrate'], { env })).out, /the schema is up to date/);
  assert.match((await run(['migrate', '--status'], { env })).out, /schema \d+, up to date/);
  assert.equal((await run(['migrate'], { env: { DATABASE_URL: schema.url } })).code, 0);
  await w.sync(newLead(newTenant())); // the service still holds its lease
});

test('migrate --to goes no further, beside a service that runs, and never back or too far', async () => {
  const { url } = postgres.schema();
  const env = { DATABASE_URL: url };
  const status = async () => Number(/schema (\d+)/.exec((await run(['migrate', '--status'], { env })).out)?.[1] ?? 0);
  const to = (schema) => run(['migrate', '--to', String(schema)], { env });
  const newest = Number(/schema (\d+)/.exec((await run(['migrate', '--status'], { env: { DATABASE_URL: schema.url } })).out)[1]);
  const beyond = await to(newest + 1);
  assert.deepEqual([beyond.code, await status()], [kConfiguration, 0]);
  assert.match(beyond.err, new RegExp(`knows schemas up to ${newest}`));
  for (let version = 1; version <= newest; version += 1) {
    const { code, out, err } = await to(version);
    assert.deepEqual([code, await status()], [0, version], err);
    assert.match(out, version === newest ? /up to date/ : new RegExp(`brings it to ${newest}`));
    if (version === 1) continue;
    const back = await to(version - 1);
    assert.deepEqual([back.code, await status()], [kConfiguration, version]);
    assert.match(back.err, /no way leads back to \d+; restore a backup/);
  }
  assert.equal((await run(['migrate', '--to', String(newest)], { env: { DATABASE_URL: schema.url } })).code, 0);
  await w.sync(newLead(newTenant())); // the service still holds its lease
});

for (const [what, url, code, message] of [
  ['a wrong password', () => postgres.url.replace('secret', 'hidden'), kConfiguration, /password/],
  ['an unknown database', () => postgres.url.replace('/postgres?', '/none?').replace(/\/postgres$/, '/none'), kConfiguration, /CREATE DATABASE/],
  ['a URL that is none', () => 'postgresql://datasync:hid%zz@h/x', kConfiguration, /postgresql:\/\/user:password@host/],
  ['a schema of a newer version', newerSchema, kConfiguration, /newer version/],
  ['nobody who listens', () => 'postgresql://datasync:hidden@127.0.0.1:1/x', kUnavailable, /can't be reached/],
]) {
  test(`With ${what} it does not start, and says why without a secret`, async () => {
    for (const command of [['serve'], ['migrate']]) {
      const { code: actual, out, err } = await run(command, { cwd: w.service.folder, env: { PORT: '0', DATABASE_URL: url() } });
      assert.equal(actual, code, `${command}: ${out}${err}`);
      assert.match(err, message);
      assert.doesNotMatch(out + err, /hidden|hid%zz|secret/);
    }
  });
}

function newerSchema() {
  const own = postgres.schema();
  postgres.sql(`CREATE TABLE ${own.name}.datasync_schema(version bigint, applied_at timestamptz); INSERT INTO ${own.name}.datasync_schema VALUES(99)`);
  return own.url;
}

test('Its log names the place and no secret', async () => {
  await w.service.signal('SIGTERM');
  await w.service.start({ LOG_LEVEL: 'debug' });
  await eventually(() => /store: postgresql:\/\/127\.0\.0\.1:\d+\/postgres/.test(w.service.log));
  assert.doesNotMatch(w.service.log, /secret/);
});
