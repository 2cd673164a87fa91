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

function resolve(w, { conflict_id: id }, decision) {
  return w.post(`/sync/conflicts/${id}/resolve`, { reason: kReason, ...decision });
}

/** The one review that waits, of this field. */
async function waiting(w, tenant, field) {
  const open = (await conflicts(w, tenant)).filter(({ status }) => status === 'open');
  assert.deepEqual(open.map(({ fields }) => fields[0].field), [field]);
  return open[0];
}

function deletedUser(tenant) {
  return event('bizoholic', 'user_deleted', tenant, { user_id: 'bz-1' });
}

/** A user whom bizoholic renames, and whom bizosaas deletes as it had read her before that. */
async function deletedUnaware(w, tenant) {
  await w.sync(newUser(tenant));
  const { id } = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  const { event_id: deleted } = await w.act('bizosaas', tenant, 'delete', 'user', { id },
    { target_platforms: ['bizoholic', 'coreldove'], event: { base_version: 1 } });
  await w.settled(deleted, ['review']);
  return waiting(w, tenant, '_deleted');
}

/** A user whom bizoholic deletes, and of whom bizosaas then tells a change that it made before it heard of that. */
async function changedUnaware(w, tenant) {
  await w.sync(newUser(tenant));
  const { id } = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  await w.sync(deletedUser(tenant));
  const late = event('bizosaas', 'user_updated', tenant, { user_id: id, user_name: 'Asha Iyer' },
    { target_platforms: ['bizoholic', 'coreldove'], base_version: 1 });
  await w.settled(await w.send(late), ['review']);
  return waiting(w, tenant, '_deleted');
}

/** Asha is known by her address, Ravi by his number; bizosaas speaks of somebody who has both. */
async function somebody(w, tenant) {
  const known = { target_platforms: ['coreldove'] };
  await w.sync(newUser(tenant, { phone_number: undefined }, { entity_id: 'asha', ...known }));
  await w.sync(newUser(tenant, { user_id: 'bz-2', full_name: 'Ravi', email_address: 'ravi@example.com', phone_number: '+91 80 5550 0177' },
    { entity_id: 'ravi', ...known }));
  const both = { id: 'b-9', name: 'Asha R.', email: 'asha@example.com', phone: '+91 80 5550 0177' };
  await w.settled(await w.send(event('bizosaas', 'user_created', tenant, both)), ['review']);
  return waiting(w, tenant, '_identity');
}

/** Asha, whom bizosaas has from bizoholic, and a customer of the shop with her address: what waits, and the customer's id there. */
async function twoOfOneAddress(w, tenant) {
  await w.sync(newUser(tenant, {}, { entity_id: 'asha', target_platforms: ['bizosaas'] }));
  const { id, event_id: created } = await w.act('coreldove', tenant, 'create', 'user', { name: 'A. Customer', email: 'asha@example.com' },
    { target_platforms: ['bizosaas'], event: { entity_id: 'customer' } });
  await w.settled(created, ['review']);
  return { ...await waiting(w, tenant, '_copy_bizosaas'), customer: id };
}

/** @typedef {'email' | 'none'} Keys  by what a world finds users, besides their ids: by address and number, or by nothing */

/**
 * @typedef {{name: string, events: number, prepare: Function, ask: Function, stands: Function, keys?: Keys, open?: number,
 *   count?: Function}} Deed
 * `events`: how many it makes, or what `count` counts instead; `open`: how many reviews still wait when it is done
 */
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
  }, {
    name: 'a decision for a delete',
    events: 1,
    prepare: deletedUnaware,
    ask: (w, _, review) => resolve(w, review, { choice: 'source' }),
    async stands(w, tenant) {
      for (const platform of ['bizosaas', 'coreldove']) await names(w, platform, tenant, []);
    },
  }, {
    name: 'a decision against a delete',
    events: 1,
    prepare: deletedUnaware,
    ask: (w, _, review) => resolve(w, review, { choice: 'target' }),
    async stands(w, tenant) {
      for (const platform of ['bizosaas', 'coreldove']) await names(w, platform, tenant, ['Asha Iyer']);
    },
  }, {
    name: 'a decision that brings back what was deleted',
    events: 1,
    prepare: changedUnaware,
    ask: (w, _, review) => resolve(w, review, { choice: 'source' }),
    async stands(w, tenant) {
      for (const platform of ['bizosaas', 'coreldove']) await names(w, platform, tenant, ['Asha Iyer']);
    },
  }, {
    name: 'a decision that it stays deleted',
    events: 1,
    prepare: changedUnaware,
    ask: (w, _, review) => resolve(w, review, { choice: 'target' }),
    async stands(w, tenant) {
      for (const platform of ['bizosaas', 'coreldove']) await names(w, platform, tenant, []);
    },
  }, {
    name: 'a decision which of two it is',
    events: 1,
    prepare: somebody,
    ask: (w, _, review) => resolve(w, review, { choice: 'target', entity_id: 'asha' }),
    async stands(w, tenant) {
      const { body } = await w.get(`/sync/records/user/asha?tenant_id=${tenant}`);
      assert.equal(body.absorbed.length, 1);
      assert.equal(body.platforms.bizosaas.id, 'b-9');
      await names(w, 'coreldove', tenant, ['Asha R.', 'Ravi']);
    },
  }, {
    name: 'a decision that two in one copy are one',
    events: 1,
    keys: 'none',
    prepare: twoOfOneAddress,
    ask: (w, _, review) => resolve(w, review, { choice: 'source' }),
    async stands(w, tenant) {
      const { body } = await w.get(`/sync/records/user/asha?tenant_id=${tenant}`);
      assert.deepEqual(body.absorbed, ['customer']);
      await names(w, 'bizosaas', tenant, ['Asha Raman']);
    },
  }, {
    name: 'a decision that two in one copy are two',
    events: 1,
    keys: 'none',
    async prepare(w, tenant) {
      const review = await twoOfOneAddress(w, tenant);
      const { event_id: changed } = await w.act('coreldove', tenant, 'update', 'user', { id: review.customer, email: 'customer@example.com' },
        { target_platforms: ['bizosaas'] });
      await w.settled(changed, ['review']);
      const address = (await conflicts(w, tenant)).find(({ fields }) => fields[0].field === 'email');
      assert.equal((await resolve(w, address, { choice: 'source' })).status, 200);
      return review;
    },
    ask: (w, _, review) => resolve(w, review, { choice: 'target' }),
    stands: (w, tenant) => names(w, 'bizosaas', tenant, ['A. Customer', 'Asha Raman']),
  }, {
    name: 'an assignment',
    events: 1,
    open: 1,
    async prepare(w, tenant) {
      await waitingOrder(w, tenant, 'o-1');
      return (await conflicts(w, tenant))[0].conflict_id;
    },
    ask: (w, tenant, id) => w.post(`/sync/conflicts/${id}/assign`, { assignee: 'mira' }),
    count: async (w, tenant) => (await conflicts(w, tenant)).filter(({ assignee }) => assignee === 'mira').length,
    async stands(w, tenant) {
      assert.deepEqual((await conflicts(w, tenant)).map(({ assignee, status }) => [assignee, status]), [['mira', 'open']]);
    },
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
