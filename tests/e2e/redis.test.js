/** Redis shows what waits and what happens, and decides nothing: gone, flushed or refusing, events go on. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { run } from './support/command.js';
import { newLead, newUser } from './support/events.js';
import { Redis } from './support/redis.js';
import { eventually, newTenant, world } from './support/world.js';

const kMany = 8000;

const redis = await Redis.start('hush-hush');
after(() => redis.stop());
// A few events a window, so that many wait for a while.
const w = await world({ env: { REDIS_URL: redis.url, WINDOW_EVENTS: '16', LOG_LEVEL: 'info' } });

async function told() {
  return (await w.get('/health')).body.services.redis;
}

/** What operators look at: `redis-cli -n 6 llen events:normal`. */
async function lengthsSeen(of, wanted) {
  let seen;
  await eventually(() => {
    seen = redis.lengths();
    return wanted(seen);
  }, { everyMs: 20, explain: () => `${of}: ${JSON.stringify(seen)}\n${w.service.log}` });
  return seen;
}

test('The length of the lists is what waits, by priority', async () => {
  assert.equal(await told(), 'healthy');
  const tenant = newTenant();
  const leads = Array.from({ length: kMany }, (_, i) => newLead(tenant, { lead_id: `l-${i}`, contact_email: `l${i}@example.com` }, { priority: i % 2 ? 'low' : 'critical' }));
  const posted = w.post('/sync/events/batch', leads); // they wait no longer than a moment, so it is looked at meanwhile
  const seen = await lengthsSeen('many wait', ([critical, , , low]) => critical > 0 && low > 0);
  assert.equal((await posted).body.accepted, kMany);
  assert.deepEqual([seen[1], seen[2]], [0, 0]);
  await lengthsSeen('none waits', (lengths) => lengths.every((length) => length === 0));
  const fields = redis.ask('hvals', 'events:instances').split('\n');
  assert.equal(fields.length, 1);
});

test('What WebSocket clients are told goes to the channel of its type, and holds no data', async () => {
  await w.idle();
  const { messages, close } = await redis.subscribe('events:*');
  after(close);
  const id = await w.send(newUser(newTenant(), { email_address: 'kim.secret@example.com' }));
  await w.settled(id, ['completed']);
  const of = (type) => messages.filter(({ channel, message }) => channel === `events:${type}` && message.type === type && message.event_id === id);
  await eventually(() => of('sync_completed').length === 1);
  assert.equal(of('event_created').length, 1);
  assert.deepEqual(of('sync_completed')[0].message.status, 'completed');
  assert.doesNotMatch(JSON.stringify(messages), /kim\.secret/);
});

test('A flush heals by itself', async () => {
  redis.ask('flushall');
  await eventually(() => redis.ask('hlen', 'events:instances') === '1');
  assert.equal(await told(), 'healthy');
});

test('Redis is killed: events go on, /health says so, and all is as before when it is back', async () => {
  await redis.kill();
  await eventually(async () => (await told()) === 'disconnected', { explain: () => w.service.log });
  const { status, body } = await w.get('/health');
  assert.deepEqual([status, body.status], [200, 'healthy'], 'events are accepted');
  const metrics = await (await fetch(`${w.service.url}/metrics`)).text();
  assert.match(metrics, /^datasync_redis_up 0$/m);
  const tenant = newTenant();
  await w.sync(newLead(tenant));
  await w.holds('bizosaas', tenant, 'lead', {});
  await redis.again();
  await eventually(async () => (await told()) === 'healthy', { explain: () => w.service.log });
  await eventually(() => redis.ask('hlen', 'events:instances') === '1');
  const { messages, close } = await redis.subscribe('events:event_created');
  after(close);
  const id = await w.send(newLead(newTenant()));
  await eventually(() => messages.some(({ message }) => message.event_id === id));
  assert.match(w.service.log, /is well again/);
});

test('A list that is something else is unhealthy, and healthy once it is gone', async () => {
  redis.ask('set', 'events:high', 'text');
  await eventually(async () => (await told()) === 'unhealthy', { explain: () => w.service.log });
  redis.ask('del', 'events:high');
  await eventually(async () => (await told()) === 'healthy', { explain: () => w.service.log });
});

test('No secret is in the log, and who stops leaves nothing behind', async () => {
  assert.doesNotMatch(w.service.log, /hush-hush/);
  await w.service.signal('SIGTERM');
  assert.equal(redis.ask('exists', 'events:instances'), '0');
});

const kRefusals = [
  ['a wrong password', () => redis.url.replace('hush-hush', 'wrong-word'), /refuses the user or the password; REDIS_URL=redis:\/\/user:password@host/],
  ['no password', () => redis.url.replace(':hush-hush@', ''), /wants a password; put it into REDIS_URL/],
  ['a database that is not there', () => redis.url.replace('/6', '/600'), /has no such database/],
  ['a URL that is none', () => 'redis:/x', /REDIS_URL \(environment\): .*redis:\/\/\[\[user\]:password@\]host/],
];
for (const [what, url, words] of kRefusals) {
  test(`With ${what} it does not start, says why, and ends with 78`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'data-sync-redis-'));
    after(() => rmSync(folder, { recursive: true }));
    const { code, out, err } = await run(['serve'], { cwd: folder, env: { PORT: '0', REDIS_URL: url() } });
    assert.equal(code, 78, out + err);
    assert.match(err, words);
    assert.doesNotMatch(out + err, /hush-hush|wrong-word/);
  });
}

test('Where nobody answers it starts all the same', async () => {
  await redis.kill();
  await w.service.start();
  assert.equal(await told(), 'disconnected');
  await w.sync(newLead(newTenant()));
});
