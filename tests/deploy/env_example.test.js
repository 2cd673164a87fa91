/** `.env.example` offers what the binary knows, and nothing that it does not do. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { run } from '../e2e/support/command.js';
import { kKey } from '../e2e/support/tokens.js';
import { read } from './support/deployment.js';
import { settings, variables } from './support/settings.js';

// Not for the service: the password that Compose gives both sides of the database, and where Compose finds its file.
const kForCompose = ['POSTGRES_PASSWORD', 'COMPOSE_FILE'];
const known = settings();
const offered = variables(read('.env.example'));
const folder = mkdtempSync(join(tmpdir(), 'data-sync-env-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('Each variable is a setting that does something', () => {
  assert.ok(known.size > 40, String(known.size));
  const unknown = offered.map(({ name }) => name).filter((name) => !known.has(name) && !kForCompose.includes(name));
  assert.deepEqual(unknown, []);
  assert.deepEqual(offered.map(({ name }) => name).filter((name) => known.get(name)?.idle), []);
});

test('What is for Compose is used by Compose', () => {
  assert.match(read('docker-compose.bizosaas-platform.yml'), /\$\{POSTGRES_PASSWORD:\?/);
  assert.equal(offered.find(({ name }) => name === 'COMPOSE_FILE').value, 'docker-compose.bizosaas-platform.yml');
  assert.deepEqual(kForCompose.filter((name) => !offered.some((one) => one.name === name)), []);
});

test('No secret stands in it', () => {
  const secret = offered.filter(({ name }) => known.get(name)?.secret || /PASSWORD/.test(name));
  assert.ok(secret.length >= 5, JSON.stringify(secret));
  assert.deepEqual(secret.filter(({ value }) => value !== ''), []);
  assert.deepEqual(offered.filter(({ value, set }) => set && /:\/\/[^/]*@/.test(value)), []);
});

test('With a key it is a configuration of production that the binary takes without a word of warning', async () => {
  const env = Object.fromEntries(offered.filter(({ set }) => set).map(({ name, value }) => [name, value]));
  const { code, out, err } = await run(['config', 'check'], { cwd: folder, env: { ...env, JWT_SECRET: kKey } });
  assert.equal(code, 0, err);
  assert.doesNotMatch(out + err, /warning/);
  assert.match(out, /^ENVIRONMENT +production +environment/m);
  const open = await run(['config', 'check'], { cwd: folder, env });
  assert.equal(open.code, 78, 'without a key nothing starts');
  assert.match(open.err, /JWT_SECRET/);
});
