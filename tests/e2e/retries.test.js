/** What becomes of a delivery that does not go well at once. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { changedUser, event, newLead, newUser } from './support/events.js';
import { eventually, newTenant, world } from './support/world.js';

const w = await world();
afterEach(() => Promise.all(Object.values(w.platforms).map((platform) => platform.behave())));

/** There were several attempts, and all of them had the same key and the same content. */
function assertRepeated(history) {
  assert.ok(history.length > 1, 'it was tried once');
  for (const { idempotency_key: key, data } of history) {
    assert.equal(key, history[0].idempotency_key);
    assert.deepEqual(data, history[0].data);
  }
}

test('A 500 is tried again, under the same key and with the same content', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 500, count: 2, match: { tenant_id: tenant } });
  const told = await w.sync(newLead(tenant));
  assert.equal(told.results[0].attempts, 3);
  const history = await w.history('bizosaas', tenant);
  assert.equal(history.length, 3);
  assertRepeated(history);
  await w.holds('bizosaas', tenant, 'lead', { score: 40 });
});

test('Retry-After is honoured', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 429, retry_after: 3, count: 1, match: { tenant_id: tenant } });
  await w.sync(newLead(tenant));
  const [first, second] = (await w.history('bizosaas', tenant)).map(({ arrived_at: at }) => Date.parse(at));
  assert.ok(second - first >= 2990, `${second - first} ms`);
});

for (const [what, rule] of [
  ['applies and then says nothing', { hang: true, when: 'after' }],
  ['applies and then drops the connection', { drop: true, when: 'after' }],
  ['drops the connection before', { drop: true }],
]) {
  test(`A platform that ${what} gets the same once more and has it once`, async () => {
    const tenant = newTenant();
    await w.bizosaas.misbehave({ ...rule, count: 1, match: { tenant_id: tenant } });
    await w.sync(newLead(tenant));
    const history = await w.history('bizosaas', tenant);
    assertRepeated(history);
    assert.ok(history.every(({ same_content: same }) => same !== false));
    assert.equal((await w.state('bizosaas', tenant, 'lead')).length, 1);
  });
}

test('CoreLDove that made a customer and then said nothing has it once', async () => {
  const tenant = newTenant();
  await w.coreldove.misbehave({ hang: true, when: 'after', count: 1, match: { operation: 'customerCreate' } });
  await w.sync(newUser(tenant));
  assert.equal((await w.state('coreldove', tenant, 'user')).length, 1);
});

test('CoreLDove that answers what nobody can read is asked again, and has it once', async () => {
  const tenant = newTenant();
  await w.coreldove.misbehave({ garbage: true, when: 'after', count: 1, match: { operation: 'customerCreate' } });
  await w.sync(newUser(tenant));
  assert.ok((await w.history('coreldove', tenant)).length > 1, 'it was believed');
  assert.equal((await w.state('coreldove', tenant, 'user')).length, 1);
});

test('Changes of one record stay in order behind a failing one, and the last of them holds', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.bizosaas.misbehave({ status: 503, count: 3, match: { tenant_id: tenant } });
  const ids = [];
  for (let i = 0; i < 20; i += 1) ids.push(await w.send(changedUser(tenant, { full_name: `Asha ${i}` })));
  for (const id of ids) assert.equal((await w.settled(id)).status, 'completed');
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha 19' });
  const applied = (await w.history('bizosaas', tenant)).filter(({ outcome }) => outcome === 'applied');
  const versions = applied.map(({ data }) => data._sync_metadata.version);
  assert.deepEqual(versions, [...versions].sort((a, b) => a - b));
});

test('One platform that fails holds up no other, nor another record', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 503, match: { tenant_id: tenant } });
  const id = await w.send(newUser(tenant));
  await w.holds('coreldove', tenant, 'user', { email: 'asha@example.com' });
  assert.notEqual(w.results(await w.event(id)).bizosaas, 'completed');
});

test('A platform that hangs for one tenant holds up no other', async () => {
  const [stuck, free] = [newTenant(), newTenant()];
  await w.bizosaas.misbehave({ hang: true, match: { tenant_id: stuck } });
  for (let i = 0; i < 50; i += 1) await w.send(newLead(stuck, { lead_id: `lead-${i}`, contact_email: `${i}@example.com` }));
  const began = performance.now();
  await w.sync(newLead(free));
  assert.ok(performance.now() - began < 1500, 'it had to wait');
});

test('What a platform refuses goes to the dead letters at once, with its words', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ refuse_field: { field: 'score', message: 'score is too high', code: 'INVALID' }, match: { tenant_id: tenant } });
  const told = await w.settled(await w.send(newLead(tenant)));
  assert.equal(told.status, 'failed');
  const [result] = told.results;
  assert.equal(result.attempts, 1);
  assert.equal(result.success, false);
  assert.match(result.error_message, /score is too high/);
});

test('GraphQL errors inside a 200 are a failure', async () => {
  const tenant = newTenant();
  await w.coreldove.misbehave({ refuse_field: { field: 'email', message: 'no such domain', code: 'INVALID' }, match: { operation: 'customerCreate' } });
  const told = await w.settled(await w.send(newUser(tenant)));
  assert.deepEqual(w.results(told), { coreldove: 'failed', bizosaas: 'completed' });
});

test('A dead letter can be sent again, and then brings what is true by now', async () => {
  const tenant = newTenant();
  await w.sync(newLead(tenant));
  await w.bizosaas.misbehave({ status: 400, count: 1, match: { tenant_id: tenant } });
  const dead = await w.send(newLead(tenant, { lead_score: 50 }, { event_type: 'lead_updated' }));
  assert.equal((await w.settled(dead)).status, 'failed');

  const { status, body } = await w.post(`/sync/events/${dead}/retry`);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.event_id, dead);
  assert.equal((await w.settled(dead, ['completed'])).status, 'completed');
  await w.holds('bizosaas', tenant, 'lead', { score: 50 });
  assert.equal((await w.history('bizosaas', tenant)).at(-1).idempotency_key, `${dead}:1`);
});

test('All dead letters that match can be sent again', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 400, count: 3, match: { tenant_id: tenant } });
  const ids = [];
  for (const lead of ['a', 'b', 'c']) ids.push(await w.send(newLead(tenant, { lead_id: lead, contact_email: `${lead}@example.com` })));
  for (const id of ids) assert.equal((await w.settled(id)).status, 'failed');
  const { status, body } = await w.post('/sync/events/retry', { tenant_id: tenant, status: 'failed' });
  assert.equal(status, 202, JSON.stringify(body));
  assert.deepEqual(body, { matched: 3, queued: 3 });
  for (const id of ids) await w.settled(id, ['completed']);
  assert.equal((await w.state('bizosaas', tenant, 'lead')).length, 3);
});

test('What went well can not be retried, and what is not there is not found', async () => {
  const { event_id: id } = await w.sync(newLead(newTenant()));
  assert.equal((await w.post(`/sync/events/${id}/retry`)).status, 400);
  assert.equal((await w.post('/sync/events/no-such-event/retry')).status, 404);
});

for (const status of [409, 412]) {
  test(`After ${status} what the target lacks by then is said under another key`, async () => {
    const tenant = newTenant();
    await w.sync(newLead(tenant));
    await w.bizosaas.misbehave({ status, count: 1, match: { tenant_id: tenant } });
    const refused = await w.send(newLead(tenant, { lead_score: 50 }, { event_type: 'lead_updated' }));
    await w.settled(refused, ['retry']);
    const newer = await w.send(newLead(tenant, { lead_score: 50, contact_name: 'Ravi K' }, { event_type: 'lead_updated' }));
    for (const id of [refused, newer]) assert.equal((await w.settled(id)).status, 'completed');
    await w.holds('bizosaas', tenant, 'lead', { score: 50, name: 'Ravi K' });
    const keys = (await w.history('bizosaas', tenant)).map(({ idempotency_key: key }) => key);
    assert.deepEqual(keys.slice(1), [refused, newer]);
  });
}

test('A target whose state never fits makes a dead letter, of which a person can ask again', async () => {
  const tenant = newTenant();
  await w.sync(newLead(tenant));
  await w.bizosaas.misbehave({ status: 409, count: 4, match: { tenant_id: tenant } });
  const id = await w.send(newLead(tenant, { lead_score: 50 }, { event_type: 'lead_updated' }));
  const told = await w.settled(id);
  assert.equal(told.status, 'failed');
  assert.match(told.results[0].error_message, /409/);
  assert.equal(told.results[0].attempts, 4);
  const keys = (await w.history('bizosaas', tenant)).map(({ idempotency_key: key }) => key);
  assert.deepEqual(keys.slice(1), [id, `${id}:1`, `${id}:2`, `${id}:3`]);
  assert.equal((await w.post(`/sync/events/${id}/retry`)).status, 200);
  await w.settled(id, ['completed']);
  await w.holds('bizosaas', tenant, 'lead', { score: 50 });
});

test('CoreLDove that knew the customer before is told by an update, with nothing made twice', async () => {
  const tenant = newTenant();
  await w.coreldove.act({ tenant_id: tenant, entity: 'user', verb: 'create', data: { email: 'asha@example.com', name: 'A. R.' } });
  await w.sync(newUser(tenant));
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Raman' });
});

test('max_retries caps the attempts', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 500, match: { tenant_id: tenant } });
  const told = await w.settled(await w.send(newLead(tenant, {}, { max_retries: 1 })));
  assert.equal(told.status, 'failed');
  assert.equal(told.results[0].attempts, 2);
});

test('A dead letter does not hold back what comes after it', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 400, count: 1, match: { tenant_id: tenant } });
  assert.equal((await w.settled(await w.send(newLead(tenant)))).status, 'failed');
  await w.sync(newLead(tenant, { lead_score: 55 }, { event_type: 'lead_updated' }));
  await w.holds('bizosaas', tenant, 'lead', { score: 55, name: 'Ravi' });
});

test('A parked delivery shows as retry, and a push sends it at once', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 503, retry_after: 3000, count: 1, match: { tenant_id: tenant } });
  const id = await w.send(newLead(tenant));
  await w.settled(id, ['retry']);
  assert.equal((await w.post(`/sync/events/${id}/retry`)).status, 200);
  await eventually(async () => (await w.event(id)).status === 'completed', { deadlineMs: 5000 });
});

test('A step that is refused again and again is tried as rarely as a whole delivery', async () => {
  const tenant = newTenant();
  await w.coreldove.misbehave({ status: 503, match: { tenant_id: tenant, operation: 'productVariantCreate' } });
  const id = await w.send(event('bizosaas', 'product_created', tenant, { id: 'p-1', name: 'Mug', price: 5 }, { target_platforms: ['coreldove'] }));
  await eventually(async () => (await w.event(id)).results[0].attempts === 3, { explain: () => w.service.log });
  await w.coreldove.behave();
  const { results: [{ attempts }] } = await w.settled(id);
  assert.equal(attempts, 4);
  await w.holds('coreldove', tenant, 'product', { name: 'Mug' });
});
