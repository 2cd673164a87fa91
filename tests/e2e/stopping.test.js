/** SIGTERM: what has begun is answered or stored, whoever hangs on, and the process is gone within STOP_SECONDS (ten, unless set). */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { newLead } from './support/events.js';
import { LiveClient } from './support/live.js';
import { Command } from './support/command.js';
import { RawConnection, head } from './support/raw.js';
import { eventually, newTenant, world } from './support/world.js';

const kStopSeconds = 4;
// Longer than it takes to stop, so that a platform which hangs would keep it; and well below the time that a test waits for quiet,
// since what was asked for before the end may still arrive until then, and is waited for.
const w = await world({ env: { REQUEST_TIMEOUT: '8', STOP_SECONDS: String(kStopSeconds) } });

function lead(tenant, number) {
  return newLead(tenant, { lead_id: `lead-${number}`, contact_email: `${number}@example.com`, lead_score: number }, { id: `${tenant}-${number}` });
}

// So that one failure is one.
afterEach(async () => {
  await w.bizosaas.behave();
  if (!w.service.alive) await w.service.start();
});

/** Sends the signal and returns how long the process took to end well, in milliseconds. */
async function stop(signal = 'SIGTERM') {
  const began = performance.now();
  const ended = await w.service.signal(signal);
  const took = performance.now() - began;
  assert.deepEqual(ended, { code: 0, signal: null }, w.service.log);
  assert.ok(took < kStopSeconds * 1000, `it took ${took} ms`);
  return took;
}

async function openAll(texts) {
  const connections = await Promise.all(texts.map(() => RawConnection.open(w.service.port)));
  after(() => connections.forEach((connection) => connection.end()));
  connections.forEach((connection, i) => connection.write(texts[i]));
  return connections;
}

test('Idle clients do not keep it: it is gone at once', async (t) => {
  const idle = await openAll(Array(50).fill('GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'));
  await eventually(() => idle.every(({ received }) => received.startsWith('HTTP/1.1 200')));
  const live = await LiveClient.open(w.service.url);
  const took = await stop('SIGINT');
  t.diagnostic(`${took.toFixed(0)} ms`);
  assert.ok(took < 2_000, `it took ${took} ms`);
  assert.equal((await live.closed).code, 1001);
  await w.service.start();
});

test('Whoever hangs on, it is gone in time: half requests, silent WebSockets, a platform that does not answer', async (t) => {
  const [slow, hanging] = [newTenant(), newTenant()];
  const key = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
  const open = await openAll([
    'POST /sync/events HTTP/1.1\r\nHost: x\r\nContent-', head('/sync/events', 500), `${head('/sync/events', 500)}{"event_type"`,
    'POST /sync/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{"ev',
    `GET /ws/sync HTTP/1.1\r\nHost: x\r\n${key}\r\n`,
  ]);
  await eventually(() => open.at(-1).received.includes('subscribed'));
  await w.bizosaas.misbehave([{ hang: true, match: { tenant_id: hanging } }, { latency_ms: 1500, match: { tenant_id: slow } }]);
  await w.send(lead(hanging, 1));
  await w.send(lead(slow, 1));
  await eventually(async () => (await w.history('bizosaas', hanging)).length + (await w.history('bizosaas', slow)).length === 2);
  t.diagnostic(`${(await stop()).toFixed(0)} ms`);
  await w.bizosaas.behave();
  await w.service.start();
  await w.holds('bizosaas', hanging, 'lead', { score: 1 });
  await w.idle();
  const keys = (await w.history('bizosaas', hanging)).map(({ idempotency_key: one }) => one);
  assert.ok(keys.length >= 2 && new Set(keys).size === 1, 'the repeated call has the key of the first');
  assert.equal((await w.history('bizosaas', slow)).length, 1, 'an answer that came in time is remembered');
});

test('Under load, whoever was acknowledged before it ended is there afterwards', async () => {
  const tenant = newTenant();
  const acknowledged = [];
  let number = 0;
  const client = async () => {
    for (;;) {
      number += 1;
      const event = lead(tenant, number);
      const outcome = await w.post('/sync/events', event).then(({ status }) => status, () => 'closed');
      if (outcome === 201) {
        acknowledged.push(event.id);
      } else {
        assert.ok([503, 'closed'].includes(outcome), String(outcome));
        if (!w.service.alive) return;
      }
    }
  };
  const clients = Promise.all(Array.from({ length: 16 }, client));
  await eventually(() => acknowledged.length > 500, { everyMs: 5 });
  await stop();
  await clients;
  await w.service.start();
  for (const id of acknowledged) assert.equal((await w.get(`/sync/events/${id}`)).status, 200, id);
  await w.idle();
});

test('Ten thousand events that wait do not make it slow to end', async (t) => {
  const tenant = newTenant();
  const many = Array.from({ length: 10_000 }, (_, i) => lead(tenant, i));
  assert.equal((await w.post('/sync/events/batch', many)).body.accepted, 10_000);
  t.diagnostic(`${(await stop()).toFixed(0)} ms`);
  await w.service.start();
  assert.equal((await w.get(`/sync/events?tenant_id=${tenant}&limit=1`)).body.total, 10_000);
});

test('A signal during the start ends it, too', async () => {
  await w.service.signal('SIGTERM');
  for (const heard of [/^/, /warning/, /listening/]) {
    const early = new Command(['serve'], { cwd: w.service.folder, env: { PORT: '0' } });
    await eventually(() => heard.test(early.err), { everyMs: 1, explain: () => early.err });
    const { code } = await early.signal('SIGTERM');
    assert.ok(code === 0 || (code === 'SIGTERM' && early.err === ''), `${code}: ${early.err}`);
  }
});
