/** A platform is down while far more events come for it than memory may hold: they wait on disk, and stop nobody. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newLead, newUser } from './support/events.js';
import { residentMib } from './support/process.js';
import { eventually, newTenant, world } from './support/world.js';

const kInMemory = 1000;
const kLeads = 6000;
const kRounds = 8; // of changes of every lead: 48,000 events
const kBatch = 3000;
const kGrowthMibMax = 70; // with all of them in memory it is twice that
const kDrainMsMax = 120_000;

const w = await world({ env: { EVENTS_IN_MEMORY: String(kInMemory), RECORD_CACHE: '1000' } });

/** One round of changes of every lead, from the first to the last; the first one creates them. */
async function sendRound(tenant, round) {
  for (let first = 0; first < kLeads; first += kBatch) {
    const events = Array.from({ length: kBatch }, (_, i) => newLead(tenant, {
      lead_id: `lead-${first + i}`, contact_email: `${first + i}@example.com`, lead_score: round,
    }, { event_type: round === 0 ? 'lead_created' : 'lead_updated' }));
    const { status, body } = await w.post('/sync/events/batch', events);
    assert.equal(status, 200);
    assert.equal(body.accepted, kBatch, JSON.stringify(body.results.find(({ status: one }) => one !== 'created')));
  }
}

async function statusOf() {
  return (await w.get('/sync/status')).body;
}

async function totalOf(tenant, status) {
  return (await w.get(`/sync/events?tenant_id=${tenant}&status=${status}&limit=1`)).body.total;
}

/** What waits in the store, once all is reconciled. */
function setAside(atLeast) {
  let status;
  return eventually(async () => {
    status = await statusOf();
    return status.queue_size === 0 && status.set_aside >= atLeast && status;
  }, { explain: () => `${JSON.stringify(status)}\n${w.service.log}` });
}

function assertNeverBackwards(history) {
  const newest = new Map();
  const applied = history.filter(({ outcome }) => outcome === 'applied').sort((a, b) => a.applied_order - b.applied_order);
  for (const { data } of applied) {
    const score = data.score ?? data.lead_score;
    const before = newest.get(data.email ?? data.id) ?? -1;
    assert.ok(score >= before, `score ${score} of ${JSON.stringify(data)} after ${before}`);
    newest.set(data.email ?? data.id, score);
  }
}

test('A long outage fills the disk and not memory, and in the end everything has arrived', async () => {
  const [tenant, other] = [newTenant(), newTenant()];
  await w.sync(newLead(other));
  await w.sync(newUser(other));
  const before = residentMib(w.service.pid);

  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant } });
  for (let round = 0; round < 3; round += 1) await sendRound(tenant, round);
  await setAside(3 * kLeads - kInMemory - 100);
  await w.service.signal('SIGKILL');
  await w.service.start();
  const again = await setAside(3 * kLeads - kInMemory - 100);
  assert.equal(again.unfinished, 3 * kLeads, 'the kill lost some');

  for (let round = 3; round < kRounds; round += 1) await sendRound(tenant, round);
  const { set_aside: waits, unfinished } = await setAside(kRounds * kLeads - kInMemory - 100);
  assert.equal(unfinished, kRounds * kLeads);
  const grown = residentMib(w.service.pid) - before;
  console.log(`# ${waits} of ${unfinished} events wait on disk; the process grew by ${grown.toFixed(0)} MiB from ${before.toFixed(0)}`);
  assert.ok(grown < kGrowthMibMax, `it grew by ${grown} MiB`);
  await w.sync(newUser(other, { full_name: 'Asha R' }, { event_type: 'user_updated', target_platforms: ['coreldove'] }));
  assert.match(await (await fetch(`${w.service.url}/metrics`)).text(), new RegExp(`^datasync_events_set_aside ${waits}$`, 'm'));

  await w.bizosaas.behave();
  let left = waits;
  await eventually(async () => {
    left = (await statusOf()).set_aside;
    return left < waits / 2;
  }, { deadlineMs: kDrainMsMax, explain: () => `${left} still wait\n${w.service.log}` });
  await w.service.signal('SIGKILL');
  await w.service.start();
  await eventually(async () => await totalOf(tenant, 'completed') === kRounds * kLeads, {
    deadlineMs: kDrainMsMax, everyMs: 200, explain: () => w.service.log,
  });
  assert.equal((await statusOf()).set_aside, 0);
  const records = await w.state('bizosaas', tenant, 'lead');
  assert.equal(records.length, kLeads);
  for (const { canonical } of records) assert.equal(canonical.score, kRounds - 1, JSON.stringify(canonical));
  const history = await w.history('bizosaas', tenant);
  assertNeverBackwards(history);
  console.log(`# ${history.filter(({ outcome }) => outcome === 'applied').length} requests said it all`);
});
