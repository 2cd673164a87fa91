/** Two records that are one thing, and one that turns out to be two. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();

/** One person under two addresses: who signed up at bizoholic, and a customer of the shop. Bizosaas has both. */
async function twoUsers(tenant) {
  const known = { target_platforms: ['bizosaas'] };
  await w.sync(newUser(tenant, { phone_number: undefined }, { ...known, entity_id: 'asha' }));
  const { id, event_id: created } = await w.act('coreldove', tenant, 'create', 'user',
    { name: 'A. Raman', email: 'asha.raman@example.org', phone: '+91 80 5550 0177' },
    { target_platforms: ['bizosaas'], event: { entity_id: 'customer' } });
  await w.settled(created);
  return id;
}

function merge(tenant, body, keep = 'asha') {
  return w.post(`/sync/records/user/${keep}/merge?tenant_id=${tenant}`, { reason: 'the same person', ...body });
}

async function merged(tenant, body) {
  const answer = await merge(tenant, body);
  assert.equal(answer.status, 200, JSON.stringify(answer.body));
  return w.settled(answer.body.event_id);
}

function split(tenant, body, keep = 'asha') {
  return w.post(`/sync/records/user/${keep}/split?tenant_id=${tenant}`, { reason: 'two people after all', ...body });
}

async function record(tenant, id) {
  const { status, body } = await w.get(`/sync/records/user/${id}?tenant_id=${tenant}`);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

async function refused(answer, status, detail) {
  const { status: got, body } = await answer;
  assert.equal(got, status, JSON.stringify(body));
  assert.match(JSON.stringify(body), detail);
}

test('Two records become one: what one lacks is taken over, and every platform is told', async () => {
  const tenant = newTenant();
  await twoUsers(tenant);
  const { status, body } = await merge(tenant, { other: 'customer' });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual(body.duplicates.map(({ platform }) => platform), ['bizosaas']);
  const told = await w.settled(body.event_id);
  assert.equal(told.status, 'completed', JSON.stringify(told));
  assert.equal(told.event.source_platform, 'data-sync');
  const one = await record(tenant, 'asha');
  assert.deepEqual(one.absorbed, ['customer']);
  assert.equal(one.data.name, 'Asha Raman');
  assert.equal(one.data.phone, '+91 80 5550 0177');
  assert.deepEqual(await record(tenant, 'customer'), one);
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Raman', email: 'asha@example.com' });
  await w.holds('bizoholic', tenant, 'user', { phone: '+91 80 5550 0177' });
});

test('From then on either platform\'s news is news of the one record', async () => {
  const tenant = newTenant();
  const id = await twoUsers(tenant);
  await merged(tenant, { other: 'customer' });
  await w.act('coreldove', tenant, 'update', 'user', { name: 'Asha R.' }, { id });
  await w.holds('bizoholic', tenant, 'user', { name: 'Asha R.' });
  await w.sync(changedUser(tenant, { phone_number: '+91 80 5550 0111' }));
  await w.holds('coreldove', tenant, 'user', { phone: '+91 80 5550 0111' });
});

test('The person names the fields that count; what loses is kept', async () => {
  const tenant = newTenant();
  await twoUsers(tenant);
  await merged(tenant, { other: 'customer', take: ['name'] });
  await w.holds('bizoholic', tenant, 'user', { name: 'A. Raman' });
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}`);
  const [conflict] = body.conflicts;
  assert.equal(conflict.conflict_type, 'data_mismatch');
  assert.deepEqual(conflict.fields.map(({ field, target_value, source_value, outcome }) => [field, target_value, source_value, outcome]), [
    ['email', 'asha@example.com', 'asha.raman@example.org', 'target'],
    ['name', 'Asha Raman', 'A. Raman', 'source'],
  ]);
});

test('A split gives each its own back, also after a restart', async () => {
  const tenant = newTenant();
  const id = await twoUsers(tenant);
  await merged(tenant, { other: 'customer' });
  await w.service.signal('SIGKILL');
  await w.service.start();
  const { status, body } = await split(tenant, { other: 'customer' });
  assert.equal(status, 200, JSON.stringify(body));
  await w.settled(body.event_id);
  await w.settled(body.other_event_id);
  const [asha, customer] = [await record(tenant, 'asha'), await record(tenant, 'customer')];
  assert.deepEqual(asha.absorbed, []);
  assert.equal(asha.data.phone, null);
  assert.equal(customer.data.name, 'A. Raman');
  assert.equal(customer.data.email, 'asha.raman@example.org');
  assert.equal(customer.platforms.coreldove.id, id);
  assert.notEqual(asha.platforms.coreldove.id, id);
  const shop = await w.state('coreldove', tenant, 'user');
  assert.deepEqual(shop.map(({ canonical }) => canonical.name).sort(), ['A. Raman', 'Asha Raman']);
});

test('It is refused with the reason', async () => {
  const tenant = newTenant();
  await twoUsers(tenant);
  await refused(merge(tenant, { other: 'customer', reason: undefined }), 422, /\/reason/);
  await refused(merge(tenant, {}), 422, /\/other/);
  await refused(merge(tenant, { other: 'customer', take: 'name' }), 422, /\/take/);
  await refused(merge(tenant, { other: 'customer', take: ['name', 'shoe'] }), 422, /\/take\/1/);
  await refused(merge(tenant, { other: 'nobody' }), 422, /\/other: no such user/);
  await refused(merge(tenant, { other: 'customer' }, 'nobody'), 404, /no such record/);
  await refused(split(tenant, { other: 'customer' }), 409, /is no part of this record/);
  await merged(tenant, { other: 'customer' });
  await refused(merge(tenant, { other: 'customer' }), 409, /is part of another record already/);
  await refused(merge(tenant, { other: 'asha' }, 'customer'), 409, /the record is part of asha/);
});

test('A merge is not undone as an event, but parted', async () => {
  const tenant = newTenant();
  await twoUsers(tenant);
  const { body } = await merge(tenant, { other: 'customer' });
  await w.settled(body.event_id);
  await refused(w.post(`/sync/events/${body.event_id}/undo`, { reason: 'a slip' }), 409, /split/);
});

test('The other one is no other tenant\'s', async () => {
  const [mine, theirs] = [newTenant(), newTenant()];
  await twoUsers(mine);
  await w.sync(event('bizoholic', 'user_created', theirs,
    { user_id: 'bz-9', full_name: 'Ravi', email_address: 'ravi@example.com' }, { entity_id: 'ravi' }));
  await refused(merge(mine, { other: 'ravi' }), 422, /\/other/);
});
