/** What two platforms changed at once is kept of both, where the rules say `merge_smart`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { event } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();
const kRavi = { contact_name: 'Ravi', contact_email: 'ravi@example.com' };
const kAsha = { full_name: 'Asha', email_address: 'asha@example.com' };

/**
 * Bizoholic makes `field` of a record `before`, which bizosaas hears. Then bizoholic makes it `newer`, and bizosaas, which
 * had seen only the first, `own`. Waits until both hold `expected` and nothing moves any more.
 */
async function bothChange(entity, data, field, { before, newer, own, expected }) {
  const tenant = newTenant();
  const to = (platform) => ({ target_platforms: [platform] });
  const { id } = await w.act('bizoholic', tenant, 'create', entity, { ...data, [field]: before }, to('bizosaas'));
  const { id: copy } = await w.holds('bizosaas', tenant, entity, { [field]: before });
  await w.act('bizoholic', tenant, 'update', entity, { [field]: newer }, { id, ...to('bizosaas') });
  await w.holds('bizosaas', tenant, entity, { [field]: newer });
  const { event_id: late } = await w.act('bizosaas', tenant, 'update', entity, { [field]: own }, {
    id: copy, ...to('bizoholic'), event: { base_version: 1 },
  });
  const told = await w.settled(late);
  assert.equal(told.status, 'completed', JSON.stringify(told));
  await w.idle();
  await w.holds('bizoholic', tenant, entity, { [field]: expected });
  await w.holds('bizosaas', tenant, entity, { [field]: expected });
  return { tenant };
}

test('The notes that two platforms wrote under the same lead are both kept, in the order of their time', async () => {
  await bothChange('lead', kRavi, 'notes', {
    before: 'Met at the fair',
    newer: 'Met at the fair\nWants a discount',
    own: 'Met at the fair\nSent the offer',
    expected: 'Met at the fair\nWants a discount\nSent the offer',
  });
});

test('Each preference that somebody changed is kept, and visits that both counted add up', async () => {
  const { tenant } = await bothChange('user', kAsha, 'preferences', {
    before: { language: 'en', offers: true, tags: ['vip'], visits: 3 },
    newer: { language: 'hi', offers: true, tags: ['vip', 'pune'], visits: 5 },
    own: { language: 'en', offers: false, tags: ['goa'], visits: 4 },
    expected: { language: 'hi', offers: false, tags: ['goa', 'pune'], visits: 6 },
  });
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}`);
  assert.equal(body.total, 1);
  assert.equal(body.conflicts[0].strategy, 'merge_smart');
  assert.equal(body.conflicts[0].status, 'resolved');
});

test('The items of an order are merged by their ids', async () => {
  await bothChange('order', { status: 'open' }, 'items', {
    before: [{ product_id: 'p1', quantity: 1 }, { product_id: 'p2', quantity: 1 }],
    newer: [{ product_id: 'p1', quantity: 1 }, { product_id: 'p2', quantity: 2 }, { product_id: 'p3', quantity: 1 }],
    own: [{ product_id: 'p2', quantity: 1, note: 'gift' }],
    expected: [{ note: 'gift', product_id: 'p2', quantity: 2 }, { product_id: 'p3', quantity: 1 }],
  });
});

/**
 * Bizosaas can't be told the outcome of its first note when it writes a second one under it. What it follows
 * is merged and nobody's own, so the second one is merged with it too.
 */
test('Who writes again before it hears what was merged takes nothing away', async () => {
  const tenant = newTenant();
  const to = (platform) => ({ target_platforms: [platform] });
  const { id } = await w.act('bizoholic', tenant, 'create', 'lead', { ...kRavi, notes: 'Met' }, to('bizosaas'));
  const { id: copy } = await w.holds('bizosaas', tenant, 'lead', { notes: 'Met' });
  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant } });
  await w.act('bizoholic', tenant, 'update', 'lead', { notes: 'Met\nWants a discount' }, { id, ...to('bizosaas') });
  for (const notes of ['Met\nSent the offer', 'Met\nSent the offer\nCalled']) {
    const { event_id: late } = await w.act('bizosaas', tenant, 'update', 'lead', { notes }, { id: copy, ...to('bizoholic') });
    await w.settled(late, ['retry', 'completed']);
  }
  await w.bizosaas.behave();
  await w.idle();
  const [{ canonical }] = await w.state('bizoholic', tenant, 'lead');
  assert.equal(canonical.notes, 'Met\nWants a discount\nSent the offer\nCalled');
});

test('What happened before its platform heard of another change is merged with that, however late it comes', async () => {
  const tenant = newTenant();
  const { id } = await w.act('bizoholic', tenant, 'create', 'lead', { ...kRavi, notes: 'Met' }, { target_platforms: ['bizosaas'] });
  const { id: copy } = await w.holds('bizosaas', tenant, 'lead', { notes: 'Met' });
  await w.act('bizoholic', tenant, 'update', 'lead', { notes: 'Met\nWants a discount' }, { id, target_platforms: ['bizosaas'] });
  await w.holds('bizosaas', tenant, 'lead', { notes: 'Met\nWants a discount' });
  await w.idle();
  await w.sync(event('bizosaas', 'lead_updated', tenant, { id: copy, notes: 'Met\nSent the offer' }, {
    target_platforms: ['bizoholic'], occurred_at: new Date(Date.now() - 60_000).toISOString(),
  }));
  await w.idle();
  const [{ canonical }] = await w.state('bizoholic', tenant, 'lead');
  assert.equal(canonical.notes, 'Met\nSent the offer\nWants a discount');
});
