/** Settings from the environment, from files and from YAML; and what is wrong with them, before anything starts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { simulator } from '../../simulators/test_support/harness.js';
import { Command, run } from './support/command.js';
import { newLead } from './support/events.js';
import { Service, kBinary } from './support/service.js';
import { kKey, tokenOf } from './support/tokens.js';
import { eventually } from './support/world.js';

const kWrongConfiguration = 78;
const kUnavailable = 69;

/** A folder with these files, gone with the tests. */
function folderWith(files = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'data-sync-settings-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** A service in a folder with these files; not started. */
function serviceWith({ env = {}, args, files = {} }) {
  const service = new Service({ env, args });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(service.folder, name), text);
  after(() => service.stop());
  return service;
}

/** Runs `serve` where it must refuse to start, and `config check` where it must say the same. */
async function assertRefuses({ env = {}, args = [], files = {} }, ...messages) {
  const cwd = folderWith(files);
  for (const command of [['serve'], ['config', 'check']]) {
    const { code, out, err } = await run([...command, ...args], { cwd, env: { PORT: '0', ...env } });
    assert.equal(code, kWrongConfiguration, `${command} ${JSON.stringify(env)}: ${out}${err}`);
    for (const message of messages) assert.match(err, message, String(command));
    assert.ok(!err.includes(kKey), 'a secret is in the message');
  }
  assert.ok(!existsSync(join(cwd, 'data')), 'nothing is made before all is checked');
}

for (const [name, value] of [
  ['PORT', '99999'], ['PORT', 'http'], ['LOG_LEVEL', 'loud'], ['LISTEN_ADDRESS', 'localhost'], ['EVENT_RETENTION_DAYS', '0'], ['RETRY_ATTEMPTS', '-1'],
  ['BODY_BYTES', '1e6'], ['REQUEST_TIMEOUT', 'soon'], ['BIZOSAAS_BRAIN_URL', 'ftp://example.com'], ['ENABLE_MONITORING', 'maybe'],
  ['DATABASE_URL', 'mysql://localhost/x'], ['DATABASE_URL', 'sqlite://'], ['MAX_HTTP_CONNECTIONS', '0'], ['BACKOFF_FACTOR', 'NaN'],
]) {
  test(`${name}=${value} is refused by name, with 78`, () => assertRefuses({ env: { [name]: value } }, new RegExp(`${name}:.*environment`)));
}

test('All that is wrong is told at once', () => assertRefuses({ env: { PORT: 'x', LOG_LEVEL: 'y', WINDOW_EVENTS: 'z' } }, /PORT/, /LOG_LEVEL/, /WINDOW_EVENTS/));

for (const [what, secret] of [
  ['no key', undefined], ['an empty key', ''], ['a short key', 'kX8v0qLx2mT5nR7wZ1cY4b'], ['a key of one letter', 'a'.repeat(48)],
  ['a known default key', 'your-super-secret-jwt-key-change-in-production'], ['it in capitals', 'YOUR-SUPER-SECRET-JWT-KEY-CHANGE-IN-PRODUCTION'],
  ['the key of a tutorial', '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7'], ['a key that looks copied', 'please-change-me-to-something-long-1234567890'],
]) {
  test(`In production it does not start with ${what}`, async () => {
    for (const environment of ['production', 'staging', 'Prod', 'developmen']) {
      await assertRefuses({ env: { ENVIRONMENT: environment, ...(secret !== undefined && { JWT_SECRET: secret }) } }, /JWT_SECRET/, /openssl rand/);
    }
  });
}

test('A file that holds a setting must be there, hold something, and be the only source', async () => {
  await assertRefuses({ env: { JWT_SECRET_FILE: 'nowhere', ENVIRONMENT: 'production' } }, /JWT_SECRET: the file that JWT_SECRET_FILE \(environment\) names cannot be read/);
  await assertRefuses({ env: { LOG_LEVEL_FILE: 'empty' }, files: { empty: '\n' } }, /LOG_LEVEL: the file empty.* is empty/);
  await assertRefuses({ env: { JWT_SECRET: kKey, JWT_SECRET_FILE: 'key', ENVIRONMENT: 'production' }, files: { key: kKey } }, /JWT_SECRET: given as .* and as JWT_SECRET_FILE/);
});

for (const [what, yaml, message] of [
  ['no YAML', 'platforms: [', /shop\.yaml/],
  ['a setting that there is not', 'settings:\n  log_levle: info\n', /shop\.yaml:2: settings\.log_levle: .*did you mean `log_level`/],
  ['a part that there is not', 'platfroms: {}\n', /shop\.yaml:1.*platforms/],
  ['a platform without an address', 'platforms:\n  shopline:\n    connection: {protocol: rest}\n', /shop\.yaml:\d.*address/],
]) {
  test(`A configuration file with ${what} is refused by its line`, () => assertRefuses({ args: ['--config', 'shop.yaml'], files: { 'shop.yaml': yaml } }, message));
}

test('A configuration file that is not there is refused', () => assertRefuses({ args: ['--config', 'missing.yaml'] }, /missing\.yaml/));

test('A line of .env that is none is refused by its number', () => assertRefuses({ files: { '.env': '# ours\nPORT=0\nnonsense\n' } }, /\.env:3/));

test('A port that is taken is told, with 69', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  after(() => taken.close());
  const { port } = taken.address();
  const { code, err } = await run(['serve'], { cwd: folderWith(), env: { PORT: String(port) } });
  assert.equal(code, kUnavailable, err);
  assert.match(err, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}: .*in use; PORT`));
});

test('A database that can not be had is told, with the way out', async () => {
  const cwd = folderWith({ data: 'a file where the folder should be' });
  const blocked = await run(['serve'], { cwd, env: { PORT: '0' } });
  assert.equal(blocked.code, kUnavailable, blocked.err);
  assert.match(blocked.err, /data/);
  const damaged = folderWith({ 'x.db': 'no database, but long enough to be looked at as one: '.repeat(100) });
  const refused = await run(['serve'], { cwd: damaged, env: { PORT: '0', DATABASE_URL: 'sqlite:///x.db' } });
  assert.equal(refused.code, kWrongConfiguration, refused.err);
  assert.match(refused.err, /damaged|another program/);
});

test('A second service on the same database is refused, and the first one goes on', async () => {
  const first = serviceWith({});
  await first.start();
  const { code, err } = await run(['serve'], { cwd: first.folder, env: { PORT: '0' } });
  assert.equal(code, kUnavailable, err);
  assert.match(err, new RegExp(`in use.*${first.pid}`));
  assert.equal((await fetch(`${first.url}/health`)).status, 200);
});

test('Settings come from the environment, else from .env, else from the YAML; `config check` tells which', async () => {
  const files = {
    '.env': 'LOG_LEVEL=warning\nREQUEST_TIMEOUT="7"  # seconds\nexport BATCH_WAIT_MS=\'70\'\nSTOP_SECONDS=\n',
    'shop.yaml': 'settings:\n  log_level: error\n  request_timeout: 8\n  window_events: 700\n  stop_seconds: 4s\n',
  };
  const { code, out } = await run(['config', 'check', '--config', 'shop.yaml'], { cwd: folderWith(files), env: { LOG_LEVEL: 'debug', PORT: '' } });
  assert.equal(code, 0, out);
  for (const row of [
    /^LOG_LEVEL +debug +environment$/m, /^REQUEST_TIMEOUT +7 +\.env:2$/m, /^BATCH_WAIT_MS +70 +\.env:3$/m, /^WINDOW_EVENTS +700 +shop\.yaml:4$/m,
    /^STOP_SECONDS +4s +shop\.yaml:5$/m, /^PORT +8025 +default$/m,
  ]) assert.match(out, row);
});

test('`config check` shows no secret', async () => {
  const env = { ENVIRONMENT: 'production', JWT_SECRET: kKey, BIZOHOLIC_API_KEY: 'api-key-0815', SLACK_WEBHOOK_URL: 'https://hooks.example.com/T0/B0/hush', REDIS_URL: 'redis://:hush@localhost/6' };
  const { code, out, err } = await run(['config', 'check'], { cwd: folderWith(), env });
  assert.equal(code, 0, err);
  assert.doesNotMatch(out + err, /nM4vQ8|api-key-0815|hush/);
});

test('A .env beside the program is read too', async () => {
  const folder = folderWith({ '.env': 'LOG_LEVEL=error\n' });
  const copy = join(folder, 'data-sync');
  copyFileSync(kBinary, copy);
  const out = execFileSync(copy, ['config', 'check'], { cwd: folderWith(), env: { PATH: process.env.PATH }, encoding: 'utf8' });
  assert.match(out, /^LOG_LEVEL +error +.*\.env:1$/m);
});

test('Secrets may come as files, with the newline that an editor leaves', async () => {
  const service = serviceWith({ env: { ENVIRONMENT: 'staging', JWT_SECRET_FILE: 'key' }, files: { key: `${kKey}\n` } });
  await service.start();
  assert.equal((await fetch(`${service.url}/sync/status`)).status, 401);
  const headers = { authorization: `Bearer ${tokenOf()}` };
  assert.equal((await fetch(`${service.url}/sync/status`, { headers })).status, 200);
  assert.equal((await (await fetch(`${service.url}/health`)).json()).environment, 'staging');
});

test('Tokens must be from the issuer and for the audience, where those are set', async () => {
  const service = serviceWith({ env: { ENVIRONMENT: 'production', JWT_SECRET: kKey, JWT_ISSUER: 'https://auth.example.com', JWT_AUDIENCE: 'data-sync' } });
  await service.start();
  const statusOf = async (claims) => (await fetch(`${service.url}/sync/status`, { headers: { authorization: `Bearer ${tokenOf(claims)}` } })).status;
  const good = { iss: 'https://auth.example.com', aud: 'data-sync' };
  assert.equal(await statusOf(good), 200);
  assert.equal(await statusOf({ ...good, aud: ['other', 'data-sync'] }), 200);
  for (const bad of [{}, { iss: good.iss }, { aud: good.aud }, { ...good, iss: 'https://auth.example.org' }, { ...good, aud: 'other' }, { ...good, aud: { 'data-sync': 1 } }]) {
    assert.equal(await statusOf(bad), 401, JSON.stringify(bad));
  }
});

test('In development it says so loudly, and only this machine is let in', async () => {
  const service = serviceWith({ env: { ENVIRONMENT: 'Development' } });
  await service.start();
  assert.match(service.log, /warning .*development: no call needs a token, and every caller is an admin of every tenant/);
  const outside = Object.values(networkInterfaces()).flat().find(({ internal, family }) => !internal && family === 'IPv4');
  if (outside) await assert.rejects(fetch(`http://${outside.address}:${service.port}/livez`));
});

test('The database is where DATABASE_URL says, and nobody else can read it', async () => {
  const service = serviceWith({ env: {} });
  const file = join(service.folder, 'deep', 'er', 'events.db');
  await service.start({ DATABASE_URL: `sqlite:///${file}` });
  for (const end of ['', '-wal', '-shm']) assert.equal(statSync(file + end).mode & 0o077, 0, `${file}${end} is open to others`);
  await service.signal('SIGTERM');
  mkdirSync(join(service.folder, 'data'));
  await service.start({ DATABASE_URL: 'sqlite:///data/x.db' });
  assert.ok(existsSync(join(service.folder, 'data/x.db')));
});

test('A further platform is a few lines of YAML', async () => {
  const [shopline, bizosaas] = await Promise.all([simulator('bizoholic'), simulator('bizosaas')]);
  const yaml = [
    'platforms:', '  shopline:', `    connection: {protocol: rest, address: "${shopline.url}"}`, '    entities:',
    '      lead: {fields: {lead_id: id, contact_name: name, contact_email: email, lead_score: score}}',
  ].join('\n');
  const service = serviceWith({ env: { BIZOSAAS_BRAIN_URL: bizosaas.url }, args: ['--config', 'shop.yaml'], files: { 'shop.yaml': yaml } });
  await service.start();
  const event = newLead('acme', {}, { target_platforms: ['shopline'] });
  const answer = await fetch(`${service.url}/sync/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) });
  assert.equal(answer.status, 201, await answer.text());
  await eventually(async () => (await shopline.state('tenant_id=acme&entity=lead')).length === 1, { explain: () => service.log });
});

test('SIGHUP takes what can change at once, tells what can not, and keeps what runs where the file is wrong', async () => {
  const [before, behind] = await Promise.all([simulator('bizosaas'), simulator('bizosaas')]);
  const service = serviceWith({ env: {}, files: { '.env': `BIZOSAAS_BRAIN_URL=${before.url}\n` } });
  await service.start();
  let number = 0;
  const arrivesAt = async (platform, tenant) => {
    number += 1;
    const event = newLead(tenant, { lead_id: `l-${number}` });
    const answer = await fetch(`${service.url}/sync/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(event) });
    assert.equal(answer.status, 201);
    await eventually(async () => (await platform.state(`tenant_id=${tenant}`)).length === 1, { explain: () => service.log });
  };
  const reload = async (text, heard) => {
    writeFileSync(join(service.folder, '.env'), text);
    process.kill(service.pid, 'SIGHUP');
    await eventually(() => heard.test(service.log), { explain: () => service.log });
  };
  await arrivesAt(before, 'one');
  await reload('BIZOSAAS_BRAIN_URL=nonsense\n', /the configuration was not taken: BIZOSAAS_BRAIN_URL/);
  await arrivesAt(before, 'two');
  await reload(`BIZOSAAS_BRAIN_URL=${behind.url}\nBODY_BYTES=2048\n`, /BODY_BYTES has changed and takes effect with the next start/);
  await arrivesAt(behind, 'three');
});

test('A port of 0 takes a free one and says which', async () => {
  const service = new Command(['serve'], { cwd: folderWith(), env: { PORT: '0' } });
  const [, url] = await eventually(() => /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(service.err) ?? false, { explain: () => service.err });
  assert.equal((await fetch(`${url}/readyz`)).status, 200);
  assert.equal((await service.signal('SIGINT')).code, 0);
});
