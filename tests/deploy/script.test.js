/** deploy-data-sync.sh as a person runs it; only Docker is a stand-in. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, test } from 'node:test';

import { Service } from '../e2e/support/service.js';
import { kKey } from '../e2e/support/tokens.js';
import { Deployment, read } from './support/deployment.js';
import { variables } from './support/settings.js';

const kCompose = 'docker compose --file docker-compose.bizosaas-platform.yml';
const kService = 'bizosaas-data-sync';
const kBuild = 'DOCKER_BUILDKIT=1 docker build --tag bizosaas/data-sync:latest .';
const kCheck = `${kCompose} run --rm --no-deps -T ${kService} config check`;
const kMigrate = `${kCompose} run --rm -T ${kService} migrate`;
const kRedis = 'bizosaas-data-sync-redis';
const kUp = `${kCompose} up --detach --no-build ${kRedis} ${kService}`;
const kEnv = 'JWT_SECRET=made-up\nPOSTGRES_PASSWORD=made-up\n';

const service = new Service({ env: { ENVIRONMENT: 'production', JWT_SECRET: kKey, LOG_LEVEL: 'error' } });
after(() => service.stop());
await service.start();

/** A deployment that a test may have for itself, with a port that nobody listens on. */
function fresh(t, { docker, env } = {}) {
  const deployment = new Deployment(docker);
  t.after(() => deployment.end());
  if (env !== undefined) deployment.write('.env', env);
  return deployment;
}

/** Runs it where nothing listens on its port, and its test asks the real service. */
function run(deployment, words = [], env = {}) {
  return deployment.run(words, { PORT: '1', DATA_SYNC_URL: service.url, ...env });
}

/** It ended with a cause and a remedy, and without a success that was not one. */
function assertFailed({ code, out, err }, cause, remedy) {
  assert.equal(code, 1, out + err);
  assert.match(err, cause);
  assert.match(err, /^ {2}what helps: \S/m);
  assert.match(err, remedy);
  assert.doesNotMatch(out, /^== (it is healthy|it works)$/m);
}

function valueOf(text, name) {
  return variables(text).find((one) => one.name === name && one.set)?.value;
}

test('The first run builds, makes an .env with secrets of its own and the network, starts, waits and tests', async (t) => {
  const deployment = fresh(t);
  deployment.docker('states', 'created\nrunning starting\nrunning healthy\n');
  const { code, out, err } = await run(deployment);
  assert.equal(code, 0, out + err);
  const calls = deployment.calls();
  const order = [kBuild, 'docker network create bizosaas-platform-network', kCheck, kMigrate, kUp, 'docker inspect'];
  assert.deepEqual(order.map((wanted) => calls.findIndex((call) => call.startsWith(wanted))).toSorted((a, b) => a - b),
    order.map((wanted) => calls.findIndex((call) => call.startsWith(wanted))), calls.join('\n'));
  assert.ok(order.every((wanted) => calls.some((call) => call.startsWith(wanted))), calls.join('\n'));
  assert.match(out, /made \.env with random secrets[^]*it is healthy[^]*it takes events[^]*no token is refused +\S+ 401[^]*it works/);

  assert.equal(statSync(deployment.path('.env')).mode & 0o777, 0o600);
  const made = deployment.read('.env');
  const [jwt, postgres] = [valueOf(made, 'JWT_SECRET'), valueOf(made, 'POSTGRES_PASSWORD')];
  assert.ok(Buffer.from(jwt, 'base64').length >= 32, jwt);
  assert.match(postgres, /^[0-9a-f]{48}$/);
  assert.equal(made.replace(jwt, '').replace(postgres, ''), read('.env.example'), 'all else is the example');
  assert.deepEqual(readdirSync(deployment.folder).filter((name) => name.startsWith('.env.') && name !== '.env.example'), []);

  const other = fresh(t);
  await run(other, ['--deploy-only']);
  assert.notEqual(valueOf(other.read('.env'), 'JWT_SECRET'), jwt);
  assert.notEqual(valueOf(other.read('.env'), 'POSTGRES_PASSWORD'), postgres);
});

test('The secrets that it makes are taken by the service', async (t) => {
  const deployment = fresh(t);
  await run(deployment, ['--deploy-only']);
  const own = new Service({ env: { ENVIRONMENT: 'production', JWT_SECRET: valueOf(deployment.read('.env'), 'JWT_SECRET') } });
  t.after(() => own.stop());
  await own.start();
  assert.equal((await fetch(`${own.url}/sync/status`)).status, 401);
});

test('A second run leaves the .env as it is, byte for byte, and makes no second network', async (t) => {
  const deployment = fresh(t);
  deployment.docker('network');
  const mine = `# mine\r\nexport JWT_SECRET='made-up' \nPOSTGRES_PASSWORD="made up" # of the database\nLOG_LEVEL=debug`;
  deployment.write('.env', mine);
  const { code, out, err } = await run(deployment);
  assert.equal(code, 0, out + err);
  assert.equal(deployment.read('.env'), mine);
  assert.ok(!deployment.calls().some((call) => call.includes('network create')));
  assert.doesNotMatch(out, /made \.env/);
});

test('--build-only builds, and touches nothing else', async (t) => {
  const deployment = fresh(t);
  const { code, err } = await run(deployment, ['--build-only']);
  assert.equal(code, 0, err);
  assert.deepEqual(deployment.calls(), ['docker info', kBuild]);
  assert.ok(!existsSync(deployment.path('.env')));
  deployment.docker('build_fails');
  assertFailed(await run(deployment, ['--build-only']), /the image could not be built/, /above/);
});

test('--deploy-only starts what was built, and says so where nothing was', async (t) => {
  const deployment = fresh(t, { env: kEnv });
  const { code, out, err } = await run(deployment, ['--deploy-only']);
  assert.equal(code, 0, err);
  const calls = deployment.calls();
  assert.ok(!calls.some((call) => call.includes('docker build')), calls.join('\n'));
  assert.ok(calls.includes(kUp), calls.join('\n'));
  assert.doesNotMatch(out, /it works/, 'it tests nothing');
  deployment.docker('no_image');
  assertFailed(await run(deployment, ['--deploy-only']), /no image bizosaas\/data-sync:latest/, /--build-only/);
});

test('--test-only asks a service that runs, and nobody else', async (t) => {
  const deployment = fresh(t, { docker: [] });
  const { code, out, err } = await run(deployment, ['--test-only']);
  assert.equal(code, 0, out + err);
  for (const path of ['/livez', '/readyz', '/health', '/metrics', '/sync/status']) assert.ok(out.includes(`:${service.port}${path} `), out);
  const by_port = await deployment.run(['--test-only'], { PORT: String(service.port) });
  assert.equal(by_port.code, 0, by_port.err);
  deployment.write('.env', `PORT=${service.port}\n`);
  assert.equal((await deployment.run(['--test-only'])).code, 0, 'the PORT of .env');
});

test('--test-only finds a service that is away, one that is open to all, and a stranger', async (t) => {
  const deployment = fresh(t, { docker: [] });
  const ask = (url) => run(deployment, ['--test-only'], { DATA_SYNC_URL: url });
  assertFailed(await ask('http://127.0.0.1:1'), /nothing answers at http:\/\/127\.0\.0\.1:1\/livez/, /--deploy-only starts it/);
  const open = new Service({ env: { LOG_LEVEL: 'error' } });
  t.after(() => open.stop());
  await open.start();
  assertFailed(await ask(open.url), /lets everybody in/, /ENVIRONMENT=production/);
  assertFailed(await ask(`${service.url}/nowhere`), /answers 401 instead of 200/, /another program/);
});

test('Without Docker, its daemon, the right to use it, or Compose it says what is missing', async (t) => {
  assertFailed(await run(fresh(t, { docker: [] })), /there is no docker/, /install it/);
  const off = fresh(t);
  off.docker('daemon', 'Client:\nCannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?\n');
  assertFailed(await run(off), /daemon does not answer: Cannot connect/, /systemctl start docker/);
  const denied = fresh(t);
  denied.docker('daemon', 'permission denied while trying to connect to the Docker daemon socket\n');
  assertFailed(await run(denied), /may not talk to the Docker daemon/, /usermod -aG docker/);
  const bare = fresh(t);
  bare.docker('no_plugin');
  assertFailed(await run(bare, ['--deploy-only']), /no Compose/, /docker-compose-plugin/);
  for (const one of [off, denied, bare]) assert.ok(!existsSync(one.path('.env')));
});

test('The Compose of before the plugin will do', async (t) => {
  const deployment = fresh(t, { docker: ['docker', 'docker-compose'], env: kEnv });
  deployment.docker('no_plugin');
  assert.equal((await run(deployment, ['--deploy-only'])).code, 0);
  assert.ok(deployment.calls().includes(kUp.replace('docker compose', 'docker-compose')));
});

test('A service that does not get well ends it with the last of its log', async (t) => {
  for (const state of ['running unhealthy', 'exited unhealthy', 'exited']) {
    const deployment = fresh(t, { env: kEnv });
    deployment.docker('states', `running starting\n${state}\n`);
    deployment.docker('log', 'data-sync: password authentication failed\n');
    const ended = await run(deployment);
    assertFailed(ended, new RegExp(`password authentication failed[^]*not healthy \\(${state}\\)`), /docker logs bizosaas-data-sync/);
    assert.ok(deployment.calls().includes(`docker logs --tail 30 ${kService}`));
  }
});

test('It does not wait for ever', async (t) => {
  const deployment = fresh(t, { env: kEnv });
  deployment.docker('states', 'running starting\n');
  assertFailed(await run(deployment, ['--deploy-only'], { DEPLOY_SECONDS: '0' }), /not healthy \(running starting\) after \d+ s/, /log/);
});

test('A port that somebody else has is told before anything starts; the service itself may have it', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  t.after(() => holder.close());
  const port = String(holder.address().port);
  const deployment = fresh(t, { env: `${kEnv}PORT=${port}\n` });
  const deploy = () => deployment.run(['--deploy-only'], {});
  assertFailed(await deploy(), new RegExp(`port ${port} is taken$`, 'm'), /another PORT in \.env/);
  deployment.docker('publisher', 'grafana\n');
  assertFailed(await deploy(), new RegExp(`port ${port} is taken by the container grafana`), /another PORT/);
  assert.ok(!deployment.calls().some((call) => call.includes(' up ')));
  deployment.docker('publisher', `${kService}\n`);
  assert.equal((await deploy()).code, 0);
});

test('An .env that lacks a value, or opens the service to all, starts nothing', async (t) => {
  for (const [env, cause, remedy] of [
    ['POSTGRES_PASSWORD=made-up\n', /\.env lacks JWT_SECRET/, /openssl rand/],
    ['JWT_SECRET=\nPOSTGRES_PASSWORD=made-up\n', /\.env lacks JWT_SECRET/, /openssl rand/],
    ['JWT_SECRET=made-up\n', /\.env lacks POSTGRES_PASSWORD/, /database beside/],
    [`${kEnv}ENVIRONMENT=Development\n`, /ENVIRONMENT is development/, /ENVIRONMENT=production/],
  ]) {
    const deployment = fresh(t, { env });
    assertFailed(await run(deployment, ['--deploy-only']), cause, remedy);
    assert.ok(!deployment.calls().some((call) => /\b(run|up)\b/.test(call)), env);
    assert.equal(deployment.read('.env'), env);
  }
  const by_file = fresh(t, { env: 'JWT_SECRET_FILE=/run/secrets/jwt\nPOSTGRES_PASSWORD=made-up\n' });
  assert.equal((await run(by_file, ['--deploy-only'])).code, 0);
});

test('Settings that the service refuses are told in its words, and what runs is left alone', async (t) => {
  const deployment = fresh(t, { env: kEnv });
  deployment.docker('refused', 'data-sync: JWT_SECRET: must have at least 32 bytes\n');
  assertFailed(await run(deployment, ['--deploy-only']), /at least 32 bytes[^]*refuses its settings/, /\.env/);
  assert.ok(!deployment.calls().some((call) => call.includes(' up ')));
});

test('An .env that others may read is warned of', async (t) => {
  const deployment = fresh(t);
  deployment.write('.env', kEnv, 0o644);
  assert.match((await run(deployment, ['--deploy-only'])).err, /^warning: others .* chmod 600 \.env$/m);
});

test('A database that can not be migrated leaves the service of before running', async (t) => {
  const deployment = fresh(t, { env: kEnv });
  deployment.docker('migrations', '78\n');
  assertFailed(await run(deployment, ['--deploy-only']), /it ended with 78[^]*could not be migrated/, /still runs/);
  deployment.docker('migrations', '69\n69\n');
  assertFailed(await run(deployment, ['--deploy-only'], { DEPLOY_SECONDS: '0' }), /it ended with 69/, /still runs/);
  assert.ok(!deployment.calls().some((call) => call.includes(' up ')));
});

test('A database that is only just starting is waited for', async (t) => {
  const deployment = fresh(t, { env: kEnv });
  deployment.docker('migrations', '69\n');
  assert.equal((await run(deployment, ['--deploy-only'])).code, 0);
  const calls = deployment.calls();
  assert.equal(calls.filter((call) => call === kMigrate).length, 2, calls.join('\n'));
  assert.ok(calls.includes(kUp));
});

test('With a database of its own no other one is started, and a file is left to the service', async (t) => {
  const deployment = fresh(t, { env: `${kEnv}DATABASE_URL=postgresql://me:made-up@host.docker.internal/mine\n` });
  const deploy = async () => {
    assert.equal((await run(deployment, ['--deploy-only'])).code, 0);
    const calls = deployment.calls();
    assert.ok(calls.includes(`${kCompose} up --detach --no-build --no-deps ${kRedis} ${kService}`), calls.join('\n'));
    return calls;
  };
  assert.ok((await deploy()).includes(kMigrate.replace('run --rm', 'run --rm --no-deps')));
  deployment.write('.env', `${kEnv}DATABASE_URL=sqlite:///data/data-sync.db\n`);
  assert.ok(!(await deploy()).some((call) => call.endsWith(' migrate')));
});

test('With a Redis of its own no other one is started', async (t) => {
  const deployment = fresh(t, { env: `${kEnv}REDIS_URL=redis://:made-up@host.docker.internal:6379/6\n` });
  assert.equal((await run(deployment, ['--deploy-only'])).code, 0);
  assert.ok(deployment.calls().includes(`${kCompose} up --detach --no-build ${kService}`), deployment.calls().join('\n'));
});

test('Kafka is started where KAFKA_BROKERS names the one of the compose file, and only there', async (t) => {
  const up = async (brokers) => {
    const deployment = fresh(t, { env: `${kEnv}KAFKA_BROKERS=${brokers}\n` });
    assert.equal((await run(deployment, ['--deploy-only'])).code, 0);
    return deployment.calls().filter((call) => call.includes(' up '));
  };
  const [offered] = variables(read('.env.example')).filter(({ name }) => name === 'KAFKA_BROKERS');
  assert.deepEqual(await up(offered.value), [kUp.replace(kRedis, `${kRedis} bizosaas-data-sync-kafka`)]);
  assert.deepEqual([await up(''), await up('k1.example.com:9092,k2.example.com:9092')], [[kUp], [kUp]]);
});

test('--help explains every option, and what is no option is refused', async (t) => {
  const deployment = fresh(t, { docker: [] });
  const help = await run(deployment, ['--help']);
  assert.equal(help.code, 0, help.err);
  for (const option of ['--build-only', '--deploy-only', '--test-only', '--help']) assert.match(help.out, new RegExp(`^ +${option} +\\w`, 'm'));
  for (const words of [['--frobnicate'], ['--build-only', '--test-only'], ['']]) {
    const refused = await run(deployment, words);
    assert.equal(refused.code, 2, words.join(' '));
    assert.match(refused.err, /--help tells more/);
  }
});
