/**
 * What people decide beside what platforms say: resolved reviews, merges, splits, undo, and the word of who was asked.
 * Each deed prepares a tenant of its own, and can be asked for, and asked for again.
 */
import assert from 'node:assert/strict';

import { changedUser, event, newUser } from './events.js';

const kReason = 'decided on a bad day';

function order(tenant, number, type, total) {
  return event('coreldove', type, tenant, { order_id: number, order_number: number, order_total: total }, { target_platforms: ['bizoholic', 'bizosaas'] });
}

/** An order whose amount waits for a person. */
async function waitingOrder(w, tenant, number) {
  await w.sync(order(tenant, number, 'order_created', 8_300));
  await w.settled(await w.send(order(tenant, number, 'order_updated', 83_000)), ['review']);
}

async function conflicts(w, tenant) {
  return (await w.get(`/sync/conflicts?tenant_id=${tenant}`)).body.conflicts;
}

async function amounts(w, tenant, count) {
  for (const [platform, amount] of [['bizoholic', 1_000], ['bizosaas', 83_000]]) {
    const orders = await w.state(platform, tenant, 'order');
    assert.deepEqual(orders.map(({ canonical }) => canonical.total_amount), Array(count).fill(amount), platform);
  }
}

async function twoUsers(w, tenant) {
  await w.sync(newUser(tenant, { phone_number: undefined }, { target_platforms: ['bizosaas'], entity_id: 'asha' }));
  const { event_id: created } = await w.act('coreldove', tenant, 'create', 'user', { name: 'A. Raman', email: 'a.raman@example.org', phone: '+91 80 5550 0177' },
    { target_platforms: ['bizosaas'], event: { entity_id: 'customer' } });
  await w.settled(created);
}

function join(w, tenant, verb) {
  return w.post(`/sync/records/user/asha/${verb}?tenant_id=${tenant}`, { other: 'customer', reason: kReason });
}

async function names(w, platform, tenant, expected) {
  assert.deepEqual((await w.state(platform, tenant, 'user')).map(({ canonical }) => canonical.name).sort(), expected);
}

async function emails(w, tenant, expected) {
  for (const platform of ['coreldove', 'bizosaas']) {
    assert.deepEqual((await w.state(platform, tenant, 'user')).map(({ canonical }) => canonical.email), [expected], platform);
  }
}

async function waitingEmail(w, tenant, notifier) {
  await w.sync(newUser(tenant));
  await w.settled(await w.send(changedUser(tenant, { email_address: 'new@example.com' })), ['review']);
  return (await notifier.message(tenant)).token;
}

/** @typedef {{name: string, events: number, prepare: Function, ask: Function, stands: Function}} Deed `events`: how many it makes */
export function deeds(notifier) {
  /** @type {Deed[]} */
  return [{
    name: 'a decision',
    events: 1,
    async prepare(w, tenant) {
      await waitingOrder(w, tenant, 'o-1');
      return (await conflicts(w, tenant))[0].conflict_id;
    },
    ask: (w, tenant, id) => w.post(`/sync/conflicts/${id}/resolve`, { choice: 'source', reason: kReason }),
    stands: (w, tenant) => amounts(w, tenant, 1),
  }, {
    name: 'two decisions at once',
    events: 2,
    async prepare(w, tenant) {
      await waitingOrder(w, tenant, 'o-1');
      await waitingOrder(w, tenant, 'o-2');
    },
    ask: (w, tenant) => w.post('/sync/conflicts/resolve', { tenant_id: tenant, choice: 'source', reason: kReason }),
    stands: (w, tenant) => amounts(w, tenant, 2),
  }, {
    name: 'a merge',
    events: 1,
    prepare: twoUsers,
    ask: (w, tenant) => join(w, tenant, 'merge'),
    async stands(w, tenant) {
      const { body } = await w.get(`/sync/records/user/asha?tenant_id=${tenant}`);
      assert.deepEqual(body.absorbed, ['customer']);
      await names(w, 'coreldove', tenant, ['Asha Raman']);
    },
  }, {
    name: 'a split',
    events: 2,
    async prepare(w, tenant) {
      await twoUsers(w, tenant);
      await w.settled((await join(w, tenant, 'merge')).body.event_id);
    },
    ask: (w, tenant) => join(w, tenant, 'split'),
    async stands(w, tenant) {
      const { body } = await w.get(`/sync/records/user/asha?tenant_id=${tenant}`);
      assert.deepEqual(body.absorbed, []);
      for (const platform of ['bizosaas', 'coreldove']) await names(w, platform, tenant, ['A. Raman', 'Asha Raman']);
    },
  }, {
    name: 'an undo',
    events: 1,
    async prepare(w, tenant) {
      await w.sync(newUser(tenant));
      return (await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }))).event_id;
    },
    ask: (w, tenant, id) => w.post(`/sync/events/${id}/undo`, { reason: kReason }),
    async stands(w, tenant) {
      await names(w, 'bizosaas', tenant, ['Asha Raman']);
      await names(w, 'coreldove', tenant, ['Asha Raman']);
    },
  }, {
    name: 'a confirmation',
    events: 1,
    prepare: (w, tenant) => waitingEmail(w, tenant, notifier),
    ask: (w, tenant, token) => w.post(`/sync/verifications/${token}/confirm`),
    stands: (w, tenant) => emails(w, tenant, 'new@example.com'),
  }, {
    name: 'a refusal by who was asked',
    events: 1,
    prepare: (w, tenant) => waitingEmail(w, tenant, notifier),
    ask: (w, tenant, token) => w.post(`/sync/verifications/${token}/decline`),
    stands: (w, tenant) => emails(w, tenant, 'asha@example.com'),
  }];
}

/** The events that decisions have made: all of our own but those that ask. */
export async function decisions(w, tenant) {
  const { body } = await w.get(`/sync/events?tenant_id=${tenant}&source_platform=data-sync&limit=1000`);
  return body.events.filter(({ event_type: type }) => type !== 'verification_created');
}

/** All that a decision might change of a tenant. */
export async function snapshot(w, tenant) {
  const records = [];
  for (const { entity_type: entity, entity_id: id } of (await w.get(`/sync/events?tenant_id=${tenant}&limit=1000`)).body.events) {
    records.push((await w.get(`/sync/records/${entity}/${id}?tenant_id=${tenant}`)).body);
  }
  return JSON.stringify({ records, conflicts: await conflicts(w, tenant), decisions: (await decisions(w, tenant)).map(({ event_id: id }) => id) });
}
