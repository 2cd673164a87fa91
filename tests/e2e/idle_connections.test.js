/** Clients that connect and say nothing, or too little, cost next to nothing and hold up nobody. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';

import { newLead } from './support/events.js';
import { openFiles, openFilesMax, residentMib } from './support/process.js';
import { RawConnection, head } from './support/raw.js';
import { eventually, newTenant, world } from './support/world.js';

const kIdle = 10_000;
const kAtOnce = 500;
const kKibMaxEach = 8;
const kGrowthMibMax = 40; // of two more rounds; what an allocator keeps is a matter of moments
const { hard } = openFilesMax('self');
// Each connection has two ends, and the other one is here.
const skip = hard < kIdle + 1000 && `only ${hard} descriptors are allowed here (ulimit -Hn)`;
if (skip) console.log(`# skipped: ${skip}`);

// As a login shell or systemd starts it: few descriptors, and leave to take more.
const w = await world({ launcher: ['prlimit', `--nofile=1024:${hard}`] });

/** Requests that are never finished: the first ones fall silent, the others send a byte now and then. */
const kUnfinished = {
  'half a head': 'POST /sync/events HTTP/1.1\r\nHost: x\r\nContent-Le',
  'half a body': `${head('/sync/events', 500)}{"event_type":"lead_`,
  'half a chunk': 'POST /sync/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{"event_type"',
  'a head, drop by drop': 'POST /sync/events HTTP/1.1\r\nHost: x\r\nX-Long: ',
  'a body, drop by drop': head('/sync/events', 500),
};
const kUnfinishedMsMax = 15_000;

// Begun first and looked at last, so that the other tests run meanwhile.
const unfinished = Promise.all(Object.entries(kUnfinished).map(async ([what, text]) => {
  const connection = await RawConnection.open(w.service.port);
  connection.write(text);
  const began = performance.now();
  const trickle = what.endsWith('drop by drop') && setInterval(() => connection.isOpen && connection.write('x'), 200);
  const deadline = setTimeout(() => connection.end(), kUnfinishedMsMax + 5000);
  const received = await connection.closed;
  clearInterval(trickle);
  clearTimeout(deadline);
  return { what, received, ms: performance.now() - began };
}));

async function openMany(t, port, count, greeting) {
  const connections = [];
  t.after(() => closeAll(connections));
  while (connections.length < count) {
    const next = Array.from({ length: Math.min(kAtOnce, count - connections.length) }, () => RawConnection.open(port));
    connections.push(...await Promise.all(next));
  }
  if (greeting) for (const connection of connections) connection.write(greeting);
  return connections;
}

function closeAll(connections) {
  for (const connection of connections) connection.end();
}

async function allTaken() {
  await eventually(() => openFiles(w.service.pid) > kIdle, { explain: () => `${openFiles(w.service.pid)} descriptors are open` });
}

async function allGone() {
  await eventually(() => openFiles(w.service.pid) < 500, { explain: () => `${openFiles(w.service.pid)} descriptors are open` });
}

/** The slowest of some rounds of calls, in milliseconds. */
async function slowestRound() {
  let worst = 0;
  for (let i = 0; i < 10; i += 1) {
    const began = performance.now();
    await w.send(newLead(newTenant()));
    assert.equal((await w.get('/health')).status, 200);
    assert.equal((await w.get('/sync/events?limit=1')).status, 200);
    worst = Math.max(worst, performance.now() - began);
  }
  return worst;
}

test('It takes as many descriptors as it may have', { skip }, () => {
  assert.deepEqual(openFilesMax(w.service.pid), { soft: hard, hard });
});

test('10,000 idle connections are held, hold up nobody, and take little memory', { skip }, async (t) => {
  await slowestRound();
  const before = residentMib(w.service.pid);
  const idle = await openMany(t, w.service.port, kIdle);
  await allTaken();
  const worst = await slowestRound();
  assert.ok(worst < 1000, `the slowest round of calls took ${worst} ms`);
  const kibEach = (residentMib(w.service.pid) - before) * 1024 / kIdle;
  t.diagnostic(`${kibEach.toFixed(1)} KiB for each; the slowest round of calls took ${worst.toFixed(0)} ms`);
  assert.ok(kibEach < kKibMaxEach, `${kibEach} KiB for each`);
  assert.ok(idle.every((connection) => connection.isOpen));
  // They are served: one of them speaks after all.
  const one = idle[kIdle / 2];
  one.write('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n');
  await eventually(() => one.received.startsWith('HTTP/1.1 200'), { explain: () => one.received });
  closeAll(idle);
  await allGone();
});

test('Ten thousand come, say half a word and go, again and again, and memory does not grow', { skip }, async (t) => {
  const mib = [];
  for (let round = 0; round < 3; round += 1) {
    const idle = await openMany(t, w.service.port, kIdle, 'GET /li');
    await allTaken();
    closeAll(idle);
    await allGone();
    mib.push(Math.round(residentMib(w.service.pid)));
  }
  t.diagnostic(`MiB after each round: ${mib}`);
  assert.ok(mib[2] - mib[0] < kGrowthMibMax, `MiB after each round: ${mib}`);
});

test('Where descriptors are few, clients that are too many are told so, and the rest goes on', async (t) => {
  const few = await world({ launcher: ['prlimit', '--nofile=1024:1024'] });
  assert.match(few.service.log, /SERVER_CONNECTIONS .*LimitNOFILE/);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const tenant = newTenant();
  assert.equal(await postOn(agent, few.service.port, newLead(tenant)), 201);
  const many = await openMany(t, few.service.port, 1100);
  await eventually(() => many.some(({ received }) => received.startsWith('HTTP/1.1 503')), { explain: () => few.service.log });
  for (let i = 0; i < 20; i += 1) {
    assert.equal(await postOn(agent, few.service.port, newLead(tenant, { lead_id: `l-${i}`, contact_email: `${i}@example.com` })), 201);
  }
  await eventually(async () => (await few.state('bizosaas', tenant, 'lead')).length === 21, { explain: () => few.service.log });
  assert.doesNotMatch(few.service.log, /Too many open files/);
});

test('Half a request is told 408 or closed in time, however it trickles', async () => {
  for (const { what, received, ms } of await unfinished) {
    assert.match(received, /^HTTP\/1\.1 408 |^$/, what);
    assert.ok(ms < kUnfinishedMsMax, `${what}: ${ms} ms`);
  }
});

/** Posts an event on the one connection of the agent. */
function postOn(agent, port, event) {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify(event);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const call = request({ agent, port, host: '127.0.0.1', method: 'POST', path: '/sync/events', headers }, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode));
    });
    call.on('error', reject);
    call.end(body);
  });
}
