/** A platform has a second living copy of what it has already: who deletes one has not deleted the thing itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eventually, newTenant, world } from './support/world.js';

const w = await world();

// Which copy is kept up depends on whether its platform says when it made it: what is told within two seconds may be older.
const kWays = [['a time', {}], ['no time', { event: { occurred_at: undefined } }]];

/** A lamp that all platforms have, and bizosaas twice: nothing but its sku tells that both are the same. */
async function twice(tenant, way = {}) {
  const { id, event_id: created } = await w.act('bizoholic', tenant, 'create', 'product', { sku: 'L-1', name: 'Lamp', price: 10 });
  await w.settled(created);
  await w.holds('coreldove', tenant, 'product', { name: 'Lamp' });
  const { id: first } = await w.holds('bizosaas', tenant, 'product', { name: 'Lamp' });
  const { id: second, event_id: again } = await w.act('bizosaas', tenant, 'create', 'product', { sku: 'L-1' }, way);
  assert.equal((await w.settled(again)).status, 'completed');
  assert.notEqual(second, first);
  assert.equal((await w.state('bizosaas', tenant, 'product')).length, 2);
  assert.equal((await w.state('bizoholic', tenant, 'product')).length, 1);
  assert.equal((await w.state('coreldove', tenant, 'product')).length, 1);
  return { id, first, second };
}

async function removed(platform, tenant, id) {
  const { event_id: deleted } = await w.act(platform, tenant, 'delete', 'product', {}, { id });
  const told = await w.settled(deleted);
  assert.equal(told.status, 'completed', JSON.stringify(told));
}

async function gone(tenant) {
  let left;
  await eventually(async () => {
    left = await Promise.all(['bizoholic', 'coreldove', 'bizosaas'].map((platform) => w.state(platform, tenant, 'product')));
    return left.flat().length === 0;
  }, { explain: () => `there should be none: ${JSON.stringify(left)}\n${w.service.log}` });
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(body.total, 0, JSON.stringify(body));
}

/** All have one, with that name, and hear of the next one. */
async function livesOn(tenant, id, there) {
  for (const name of ['Lamp', 'Lantern']) {
    if (name === 'Lantern') await w.act('bizoholic', tenant, 'update', 'product', { name }, { id });
    await w.holds('bizoholic', tenant, 'product', { name });
    await w.holds('coreldove', tenant, 'product', { name });
    assert.equal((await w.holds('bizosaas', tenant, 'product', { name, price: 10 })).id, there);
  }
}

for (const [said, way] of kWays) {
  for (const which of ['first', 'second']) {
    test(`Of two copies, told with ${said}, the ${which} may be deleted: the other one is kept up`, async () => {
      const tenant = newTenant();
      const { id, ...copies } = await twice(tenant, way);
      await removed('bizosaas', tenant, copies[which]);
      await livesOn(tenant, id, copies[which === 'first' ? 'second' : 'first']);
    });
  }

  test(`Once both, told with ${said}, are deleted, it is gone everywhere`, async () => {
    const tenant = newTenant();
    const { first, second } = await twice(tenant, way);
    await removed('bizosaas', tenant, second);
    await w.holds('bizosaas', tenant, 'product', { name: 'Lamp' });
    await removed('bizosaas', tenant, first);
    await gone(tenant);
  });

  test(`Who deletes it elsewhere deletes both, told with ${said}, also after a crash`, async () => {
    const tenant = newTenant();
    const { id } = await twice(tenant, way);
    await w.service.signal('SIGKILL');
    await w.service.start();
    await removed('bizoholic', tenant, id);
    await gone(tenant);
  });
}

test('Both may be deleted at once, and nobody is asked', async () => {
  for (const order of [['first', 'second'], ['second', 'first']]) {
    for (const [, way] of kWays) {
      const tenant = newTenant();
      const copies = await twice(tenant, way);
      const deleted = [];
      for (const which of order) {
        deleted.push(await w.act('bizosaas', tenant, 'delete', 'product', {}, { id: copies[which] }));
      }
      for (const { event_id: event } of deleted) assert.equal((await w.settled(event)).status, 'completed');
      await gone(tenant);
    }
  }
});
