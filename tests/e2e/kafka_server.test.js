/** The broker that other tests run beside: it keeps what it acknowledges, however it ends, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { eventually } from '../../simulators/story/eventually.js';
import { Kafka } from './support/kafka.js';

const kScript = fileURLToPath(new URL('../../scripts/with_kafka.sh', import.meta.url));
const kafka = await Kafka.start();
after(() => kafka.stop());

/** Resolves if somebody listens there. */
async function connection(address) {
  const [host, port] = address.split(':');
  const socket = connect(Number(port), host);
  await once(socket, 'connect');
  socket.destroy();
}

/** Runs a script beside a broker: `{code, signal, wasThere, remains}`, the latter two of the broker's folder and of its process. */
async function beside(script, { interrupt = false } = {}) {
  const child = spawn(kScript, ['bash', '-c', `echo "$DATASYNC_KAFKA_SERVER"; read -r; ${script}`], {
    detached: true, stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const [line] = await once(createInterface(child.stdout), 'line');
  const folder = dirname(line);
  const isThere = () => [existsSync(folder), hasProcess(`${folder}/server.properties`)];
  const wasThere = isThere();
  child.stdin.end('\n');
  if (interrupt) process.kill(-child.pid, 'SIGINT'); // as the terminal does, to all of its group
  const [code, signal] = await ended;
  return { code, signal, wasThere, remains: isThere() };
}

/** Whether there is a process with such a word in its command line. */
function hasProcess(word) {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).some((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(word);
    } catch (error) {
      if (['ENOENT', 'ESRCH'].includes(error.code)) return false; // it has ended since
      throw error;
    }
  });
}

test('It takes and gives messages with keys and headers, those of a key in order', async () => {
  await kafka.createTopic('events', { partitions: 3 });
  const keys = ['kim', 'lee', 'mia', 'kim', 'lee', 'kim'];
  await kafka.produce('events', keys.map((key, i) => ({ key, value: JSON.stringify({ i }), headers: { event_id: `e-${i}`, 'trace-id': 'ünï' } })));
  const messages = await kafka.consume('events', keys.length);
  assert.deepEqual(messages.filter(({ key }) => key === 'kim').map(({ value }) => JSON.parse(value).i), [0, 3, 5]);
  assert.equal(new Set(messages.filter(({ key }) => key === 'kim').map(({ partition }) => partition)).size, 1);
  assert.deepEqual(messages.find(({ value }) => value === '{"i":4}').headers, { event_id: 'e-4', 'trace-id': 'ünï' });
  assert.equal((await kafka.lengths('events')).reduce((sum, length) => sum + length), keys.length);
});

test('A key, a value and headers may be missing', async () => {
  await kafka.createTopic('bare');
  await kafka.produce('bare', [{ value: 'alone' }, { key: 'gone', value: null }]);
  assert.deepEqual(await kafka.consume('bare', 2), [
    { partition: 0, offset: 0, key: undefined, value: 'alone', headers: {} },
    { partition: 0, offset: 1, key: 'gone', value: undefined, headers: {} },
  ]);
});

test('Killed, it starts where it was with all that it had acknowledged, and goes on', async () => {
  await kafka.createTopic('kept');
  await kafka.produce('kept', [{ value: 'before' }]);
  const { brokers } = kafka;
  await kafka.kill();
  await assert.rejects(connection(brokers), { code: 'ECONNREFUSED' });
  await kafka.again();
  await kafka.produce('kept', [{ value: 'after' }]);
  assert.deepEqual((await kafka.consume('kept', 2)).map(({ value }) => value), ['before', 'after']);
});

test('Frozen it answers nothing; thawed it does what it was asked for meanwhile', async () => {
  await kafka.createTopic('late');
  await kafka.freeze();
  let isProduced = false;
  const produced = kafka.produce('late', [{ value: 'x' }]).then(() => { isProduced = true; });
  await connection(kafka.brokers); // the kernel takes it in its stead
  assert.equal(isProduced, false);
  await kafka.thaw();
  await produced;
  assert.equal((await kafka.consume('late', 1))[0].value, 'x');
});

test('A topic that is followed tells what comes, as it comes', async () => {
  await kafka.createTopic('live');
  const { messages, close } = await kafka.follow('live');
  await kafka.produce('live', [{ value: '1' }]);
  await eventually(() => messages.length === 1);
  await kafka.produce('live', [{ value: '2' }]);
  await eventually(() => messages.length === 2);
  await close();
  assert.deepEqual(messages.map(({ value }) => value), ['1', '2']);
});

test('When the command ends, well or killed, nothing is left, and its status is told', async () => {
  for (const [script, code] of [
    ['kill -KILL $$', 137],
    ['"$DATASYNC_KAFKA_SERVER" signal KILL; "$DATASYNC_KAFKA_SERVER" start; "$DATASYNC_KAFKA_SERVER" signal STOP; exit 3', 3],
  ]) {
    assert.deepEqual(await beside(script), { code, signal: null, wasThere: [true, true], remains: [false, false] }, script);
  }
  const interrupted = await beside('exec sleep 60', { interrupt: true });
  assert.deepEqual(interrupted, { code: 130, signal: null, wasThere: [true, true], remains: [false, false] });
});

test('A broker that can not be started says why', (t) => {
  const { status, stderr } = withJava(t, 'echo no memory today; exit 1');
  assert.equal(status, 1);
  assert.match(stderr, /^with_kafka: it does not start: no memory today\n/);
});

test('A port that somebody else has is left alone, and another one taken', (t) => {
  const java = spawnSync('sh', ['-c', 'command -v java'], { encoding: 'utf8' }).stdout.trim();
  const { status, stdout, stderr } = withJava(t, `
    for properties; do :; done
    mkdir "$(dirname "$0")/first" && sed -i 's/:[0-9]*,CONTROLLER:/:${kafka.brokers.split(':')[1]},CONTROLLER:/' "$properties"
    exec ${java} "$@"`);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^127\.0\.0\.1:\d+\n$/);
  assert.notEqual(stdout.trim(), kafka.brokers);
});

/** Starts a broker by a `java` that is a script; the command says where it is. */
function withJava(t, script) {
  const folder = mkdtempSync(join(tmpdir(), 'java-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'java'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return spawnSync(kScript, ['sh', '-c', 'echo "$DATASYNC_KAFKA_BROKERS"'], {
    encoding: 'utf8', env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  });
}
