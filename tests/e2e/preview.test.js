/** What would become of an event: the real code's answer, with nothing stored or sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world({ env: { BIZOHOLIC_API_KEY: 'key-that-nobody-sees', CORELDOVE_API_KEY: 'another-secret' }, tokens: { bizoholic: 'key-that-nobody-sees', coreldove: 'another-secret' } });

async function preview(told) {
  const { status, body } = await w.post('/sync/preview', told);
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

function resultOf(body, target) {
  return body.results.find(({ target_platform: name }) => name === target);
}

test('A preview shows what each target would be asked, and stores and sends nothing', async () => {
  const tenant = newTenant();
  const body = await preview(newUser(tenant));
  assert.equal(body.status, 'pending');
  assert.equal(body.record.exists, false);
  assert.equal(body.record.entity_id, null);
  assert.equal(body.record.version_after, 1);
  const { request } = resultOf(body, 'bizosaas');
  assert.equal(request.method, 'POST');
  assert.equal(request.url, `${w.bizosaas.url}/api/sync/user/create`);
  assert.equal(request.body.data.user_email, 'asha@example.com');
  const graphql = resultOf(body, 'coreldove').request.body;
  assert.match(graphql.query, /mutation/);
  assert.match(JSON.stringify(graphql.variables), /asha@example.com/);
  assert.equal((await w.get(`/sync/events?tenant_id=${tenant}`)).body.total, 0);
  for (const platform of ['bizosaas', 'coreldove']) assert.deepEqual(await w.history(platform, tenant), []);
});

test('A preview of an update shows the changes alone', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const body = await preview(changedUser(tenant, { full_name: 'Asha Iyer', phone_number: '+91 80 5550 0100' }));
  assert.equal(body.record.exists, true);
  assert.deepEqual([body.record.version_before, body.record.version_after], [1, 2]);
  assert.deepEqual(body.record.changes, [{ field: 'name', before: 'Asha Raman', after: 'Asha Iyer' }]);
  const { data } = resultOf(body, 'bizosaas').request.body;
  assert.equal(data.user_name, 'Asha Iyer');
  assert.ok(!('user_phone' in data));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
});

test('What its targets hold already is skipped', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const body = await preview(changedUser(tenant, { full_name: 'Asha Raman' }));
  assert.equal(body.status, 'completed');
  assert.deepEqual(body.record.changes, []);
  for (const { status, request } of body.results) assert.deepEqual([status, request], ['skipped', null]);
});

test('A change that would wait for a person says so', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const body = await preview(changedUser(tenant, { email_address: 'new@example.com' }));
  assert.equal(body.status, 'review');
  assert.equal(body.conflicts[0].conflict_type, 'business_rule_violation');
  assert.equal(body.conflicts[0].reason, 'a change of email waits for a person');
  assert.equal((await w.get(`/sync/conflicts?tenant_id=${tenant}`)).body.total, 0);
});

test('A conflict would be settled as it will be, and its platform corrected', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  const copy = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  const late = event('bizosaas', 'user_updated', tenant, { user_id: copy.id, user_name: 'A. Raman' }, { base_version: 1, occurred_at: '2020-01-01T00:00:00Z' });
  const body = await preview(late);
  assert.equal(body.conflicts[0].conflict_type, 'version_conflict');
  assert.deepEqual(body.conflicts[0].fields.map(({ field, base_value: base, outcome }) => [field, base, outcome]), [['name', 'Asha Raman', 'target']]);
  assert.equal(resultOf(body, 'bizosaas').request.body.data.user_name, 'Asha Iyer');
  const told = await w.settled(await w.send(late));
  assert.deepEqual(w.results(told), Object.fromEntries(body.results.map(({ target_platform: target, status }) => [target, status === 'pending' ? 'completed' : status])));
});

test('No credential is shown, and a bad event is refused as it would be', async () => {
  const tenant = newTenant();
  assert.doesNotMatch(JSON.stringify(await preview(newUser(tenant))), /key-that-nobody-sees|another-secret/);
  const { status, body } = await w.post('/sync/preview', { ...newUser(tenant), target_platforms: ['nowhere'] });
  assert.equal(status, 422);
  assert.match(body.detail, /target_platforms/);
  assert.equal((await preview(changedUser(tenant, { full_name: 'x' }, { base_version: 9 }))).message, 'base_version 9 is above the record\'s version 0');
});
