/**
 * What a client of a REST platform relies on: ids, references, conflicts, idempotency and tenants apart.
 */
import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { simulator } from '../test_support/harness.js';

const bizoholic = await simulator('bizoholic');
const bizosaas = await simulator('bizosaas');

beforeEach(async () => {
  await bizoholic.reset();
  await bizosaas.reset();
});

const kTenant = 'tenant123';

function send(platform, entity, verb, data, { key, tenant = kTenant } = {}) {
  const body = { event_type: `${entity}_${verb}d`, source_platform: 'coreldove', data, tenant_id: tenant };
  return platform.post(`/api/sync/${entity}/${verb}`, body, key ? { 'idempotency-key': key } : {});
}

const ada = { user_id: 'canonical-1', full_name: 'Ada Lovelace', email_address: 'ada@example.com' };

test('A created record gets an own id, and keeps the canonical one as its reference', async () => {
  const context = { currency: 'USD', entity_id: 'canonical-1', version: 4 };
  const answer = await send(bizoholic, 'user', 'create', { ...ada, _platform_context: context });
  assert.equal(answer.status, 201);
  assert.deepEqual(answer.body, { success: true, id: 'bz_user_1001', revision: 1 });

  const [record] = await bizoholic.state(`tenant_id=${kTenant}&entity=user`);
  assert.equal(record.id, 'bz_user_1001');
  assert.equal(record.external_reference, 'canonical-1');
  assert.equal(record.golden_version, 4);
  assert.deepEqual(record.data, { ...ada, user_id: 'bz_user_1001' });
  assert.deepEqual(record.canonical, { name: 'Ada Lovelace', email: 'ada@example.com' });
});

test('Each platform has its own names', async () => {
  await send(bizosaas, 'user', 'create', {
    user_id: 'c-1', user_name: 'Ada', user_email: 'ada@example.com', _sync_metadata: { entity_id: 'c-1', version: 1 },
  });
  const [record] = await bizosaas.state();
  assert.equal(record.id, 'brain_user_1001');
  assert.deepEqual(record.canonical, { name: 'Ada', email: 'ada@example.com' });
});

test('An update finds its record by own id or by canonical id, and leaves other fields alone', async () => {
  await send(bizoholic, 'user', 'create', ada);
  const update = (data) => send(bizoholic, 'user', 'update', data);
  assert.equal((await update({ user_id: 'bz_user_1001', full_name: 'Ada King' })).status, 200);
  assert.equal((await update({ user_id: 'canonical-1', phone_number: '+44' })).body.id, 'bz_user_1001');
  const [record] = await bizoholic.state();
  assert.deepEqual(record.canonical, { name: 'Ada King', email: 'ada@example.com', phone: '+44' });
  assert.equal(record.revision, 3);
});

test('An update or a delete of what is not there is 404', async () => {
  assert.equal((await send(bizoholic, 'user', 'update', { user_id: 'nobody', full_name: 'x' })).status, 404);
  assert.equal((await send(bizoholic, 'user', 'delete', { user_id: 'nobody' })).status, 404);
});

test('A deleted record is gone, and its email is free again', async () => {
  await send(bizoholic, 'user', 'create', ada);
  assert.equal((await send(bizoholic, 'user', 'delete', { user_id: 'canonical-1' })).status, 200);
  assert.deepEqual(await bizoholic.state(), []);
  assert.equal((await send(bizoholic, 'user', 'create', ada)).body.id, 'bz_user_1002');
});

test('A create of a known canonical id or email is 409 and names the record', async () => {
  await send(bizoholic, 'user', 'create', ada);
  const create = (changes) => send(bizoholic, 'user', 'create', { ...ada, ...changes });
  const again = await create({ email_address: 'other@example.com' });
  const sameEmail = await create({ user_id: 'canonical-2', email_address: 'ADA@example.com' });
  assert.deepEqual([again.status, again.body.id], [409, 'bz_user_1001']);
  assert.deepEqual([sameEmail.status, sameEmail.body.id], [409, 'bz_user_1001']);
});

test('An email can not be taken over by an update', async () => {
  await send(bizoholic, 'user', 'create', ada);
  await send(bizoholic, 'user', 'create', { ...ada, user_id: 'canonical-2', email_address: 'bob@example.com' });
  const change = (email) => send(bizoholic, 'user', 'update', { user_id: 'canonical-2', email_address: email });
  assert.equal((await change('ada@example.com')).status, 409);
  assert.equal((await change('Bob@example.com')).status, 200);
});

test('The same key again gets the first answer and applies nothing', async () => {
  const first = await send(bizoholic, 'lead', 'create', { lead_id: 'l-1', lead_score: 10 }, { key: 'event-1' });
  const second = await send(bizoholic, 'lead', 'create', { lead_id: 'l-1', lead_score: 10 }, { key: 'event-1' });
  const changed = await send(bizoholic, 'lead', 'create', { lead_id: 'l-1', lead_score: 99 }, { key: 'event-1' });
  assert.deepEqual([second.status, second.body], [first.status, first.body]);
  assert.equal(changed.status, 201);
  assert.equal((await bizoholic.state()).length, 1);

  const history = await bizoholic.history();
  assert.deepEqual(history.map((entry) => entry.outcome), ['applied', 'replayed', 'replayed']);
  assert.deepEqual(history.map((entry) => entry.same_content), [undefined, true, false]);
});

test('A refused key may try again, as when a 409 becomes an update', async () => {
  await send(bizoholic, 'user', 'create', ada);
  assert.equal((await send(bizoholic, 'user', 'create', ada, { key: 'event-2' })).status, 409);
  assert.equal((await send(bizoholic, 'user', 'update', ada, { key: 'event-2' })).status, 200);
});

test('Tenants share neither records, nor references, nor emails, nor keys', async () => {
  await send(bizoholic, 'user', 'create', ada, { key: 'k', tenant: 'a' });
  const other = await send(bizoholic, 'user', 'create', ada, { key: 'k', tenant: 'b' });
  assert.deepEqual([other.status, other.body.id], [201, 'bz_user_1002']);
  assert.equal((await send(bizoholic, 'user', 'update', { user_id: 'bz_user_1001' }, { tenant: 'b' })).status, 404);
  assert.deepEqual((await bizoholic.state('tenant_id=b')).map(({ id }) => id), ['bz_user_1002']);
});

test('Analytics are facts: every update is a new record', async () => {
  await send(bizoholic, 'analytics', 'update', { clicks: 1 });
  await send(bizoholic, 'analytics', 'update', { clicks: 1 });
  assert.equal((await bizoholic.state('entity=analytics')).length, 2);
});

test('A malformed request is refused for its own reason', async () => {
  const post = (path, body) => bizoholic.post(path, body);
  assert.equal((await post('/api/sync/user/create', '{nonsense')).status, 400);
  assert.equal((await post('/api/sync/user/create', { data: {} })).status, 422);
  assert.equal((await post('/api/sync/user/create', { tenant_id: 't' })).status, 422);
  assert.equal((await post('/api/sync/planet/create', { tenant_id: 't', data: {} })).status, 404);
  assert.equal((await post('/api/sync/user/explode', { tenant_id: 't', data: {} })).status, 404);
});

test('Where a token is required, nothing else opens the door', async () => {
  const guarded = await simulator('bizoholic', { token: 'secret' });
  const attempt = (headers) => guarded.post('/api/sync/user/create', { tenant_id: 't', data: ada }, headers);
  assert.equal((await attempt({})).status, 401);
  assert.equal((await attempt({ authorization: 'Bearer wrong' })).status, 401);
  assert.equal((await attempt({ authorization: 'Bearer secret' })).status, 201);
});
