/** WS /ws/sync: who hears what, what is heard after an absence, and who does not listen. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import { newLead, newUser } from './support/events.js';
import { LiveClient } from './support/live.js';
import { residentMib } from './support/process.js';
import { RawConnection } from './support/raw.js';
import { eventually, newTenant, world } from './support/world.js';

const kGrowthMibMax = 128; // what waits for one client is 4 MiB at most; the rest is what any load takes
const w = await world();

function lead(tenant, number, more) {
  return newLead(tenant, { lead_id: `lead-${number}`, contact_email: `${number}@example.com` }, { id: `${tenant}-${number}`, ...more });
}

function open(query, options) {
  return LiveClient.open(w.service.url, query, options);
}

function idsOf(client, type = 'event_created') {
  return client.of(type).map(({ event_id: id }) => id);
}

/** Waits until nothing more can come that was caused before. */
async function heardAll(client, tenant) {
  const last = await w.send(lead(tenant, 'last', { id: undefined }));
  await client.told(({ type, event_id: id }) => type === 'sync_completed' && id === last);
  return last;
}

test('A client hears of an event when it is stored, and when it has ended', async () => {
  const tenant = newTenant();
  const client = await open(`tenant_id=${tenant}`);
  const id = await w.send(newUser(tenant));
  const created = await client.told(({ type }) => type === 'event_created');
  assert.deepEqual([created.event_id, created.event_type, created.tenant_id, created.source_platform], [id, 'user_created', tenant, 'bizoholic']);
  const completed = await client.told(({ type }) => type === 'sync_completed');
  assert.deepEqual([completed.event_id, completed.status], [id, 'completed']);
  assert.deepEqual(completed.results.map(({ target_platform: target, status }) => [target, status]), [['coreldove', 'completed'], ['bizosaas', 'completed']]);
  assert.ok(!JSON.stringify(client.messages).includes('asha@example.com'), 'what is personal is read from the API, not broadcast');
  await client.close();
});

test('A conflict is told when it is found and when it is settled', async () => {
  const tenant = newTenant();
  const client = await open(`tenant_id=${tenant}&type=conflict_detected,conflict_resolved`);
  await w.sync(newUser(tenant, {}, { entity_id: 'asha' }));
  await w.sync({ ...newUser(tenant, { full_name: 'Asha R' }, { entity_id: 'asha', base_version: 1 }), event_type: 'user_updated' });
  const late = { event_type: 'user_updated', source_platform: 'bizosaas', target_platforms: ['bizoholic', 'coreldove'], tenant_id: tenant, entity_id: 'asha', base_version: 1, data: { user_id: 'bs-1', user_name: 'Asha Rao' } };
  const id = await w.send(late);
  const detected = await client.told(({ type }) => type === 'conflict_detected');
  assert.deepEqual([detected.event_id, detected.entity_id, detected.conflict_type, detected.fields[0].field], [id, 'asha', 'version_conflict', 'name']);
  assert.equal((await client.told(({ type }) => type === 'conflict_resolved')).conflict_id, detected.conflict_id);
  await client.close();
});

test('Filters hold: tenant, event type, platform, message type; in the address and in a message', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  const filters = {
    tenant: { query: `tenant_id=${tenant}`, message: { tenant_ids: [tenant] } },
    type: { query: `tenant_id=${tenant}&event_type=user_created,order_created`, message: { tenant_id: tenant, event_types: ['user_created'] } },
    platform: { query: `tenant_id=${tenant}&platform=coreldove`, message: { tenant_id: tenant, platforms: ['coreldove'] } },
    message: { query: `tenant_id=${tenant}&type=sync_completed`, message: { tenant_id: tenant, types: ['sync_completed'] } },
  };
  const clients = {};
  for (const [name, { query, message }] of Object.entries(filters)) {
    const asked = await open(`tenant_id=${other}`);
    asked.send({ action: 'subscribe', ...message });
    await eventually(() => asked.of('subscribed').length === 2);
    clients[name] = [await open(query), asked];
  }
  const ofLead = await w.send(lead(tenant, 1));
  const ofUser = await w.send(newUser(tenant));
  await w.send(lead(other, 1));
  for (const [client] of Object.values(clients)) await client.told(({ type, event_id: id }) => type === 'sync_completed' && id === ofUser);
  for (const client of Object.values(clients).flat()) {
    await client.told(({ type, event_id: id }) => type === 'sync_completed' && id === ofUser);
    assert.ok(client.messages.every(({ tenant_id: of }) => of === undefined || of === tenant));
  }
  for (const client of clients.tenant) assert.deepEqual(idsOf(client), [ofLead, ofUser]);
  for (const client of [...clients.type, ...clients.platform]) assert.deepEqual(idsOf(client), [ofUser]);
  for (const client of clients.message) assert.deepEqual(idsOf(client), []);
  for (const client of Object.values(clients).flat()) await client.close();
});

test('A cursor goes on where the client was, without a gap or a repetition, while more comes', async () => {
  const tenant = newTenant();
  const total = 1_500;
  let sent = 0;
  const sender = (async () => {
    for (; sent < total; sent += 50) {
      const { body } = await w.post('/sync/events/batch', Array.from({ length: 50 }, (_, i) => lead(tenant, sent + i)));
      assert.equal(body.accepted, 50);
    }
  })();
  const heard = [];
  let cursor = '0';
  let connections = 0;
  while (heard.length < total) {
    const client = await open(`tenant_id=${tenant}&type=event_created&cursor=${cursor}`);
    connections += 1;
    const before = heard.length;
    await eventually(() => client.messages.length > 100 || before + client.of('event_created').length >= total, { explain: () => `${heard.length} heard` });
    await client.close();
    for (const message of client.of('event_created')) {
      heard.push(message.event_id);
      ({ cursor } = message);
    }
  }
  await sender;
  assert.ok(connections > 2, `${connections} connections`);
  assert.deepEqual(heard, Array.from({ length: total }, (_, i) => `${tenant}-${i}`));
});

test('A client that reads slowly, or not at all for a while, harms nobody and misses nothing', async (t) => {
  const tenant = newTenant();
  const total = 20_000;
  const slow = await open(`tenant_id=${tenant}&type=event_created`);
  const quick = await open(`tenant_id=${tenant}&type=event_created`);
  slow.pause();
  const before = residentMib(w.service.pid);
  let peak = before;
  for (let sent = 0; sent < total; sent += 5_000) {
    const { body } = await w.post('/sync/events/batch', Array.from({ length: 5_000 }, (_, i) => ({
      event_type: 'analytics_updated', source_platform: 'bizoholic', target_platforms: ['coreldove'], tenant_id: tenant, data: { visits: sent + i }, entity_id: 'e'.repeat(250), id: `${tenant}-${sent + i}`,
    })));
    assert.equal(body.accepted, 5_000);
    await eventually(() => {
      peak = Math.max(peak, residentMib(w.service.pid));
      return quick.of('event_created').length === sent + 5_000;
    }, { explain: () => `${quick.messages.length} of ${sent + 5_000}` });
  }
  const told = slow.messages.length;
  slow.resume();
  await eventually(() => slow.of('event_created').length >= total, { explain: () => `${slow.messages.length} of ${total}` });
  t.diagnostic(`${total} events told to both, ${(peak - before).toFixed(0)} MiB more at most`);
  assert.ok(told < 100, `${told}: it was to hear nothing`);
  assert.ok(peak - before < kGrowthMibMax, `${peak - before} MiB more`);
  const ids = Array.from({ length: total }, (_, i) => `${tenant}-${i}`);
  for (const client of [quick, slow]) {
    assert.deepEqual(idsOf(client), ids, 'each once, in order');
    await client.close();
  }
});

test('What is no message of ours is answered or ends the connection, and never more than that', async () => {
  const tenant = newTenant();
  const client = await open(`tenant_id=${tenant}`);
  const bad = ['no json', '[]', '7', '{}', '{"action":7}', '{"action":"dance"}', '{"action":"subscribe","types":["nonsense"]}', '{"action":"subscribe","cursor":"-1"}',
    '{"action":"subscribe","cursor":"99999999999999999999"}', `{"action":"subscribe","tenant_ids":${JSON.stringify(Array(300).fill('x'.repeat(100)))}`, '['.repeat(60_000), '{"action":"subscribe","tenant_ids":[["a"]],"platforms":{"a":1}}'];
  for (const message of bad) client.send(message);
  client.send({ action: 'ping' });
  await client.told(({ type }) => type === 'pong');
  assert.ok(client.of('error').length >= 9, JSON.stringify(client.messages));
  client.send('x'.repeat(70_000));
  assert.equal((await client.closed).code, 1009);

  for (const query of ['type=nonsense', 'cursor=abc', 'cursor=-5', 'cursor=99999999999999999999']) {
    assert.equal(await LiveClient.refusal(w.service.url, query), 422, query);
  }
  const future = await open(`tenant_id=${tenant}&cursor=9000000000000000000`);
  const id = await w.send(lead(tenant, 1));
  await w.settled(id);
  await future.close();
});

for (const [what, bytes] of [
  ['a frame without a mask', [0x81, 0x02, 0x7b, 0x7d]], ['a frame of a reserved kind', [0x83, 0x80, 0, 0, 0, 0]], ['a frame with reserved bits', [0xf1, 0x80, 0, 0, 0, 0]],
  ['text that is no UTF-8', [0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe]], ['a length over everything', [0x81, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]],
  ['a ping that is too long', [0x89, 0xfe, 0x01, 0x00, 0, 0, 0, 0]], ['a continuation of nothing', [0x80, 0x80, 0, 0, 0, 0]],
]) {
  test(`${what} ends its connection only`, async () => {
    const connection = await RawConnection.open(w.service.port);
    after(() => connection.end());
    connection.write('GET /ws/sync HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    await eventually(() => connection.received.includes('subscribed'));
    connection.write(Buffer.from(bytes));
    await connection.closed;
    assert.equal((await w.get('/livez')).status, 200);
  });
}

test('A plain request is told to upgrade; a page of another site is not let in', async () => {
  assert.equal((await w.get('/ws/sync')).status, 426);
  assert.equal(await LiveClient.refusal(w.service.url, '', { headers: { origin: 'https://evil.example.com' } }), 403);
  assert.equal(await LiveClient.refusal(w.service.url, '', { headers: { origin: 'null' } }), 403);
  for (const origin of [w.service.url, 'http://localhost:5173', undefined]) {
    await (await open('', { headers: origin ? { origin } : {} })).close();
  }
  const behind = await LiveClient.open(`${w.service.url}/api/brain/data-sync`);
  await behind.close();
});

test('Five hundred clients hear the same', async () => {
  const tenant = newTenant();
  const clients = [];
  for (let i = 0; i < 10; i += 1) clients.push(...await Promise.all(Array.from({ length: 50 }, () => open(`tenant_id=${tenant}`))));
  const ids = [];
  for (let i = 0; i < 5; i += 1) ids.push(await w.send(lead(tenant, i)));
  const last = await heardAll(clients[0], tenant);
  for (const client of clients) {
    await client.told(({ type, event_id: id }) => type === 'sync_completed' && id === last);
    assert.deepEqual(idsOf(client), [...ids, last]);
  }
  await Promise.all(clients.map((client) => client.close()));
});
