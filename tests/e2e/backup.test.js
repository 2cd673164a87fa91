/** The embedded store is copied while it works, and comes back from the copy; what is in the way is said. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { run } from './support/command.js';
import { newLead } from './support/events.js';
import { Service, kBinary } from './support/service.js';
import { SmallDisk } from './support/small_disk.js';
import { World, environmentOf, newTenant, world } from './support/world.js';

const [kDone, kUnavailable, kConfiguration] = [0, 69, 78];
const w = await world();
const kDatabase = 'data/data-sync.db';

const data_sync = (words, cwd = w.service.folder, env = {}) => run(words, { cwd, env });

async function done(words, cwd) {
  const { code, out, err } = await data_sync(words, cwd);
  assert.equal(code, kDone, `${words}: ${out}${err}`);
  return out;
}

async function failed(words, code, message, cwd, env) {
  const told = await data_sync(words, cwd, env);
  assert.equal(told.code, code, `${words}: ${told.out}${told.err}`);
  assert.match(told.err, message);
  assert.equal(told.out, '');
}

/** A service on the same platforms, not started yet, in a folder of its own. */
function another() {
  const service = new Service({ env: environmentOf(w.platforms) });
  after(() => service.stop());
  return service;
}

test('A backup that is made under load holds all that was answered before it, and the service made from it goes on', async () => {
  const tenant = newTenant();
  const acknowledged = [];
  let stopped = false;
  async function client(name) {
    for (let i = 0; !stopped; i += 1) {
      acknowledged.push(await w.send(newLead(tenant, { lead_id: `${name}-${i}`, contact_email: `${name}-${i}@example.com`, lead_score: i })));
    }
  }
  const clients = ['a', 'b', 'c', 'd'].map(client);
  while (acknowledged.length < 200) await new Promise((resolve) => { setImmediate(resolve); });
  const before = acknowledged.length;
  const file = join(w.service.folder, 'monday.db');
  const told = await done(['backup', file]);
  stopped = true;
  await Promise.all(clients);
  assert.match(told, /^.*monday\.db: (\d+) events, .* MB, schema \d+; read again and found whole\n$/);
  assert.ok(Number(told.match(/: (\d+) events/)[1]) >= before, told);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(w.service.folder).filter((name) => name.startsWith('monday')), ['monday.db']);
  await w.idle();

  const copy = another();
  assert.match(await done(['restore', file], copy.folder), /data-sync\.db: \d+ events/);
  await copy.start();
  const there = new World({ service: copy, ...w.platforms });
  for (const id of acknowledged.slice(0, before)) assert.equal((await there.settled(id)).status, 'completed');
  const own = newTenant();
  const { id } = await there.act('bizoholic', own, 'create', 'user', { email: 'ann@example.com', name: 'Ann' });
  await there.act('bizoholic', own, 'update', 'user', { name: 'Anne' }, { id });
  for (const platform of ['coreldove', 'bizosaas']) await there.holds(platform, own, 'user', { name: 'Anne' });
});

test('A database is not replaced unless that is asked for, nor while somebody has it open; the one of before is kept', async () => {
  const tenant = newTenant();
  const service = another();
  await service.start();
  const there = new World({ service, ...w.platforms });
  const first = await there.send(newLead(tenant, { lead_id: '1', contact_email: '1@example.com', lead_score: 1 }));
  await there.settled(first);
  const file = join(service.folder, 'one.db');
  await done(['backup', file], service.folder);
  const second = await there.send(newLead(tenant, { lead_id: '2', contact_email: '2@example.com', lead_score: 2 }));
  await there.settled(second);
  await failed(['restore', '--replace', file], kUnavailable, /in use: process \d+/, service.folder);
  await service.signal('SIGTERM');
  await failed(['restore', file], kConfiguration, /there is a database at data\/data-sync\.db already; --replace keeps it beside/, service.folder);

  await done(['restore', '--replace', file], service.folder);
  const [kept] = readdirSync(join(service.folder, 'data')).filter((name) => /\.before-\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(name));
  await service.start();
  assert.equal((await there.event(first)).status, 'completed');
  assert.equal((await there.get(`/sync/events/${second}`)).status, 404);
  await service.signal('SIGTERM');
  await service.start({ DATABASE_URL: `sqlite:///data/${kept}` });
  assert.equal((await there.event(second)).status, 'completed');
});

test('A file that is no whole backup is refused, and leaves what is there as it is', async () => {
  const file = join(w.service.folder, 'whole.db');
  await done(['backup', file]);
  const service = another();
  const damaged = join(service.folder, 'damaged.db');
  copyFileSync(file, damaged);
  const bytes = readFileSync(damaged);
  bytes.fill(0xa5, 3 * 4096, 6 * 4096);
  writeFileSync(damaged, bytes);
  const cut = join(service.folder, 'cut.db');
  writeFileSync(cut, readFileSync(file).subarray(0, 5 * 4096 + 100));
  const letter = join(service.folder, 'letter.db');
  writeFileSync(letter, 'Dear operator,\n'.repeat(1000));
  for (const bad of [damaged, cut, letter]) await failed(['restore', bad], kConfiguration, /damaged/, service.folder);
  const foreign = join(service.folder, 'empty.db');
  writeFileSync(foreign, '');
  await failed(['restore', foreign], kConfiguration, /no data of this program/, service.folder);
  await failed(['restore', 'nowhere.db'], kUnavailable, /nowhere\.db/, service.folder);
  assert.ok(!existsSync(join(service.folder, kDatabase)) && !existsSync(join(service.folder, `${kDatabase}.part`)));
});

test('A backup overwrites nothing, says what is missing, and leaves nothing behind where it fails', async () => {
  const { folder } = w.service;
  writeFileSync(join(folder, 'taken.db'), 'mine');
  await failed(['backup', 'taken.db'], kConfiguration, /there is a file taken\.db already; choose another name/);
  assert.equal(readFileSync(join(folder, 'taken.db'), 'utf8'), 'mine');
  await failed(['backup', 'no/such/folder.db'], kUnavailable, /no\/such\/folder\.db\.part/);
  await failed(['backup', 'copy.db'], kUnavailable, /there is no database at/, another().folder);
  await failed(['backup', 'copy.db'], kConfiguration, /pg_dump/, folder, { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' });
  await failed(['restore', 'copy.db'], kConfiguration, /pg_restore/, folder, { DATABASE_URL: 'postgresql://nobody@127.0.0.1:1/none' });
  assert.ok(!readdirSync(folder).some((name) => name.endsWith('.part') || name === 'copy.db'));
});

test('A full disk and a limit on the size of files are said, and leave nothing behind', { skip: SmallDisk.missing }, async () => {
  const { folder } = w.service;
  const disk = SmallDisk.mount(join(folder, 'small'), 1);
  disk.fill();
  for (const words of [['backup', 'small/copy.db'], ['export', 'small/copy.ndjson']]) await failed(words, kUnavailable, /small\/copy|disk of the database is full/);
  disk.free();
  assert.deepEqual(readdirSync(join(folder, 'small')), []);

  const limited = async (words, limit) => {
    const child = spawn('prlimit', [`--fsize=${limit}`, kBinary, ...words], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (text) => { err += text; });
    const [code, signal] = await once(child, 'close');
    assert.deepEqual([code, signal], [kUnavailable, null], err);
  };
  for (const words of [['backup', 'limited.db'], ['export', 'limited.ndjson']]) await limited(words, 8192);
  assert.ok(!readdirSync(folder).some((name) => name.startsWith('limited')));
});

test('Whenever a restore is killed, a whole database stands in its place', async () => {
  const service = another();
  await service.start();
  const there = new World({ service, ...w.platforms });
  const tenant = newTenant();
  const ids = await Promise.all(Array.from({ length: 50 }, (_, i) => there.send(newLead(tenant, { lead_id: `${i}`, contact_email: `${i}@example.com`, lead_score: i }))));
  await there.idle();
  const file = join(service.folder, 'fifty.db');
  await done(['backup', file], service.folder);
  for (let i = 50; i < 70; i += 1) ids.push(await there.send(newLead(tenant, { lead_id: `${i}`, contact_email: `${i}@example.com`, lead_score: i })));
  await there.idle();
  await service.signal('SIGKILL'); // its log is left beside the database
  const found = new Set();
  for (let delay = 0; delay < 120; delay += 6) {
    const child = spawn('timeout', ['--signal=KILL', `${delay / 1000 + 0.001}`, kBinary, 'restore', '--replace', file], { cwd: service.folder, stdio: 'ignore' });
    await once(child, 'close');
    const lines = await done(['export'], service.folder);
    found.add(lines.split('\n').filter((line) => line.startsWith('{"event":')).length);
  }
  for (const count of found) assert.ok([50, 70].includes(count), [...found].join());
  await done(['restore', '--replace', file], service.folder);
  const data = join(service.folder, 'data');
  const logs = readdirSync(data).filter((name) => /\.before-.*-wal$/.test(name) && statSync(join(data, name)).size > 0);
  assert.deepEqual(logs, [], 'what is kept is whole without a log, and so it was before it got its other name');
  await service.start();
  assert.equal((await there.event(ids[0])).status, 'completed');
  assert.equal((await there.get(`/sync/events/${ids[69]}`)).status, 404);
});
