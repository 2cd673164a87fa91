/** The commands of the program against a running service, as a new user tries them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { Command, run } from './support/command.js';
import { newLead } from './support/events.js';
import { Service } from './support/service.js';
import { kKey, tokenOf } from './support/tokens.js';
import { eventually, newTenant, world } from './support/world.js';

const [kDone, kFailed, kUsage, kNobody, kWrong] = [0, 1, 2, 69, 78];
const w = await world();
const env = { DATA_SYNC_URL: w.service.url };
const cwd = mkdtempSync(join(tmpdir(), 'data-sync-commands-'));
after(() => rmSync(cwd, { recursive: true, force: true }));

/** Runs a command line as it is typed into a shell, with words or parts of them in single quotes. */
function data_sync(line, options = {}) {
  const words = [...line.matchAll(/(?:'[^']*'|[^\s'])+/g)].map(([word]) => word.replaceAll("'", ''));
  return run(words, { cwd, ...options, env: { ...env, ...options.env } });
}

/** The same, and it must succeed; returns what it wrote. */
async function done(line, options) {
  const { code, out, err } = await data_sync(line, options);
  assert.equal(code, kDone, `${line}: ${out}${err}`);
  return out;
}

async function failed(line, code, message, options) {
  const told = await data_sync(line, options);
  assert.equal(told.code, code, `${line}: ${told.out}${told.err}`);
  assert.match(told.err, message, line);
  assert.match(told.err, /^data-sync: /m, line);
  assert.equal(told.out, '', 'standard output is for results');
}

const kCommands = ['serve', 'config check', 'config docs', 'migrate', 'backup', 'restore', 'export', 'import', 'rules check', 'rules test', 'send', 'tail', 'status', 'health', 'events list', 'events show', 'events retry'];

test('--help lists every command, each has help of its own with an example, and every option in an example exists', async () => {
  const top = await done('--help');
  assert.equal(await done('help'), top);
  assert.equal(await done('-h'), top);
  for (const command of kCommands) {
    assert.match(top, new RegExp(`^  ${command} +[A-Z]`, 'm'));
    const help = await done(`${command} --help`);
    assert.match(help, new RegExp(`^Usage: data-sync ${command} `, 'm'));
    assert.match(help, /\n\nExamples:\n/, command);
    const [options, examples] = help.split('Examples:');
    for (const [option] of (examples ?? '').matchAll(/(?<= )--?[a-z][a-z-]*/g)) assert.ok(options.includes(option), `${command}: ${option}`);
  }
  for (const group of ['events', 'config', 'rules']) assert.match(await done(`${group} --help`), /Subcommands:/);
  assert.match(await done('--version'), /^data-sync \d+\.\d+\.\d+\n$/);
});

test('What is typed wrongly is told with the way out, and is 2', async () => {
  assert.equal((await data_sync('')).code, kUsage);
  await failed('frobnicate', kUsage, /there is no command `frobnicate`; there are serve, .*events retry/);
  await failed('events', kUsage, /`events` is a group; there are events list/);
  await failed('events lsit', kUsage, /there is no command `events lsit`/);
  await failed('status --bogus', kUsage, /--bogus[^]*`data-sync status --help` tells more/);
  await failed('send', kUsage, /lacks TYPE .* --from, --to, --tenant/);
  await failed('send user_created --tenant a --from bizoholic --to bizosaas id', kUsage, /id/);
  await failed('send user_created --tenant a --from bizoholic --to bizosaas total:=1.2.3', kUsage, /total/);
  await failed('send --file nowhere.json', kUsage, /nowhere\.json/);
  await failed('send --file -', kUsage, /no event/, { input: '{"event_type":' });
  await failed('events show', kUsage, /EVENT/);
  await failed('events retry', kUsage, /--all/);
  await failed('events list --limit 0', kUsage, /limit/i);
  await failed('events list --since yesterday', kUsage, /yesterday/);
});

test('Where nobody answers it says so, and is 69', async () => {
  for (const command of ['status', 'health', 'tail', 'events list', 'send user_created --tenant a --from bizoholic --to bizosaas id=1']) {
    await failed(`${command} --url http://127.0.0.1:1`, kNobody, /no service answers at http:\/\/127\.0\.0\.1:1 .*data-sync serve/);
  }
});

test('A first event: sent, waited for, listed, shown', async () => {
  const tenant = newTenant();
  const target = `--tenant ${tenant} --from bizoholic --to coreldove,bizosaas`;
  const waited = await data_sync(`send user_created ${target} id=42 email=ada@example.com name='Ada Lovelace' --wait`);
  assert.equal(waited.code, kDone, waited.err);
  const [id] = waited.out.split('\n');
  assert.match(waited.out, /^coreldove +completed/m);
  assert.match(waited.out, /^bizosaas +completed/m);
  await w.holds('bizosaas', tenant, 'user', { name: 'Ada Lovelace', email: 'ada@example.com' });

  const typed = await done(`send order_created --tenant ${tenant} --from coreldove --to bizosaas id=7 total_amount:=19.90 items:='[{"sku":"a"}]' priority:=1 --id my-order --priority 2`);
  assert.equal(typed, 'my-order\n');
  const order = await w.settled('my-order');
  assert.deepEqual([order.event.data.total_amount, order.event.data.items, order.event.priority], [19.9, [{ sku: 'a' }], 2]);

  const list = await done(`events list --tenant ${tenant}`);
  assert.equal(list.trimEnd().split('\n').length, 3, list);
  assert.ok(list.indexOf('my-order') < list.indexOf(id), 'newest first');
  assert.match(await done(`events show ${id}`), /user_created[^]*bizosaas +completed/);
  assert.equal(JSON.parse(await done(`events show ${id} --json`)).event.data.name, 'Ada Lovelace');
  const page = JSON.parse(await done(`events list --tenant ${tenant} --json --limit 1`));
  assert.deepEqual([page.total, page.events[0].event_id], [2, 'my-order']);
  const next = JSON.parse(await done(`events list --tenant ${tenant} --json --limit 1 --cursor ${page.next_cursor}`));
  assert.equal(next.events[0].event_id, id);
  assert.match((await data_sync(`events list --tenant ${newTenant()}`)).err, /no event fits/);
});

test('An event from a file or from standard input; sent twice, it counts once', async () => {
  const tenant = newTenant();
  writeFileSync(join(cwd, 'event.json'), JSON.stringify(newLead('somebody', {}, { id: `from-file-${tenant}` })));
  const id = (await done(`send --file event.json --tenant ${tenant}`)).trim();
  assert.equal((await w.event(id)).event.tenant_id, tenant);
  const again = await data_sync(`send --file - --tenant ${tenant}`, { input: JSON.stringify(newLead(tenant, {}, { id })) });
  assert.deepEqual([again.code, again.out], [kDone, `${id}\n`]);
  assert.match(again.err, /counts once/);
  assert.deepEqual(JSON.parse(await done(`send --file event.json --tenant ${tenant} --json`)), { event_id: id, status: 'duplicate' });
});

test('What the service refuses is told field by field, and is 1', async () => {
  await failed('send dragon_created --tenant a --from nowhere --to bizosaas id=1', kFailed, /\/event_type: is unknown[^]*\/source_platform: 'nowhere' is unknown/);
  await failed('events show no-such-event', kFailed, /no such event/);
  await failed('events retry no-such-event', kFailed, /no-such-event: no such event/);
  await failed('events list --status happy', kFailed, /status: must be one of/);
});

test('Dead letters are found and tried again', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 400, match: { tenant_id: tenant } });
  const sent = await data_sync(`send lead_created --tenant ${tenant} --from bizoholic --to bizosaas id=1 name=Ravi --wait`);
  assert.equal(sent.code, kFailed, 'one of the targets has it not');
  const [id] = sent.out.split('\n');
  assert.match(sent.out, /^bizosaas +failed +1 .*400/m);
  assert.match(await done(`events list --tenant ${tenant} --status failed --since 2h`), new RegExp(id));
  await w.bizosaas.behave();
  assert.match(await done(`events retry ${id} --tenant ${tenant}`), new RegExp(`${id}  is tried again`));
  assert.equal((await w.settled(id, ['completed'])).status, 'completed');
  assert.match(await done(`events retry --tenant ${tenant} --status failed`), /^0 events fit/);
  await failed(`events retry ${id}`, kFailed, /neither failed nor waiting/);
});

test('status tells of queues and platforms', async () => {
  const out = await done('status');
  assert.match(out, /^engine +running$/m);
  assert.match(out, /^queue +\d+ \(critical \d+, high \d+, normal \d+, low \d+\)$/m);
  for (const platform of ['bizoholic', 'bizosaas', 'coreldove']) assert.match(out, new RegExp(`^${platform} +[\\d.]+ +closed`, 'm'));
  assert.equal(JSON.parse(await done('status --json')).sync_engine_active, true);
  assert.doesNotMatch(out, /\x1b/, 'colours are for screens only');
});

test('tail shows what happens, filters it, ends after so many, and goes on at a cursor', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  const tail = new Command(['tail', '--tenant', tenant, '--message', 'event_created', '--type', 'lead_created', '--count', '2', '--json'], { env });
  await eventually(() => tail.err.includes('watching'), { explain: () => tail.err });
  const lead = (of, number) => newLead(of, { lead_id: `l-${number}`, contact_email: `${number}@example.com` });
  await w.send(lead(other, 1));
  await w.act('bizoholic', tenant, 'create', 'user', { name: 'Asha', email: 'asha@example.com' });
  const first = await w.send(lead(tenant, 2));
  const second = await w.send(lead(tenant, 3));
  const { code, out } = await tail.ended;
  assert.equal(code, kDone);
  const messages = out.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(messages.map(({ event_id: id }) => id), [first, second]);
  const third = await w.send(lead(tenant, 4));
  const later = await done(`tail --tenant ${tenant} --message event_created --cursor ${messages[1].cursor} --count 1`);
  assert.match(later, new RegExp(`event_created +${third} +lead_created`));
});

test('tail comes back after the service has been away, and misses nothing', async () => {
  const tenant = newTenant();
  const service = new Service({ env: { LOG_LEVEL: 'warning' } });
  after(() => service.stop());
  await service.start();
  const port = String(service.port);
  const post = (number) => run(['send', 'lead_created', '--tenant', tenant, '--from', 'bizoholic', '--to', 'bizosaas', `id=${number}`, '--id', `e-${number}`], { env: { DATA_SYNC_URL: `http://127.0.0.1:${port}` } });
  const tail = new Command(['tail', '--tenant', tenant, '--message', 'event_created', '--count', '3', '--json'], { env: { DATA_SYNC_URL: service.url } });
  await eventually(() => tail.err.includes('watching'), { explain: () => tail.err });
  await post(1);
  await eventually(() => tail.out.includes('e-1'));
  await service.signal('SIGKILL');
  await service.start({ PORT: port });
  await post(2);
  await post(3);
  const { code, out, err } = await tail.ended;
  assert.equal(code, kDone, err);
  assert.deepEqual(out.trimEnd().split('\n').map((line) => JSON.parse(line).event_id), ['e-1', 'e-2', 'e-3']);
  assert.match(err, /the connection ended; trying again/);
});

test('Ctrl-C ends a tail at once', async () => {
  const tail = new Command(['tail'], { env });
  await eventually(() => tail.err.includes('watching'), { explain: () => tail.err });
  assert.equal((await tail.signal('SIGINT')).code, 'SIGINT');
});

test('In production the commands show a token, and say where it goes where there is none', async () => {
  const service = new Service({ env: { ENVIRONMENT: 'production', JWT_SECRET: kKey, LOG_LEVEL: 'error' } });
  after(() => service.stop());
  await service.start();
  const there = { DATA_SYNC_URL: service.url };
  for (const command of ['status', 'tail', 'events list']) await failed(command, kFailed, /asks who you are.*DATA_SYNC_TOKEN/, { env: there });
  assert.match(await done('health', { env: there }), /^service +healthy$/m, 'a probe has no token');
  const token = { ...there, DATA_SYNC_TOKEN: tokenOf({ roles: ['viewer'] }) };
  await done('status', { env: token });
  await failed('send lead_created --tenant acme --from bizoholic --to bizosaas id=1', kFailed, /roles do not allow/, { env: token });
});

test('migrate makes the database, says what it would do, and leaves one in use alone', async () => {
  const settings = { DATABASE_URL: 'sqlite:///made.db' };
  assert.match(await done('migrate --status', { env: settings }), /made\.db: not there yet/);
  assert.match(await done('migrate', { env: settings }), /made\.db: the schema is up to date/);
  assert.match(await done('migrate --status', { env: settings }), /made\.db: schema \d+, up to date/);
  await failed('migrate', kNobody, /in use/, { env: { DATABASE_URL: `sqlite:///${join(w.service.folder, 'data/data-sync.db')}` } });
});

/** All that a database file is made of, as SQLite tells it. */
function schemaOf(file) {
  return execFileSync('sqlite3', [join(cwd, file), 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name'], { encoding: 'utf8' });
}

test('migrate --to goes step by step to the schema that a single run makes, and never back or too far', async () => {
  const [steps, once] = ['steps.db', 'once.db'].map((file) => ({ DATABASE_URL: `sqlite:///${file}` }));
  await done('migrate', { env: once });
  const newest = Number(/schema (\d+), up to date/.exec(await done('migrate --status', { env: once }))[1]);
  assert.ok(newest >= 3, String(newest));
  await failed(`migrate --to ${newest + 1}`, kWrong, new RegExp(`knows schemas up to ${newest}`), { env: steps });
  assert.ok(!existsSync(join(cwd, 'steps.db')), 'what is refused makes nothing');
  for (let schema = 1; schema < newest; schema += 1) {
    const there = new RegExp(`steps\\.db: schema ${schema}; .data-sync migrate. brings it to ${newest}`);
    assert.match(await done(`migrate --to ${schema}`, { env: steps }), there);
    assert.match(await done('migrate --status', { env: steps }), there);
    assert.match(await done(`migrate --to ${schema}`, { env: steps }), there, 'once more changes nothing');
  }
  assert.match(await done(`migrate --to ${newest}`, { env: steps }), /up to date/);
  assert.equal(schemaOf('steps.db'), schemaOf('once.db'));
  await failed(`migrate --to ${newest - 1}`, kWrong, /no way leads back to \d+; restore a backup/, { env: steps });
  assert.match(await done('migrate --status', { env: steps }), /up to date/);
  for (const line of ['migrate --to 0', 'migrate --to one', 'migrate --to', 'migrate --status --to 1']) await failed(line, kUsage, /--to/, { env: steps });
  await failed('migrate --to 1', kNobody, /in use/, { env: { DATABASE_URL: `sqlite:///${join(w.service.folder, 'data/data-sync.db')}` } });
});

test('A file that was left at an earlier schema is brought to the newest by the service, with what is in it', async () => {
  const service = new Service({ env: { LOG_LEVEL: 'info' } });
  after(() => service.stop());
  await done('migrate --to 1', { env: { DATABASE_URL: `sqlite:///${join(service.folder, 'early.db')}` } });
  execFileSync('sqlite3', [join(service.folder, 'early.db'), "INSERT INTO lane_states VALUES('acme', 'mark', 'kept')"]);
  await service.start({ DATABASE_URL: 'sqlite:///early.db' });
  assert.match(service.log, /the database is now at schema 2[^]*the database is now at schema 3/);
  const env_of = { DATA_SYNC_URL: service.url };
  await done('send lead_created --tenant acme --from bizoholic --to bizosaas id=1', { env: env_of });
  await service.signal('SIGTERM');
  assert.equal(execFileSync('sqlite3', [join(service.folder, 'early.db'), "SELECT value FROM lane_states WHERE name = 'mark'"], { encoding: 'utf8' }), 'kept\n');
});

test('config docs writes the table of settings that docs/settings.md holds', async () => {
  assert.equal(await done('config docs'), readFileSync(new URL('../../docs/settings.md', import.meta.url), 'utf8'));
});
