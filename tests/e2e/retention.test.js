/** Finished events older than EVENT_RETENTION_DAYS go, a few at a time, while everything else goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, newLead, newUser } from './support/events.js';
import { LiveClient } from './support/live.js';
import { daysAgo } from './support/wall_clock.js';
import { eventually, newTenant, world } from './support/world.js';

const kOld = 4_000;
const kClients = 4;
const kRetentionDays = 7;

const w = await world({ env: { EVENT_RETENTION_DAYS: String(kRetentionDays) } });

/** Starts the service again, so many days ago. */
async function startAgain(days) {
  await w.service.signal('SIGTERM');
  await w.service.start(daysAgo(days));
}

function lead(tenant, number) {
  return newLead(tenant, { lead_id: `lead-${number}`, contact_email: `${number}@example.com`, lead_score: number }, { id: `${tenant}-${number}` });
}

async function totalOf(tenant, more = '') {
  const { status, body } = await w.get(`/sync/events?tenant_id=${tenant}&limit=1${more}`);
  assert.equal(status, 200);
  return body.total;
}

test('Old events go in small batches while new ones are taken as ever; records, reviews and order stay', async (t) => {
  const [old, fresh, people] = [newTenant(), newTenant(), newTenant()];
  await startAgain(kRetentionDays + 1);
  for (let from = 0; from < kOld; from += 1000) {
    const { body } = await w.post('/sync/events/batch', Array.from({ length: 1000 }, (_, i) => lead(old, from + i)));
    assert.equal(body.accepted, 1000);
  }
  await w.sync(newUser(people, {}, { entity_id: 'asha' }));
  await w.bizosaas.misbehave({ status: 400, match: { tenant_id: people, entity: 'lead' } });
  const dead = await w.send(newLead(people));
  await w.settled(dead, ['failed']);
  await w.bizosaas.behave();
  await w.idle();
  assert.equal(await totalOf(old, '&status=completed'), kOld);
  const live = await LiveClient.open(w.service.url, `tenant_id=${people}`);
  const { cursor } = live.messages[0];
  await live.close();

  // One day younger than the limit: nothing goes.
  await startAgain(2);
  const lastWeek = await w.send(newLead(fresh, { lead_id: 'last-week', contact_email: 'w@example.com' }));
  await w.settled(lastWeek);
  await startAgain(0);

  const totals = new Set();
  const latencies = [];
  let gone = false;
  let number = 0;
  const clients = Array.from({ length: kClients }, async () => {
    while (!gone) {
      number += 1;
      const began = performance.now();
      await w.send(lead(fresh, number));
      latencies.push(performance.now() - began);
    }
  });
  await eventually(async () => {
    const total = await totalOf(old);
    totals.add(total);
    return total === 0;
  }, { explain: () => `${[...totals]} were there\n${w.service.log}` }).finally(() => { gone = true; });
  await Promise.all(clients);
  latencies.sort((a, b) => a - b);
  const worst = latencies.at(-1);
  t.diagnostic(`${kOld} went in at least ${totals.size} steps; ${latencies.length} were accepted meanwhile, median ${latencies[latencies.length >> 1].toFixed(1)} ms, worst ${worst.toFixed(0)} ms`);
  assert.ok(totals.size > 4, `all at once: ${[...totals]}`);
  assert.ok(latencies.length > 5 * kClients, `${latencies.length} tell nothing`);
  assert.ok(worst < 500, `an event waited for ${worst} ms`);

  assert.equal((await w.get(`/sync/events/${old}-1?tenant_id=${old}`)).status, 404);
  await eventually(async () => (await w.get(`/sync/events/${dead}`)).status === 404, { explain: () => 'a dead letter has ended too' });
  assert.equal((await w.event(lastWeek)).status, 'completed', 'younger than the limit');
  assert.equal(await totalOf(fresh), number + 1);

  // What is known of records does not go with the events: the same person is updated, and only with what changed.
  await w.sync(changedUser(people, { full_name: 'Asha R. Raman' }));
  const { body: record } = await w.get(`/sync/records/user/asha?tenant_id=${people}`);
  assert.deepEqual([record.version, record.data.name, record.data.email], [2, 'Asha R. Raman', 'asha@example.com']);
  const calls = (await w.history('bizosaas', people, 'user')).filter(({ outcome }) => outcome === 'applied');
  assert.deepEqual(calls.map(({ verb }) => verb), ['create', 'update']);

  // An id that is gone may come again; numbers never do.
  const { status, body } = await w.post('/sync/events', lead(old, 1));
  assert.deepEqual([status, body.status], [201, 'created']);
  const again = await LiveClient.open(w.service.url, `tenant_id=${people},${old}&cursor=${cursor}`);
  await again.told(({ event_id: id }) => id === `${old}-1`);
  assert.ok(again.of('event_created').every((message) => BigInt(message.cursor) > BigInt(cursor)));
  await again.close();
  await startAgain(0);
  assert.equal(await totalOf(old), 1);
});

test('What has not ended stays, however old it is, and what ends late is kept from then on', async () => {
  const tenant = newTenant();
  await startAgain(kRetentionDays + 3);
  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant } });
  const waiting = await w.send(newLead(tenant));
  const done = await w.send(newLead(tenant, { lead_id: 'other', contact_email: 'o@example.com' }, { target_platforms: ['bizoholic', 'coreldove'] }));
  await w.settled(waiting, ['retry']);
  await w.settled(done);
  await startAgain(1);
  await eventually(async () => (await w.get(`/sync/events/${done}`)).status === 404, { explain: () => w.service.log });
  // Its day of attempts is over, so the next one is the last: a dead letter that nobody has seen yet.
  assert.equal((await w.settled(waiting, ['failed'])).status, 'failed');
  const until = performance.now() + 1_500; // it looks for old events every second
  while (performance.now() < until) assert.equal((await w.event(waiting)).status, 'failed');
});
