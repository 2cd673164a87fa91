/** What waits for a person: proposals, decisions, and that nothing else waits with them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { daysAgo } from './support/wall_clock.js';
import { eventually, newTenant, world } from './support/world.js';

const w = await world();

/** A user whose new email waits; returns the event's id and the open conflict. */
async function waitingEmail(tenant, email = 'new@example.com', more = {}) {
  await w.sync(newUser(tenant));
  const id = await w.send(changedUser(tenant, { email_address: email, ...more }));
  await w.settled(id, ['review']);
  return { id, conflict: await open(tenant) };
}

async function open(tenant) {
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(body.total, 1, JSON.stringify(body));
  return body.conflicts[0];
}

function resolve(conflict, decision) {
  return w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { reason: 'asked the customer', ...decision });
}

async function resolved(conflict, decision) {
  const { status, body } = await resolve(conflict, decision);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.status, 'resolved');
  return body;
}

test('A conflict tells base, both sides, why it waits, and how the field came to be', async () => {
  const tenant = newTenant();
  const { id, conflict } = await waitingEmail(tenant);
  const { status, body } = await w.get(`/sync/conflicts/${conflict.conflict_id}`);
  assert.equal(status, 200);
  assert.equal(body.conflict_type, 'business_rule_violation');
  assert.equal(body.reason, 'a change of email waits for a person');
  assert.equal(body.target_platform, 'bizoholic');
  assert.equal(body.revision, 1);
  assert.deepEqual(body.fields, [{
    field: 'email', platform: 'bizoholic', event_id: id, source_value: 'new@example.com', target_value: 'asha@example.com',
    base_value: 'asha@example.com', merged_value: null, strategy: 'source_wins', outcome: 'open',
  }]);
  assert.deepEqual(body.history.map(({ field, value, writer, version }) => ({ field, value, writer, version })),
    [{ field: 'email', value: 'asha@example.com', writer: 'bizoholic', version: 1 }]);
});

test('What the person decides is an event, and says who and why', async () => {
  const tenant = newTenant();
  const { id, conflict } = await waitingEmail(tenant);
  const decided = await resolved(conflict, { choice: 'source' });
  assert.equal(decided.resolved_by, 'development');
  assert.equal(decided.resolution_reason, 'asked the customer');
  assert.equal(decided.fields[0].outcome, 'source');
  const told = await w.settled(decided.resolution_event_id);
  assert.equal(told.status, 'completed');
  assert.equal(told.event.source_platform, 'data-sync');
  assert.deepEqual(told.event.data, { email: 'new@example.com' });
  assert.deepEqual(w.results(told), { bizoholic: 'skipped', bizosaas: 'completed', coreldove: 'completed' });
  await w.holds('coreldove', tenant, 'user', { email: 'new@example.com' });
  assert.equal((await w.event(id)).status, 'completed');
  const { body } = await w.get(`/sync/conflicts/${conflict.conflict_id}`);
  assert.deepEqual(body.history.map(({ value }) => value), ['new@example.com', 'asha@example.com']);
});

test('Who keeps the golden value has its proposer corrected', async () => {
  const tenant = newTenant();
  const { conflict } = await waitingEmail(tenant);
  const { body: before } = await w.get(`/sync/records/user/${conflict.entity_id}?tenant_id=${tenant}`);
  const decided = await resolved(conflict, { choice: 'target' });
  const told = await w.settled(decided.resolution_event_id);
  assert.deepEqual(w.results(told), { bizoholic: 'completed', bizosaas: 'skipped', coreldove: 'skipped' });
  const { body: after } = await w.get(`/sync/records/user/${conflict.entity_id}?tenant_id=${tenant}`);
  assert.equal(after.version, before.version, 'nothing has changed');
});

test('Another value than both goes to all three', async () => {
  const tenant = newTenant();
  const { conflict } = await waitingEmail(tenant);
  const decided = await resolved(conflict, { choice: 'merged', data: { email: 'third@example.com' } });
  assert.equal(decided.fields[0].merged_value, 'third@example.com');
  const told = await w.settled(decided.resolution_event_id);
  assert.deepEqual(w.results(told), { bizoholic: 'completed', bizosaas: 'completed', coreldove: 'completed' });
  await w.holds('bizosaas', tenant, 'user', { email: 'third@example.com' });
  await w.holds('coreldove', tenant, 'user', { email: 'third@example.com' });
});

test('A field that waits keeps nothing else from its record, and is not overwritten along with it', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.act('bizosaas', tenant, 'update', 'user', { id: (await w.holds('bizosaas', tenant, 'user', {})).id, user_email: 'own@example.com' }, {
    target_platforms: ['bizoholic', 'coreldove'],
  });
  const conflict = await open(tenant);
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer', email: 'own@example.com' });
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Iyer', email: 'asha@example.com' });
  await resolved(conflict, { choice: 'target' });
  await w.holds('bizosaas', tenant, 'user', { email: 'asha@example.com' });
});

test('A newer proposal of one platform takes the place of the former, another platform\'s joins it', async () => {
  const tenant = newTenant();
  const { id: first, conflict } = await waitingEmail(tenant);
  const second = await w.send(changedUser(tenant, { email_address: 'newer@example.com' }));
  await w.settled(second, ['review']);
  const replaced = await w.event(first);
  assert.equal(replaced.status, 'completed');
  assert.match(replaced.results[0].error_message, /a newer change of bizoholic took its place/);
  const copy = await w.holds('bizosaas', tenant, 'user', {});
  await w.act('bizosaas', tenant, 'update', 'user', { id: copy.id, user_email: 'own@example.com' }, { target_platforms: ['bizoholic'] });
  const both = await open(tenant);
  assert.equal(both.conflict_id, conflict.conflict_id);
  assert.deepEqual(both.fields.map(({ platform, source_value: value }) => [platform, value]),
    [['bizoholic', 'newer@example.com'], ['bizosaas', 'own@example.com']]);
  const unnamed = await resolve(both, { choice: 'source' });
  assert.equal(unnamed.status, 422);
  assert.match(unnamed.body.detail, /one of bizoholic, bizosaas/);
  await resolved(both, { choice: 'source', platform: 'bizosaas', revision: both.revision });
  await w.holds('coreldove', tenant, 'user', { email: 'own@example.com' });
  await w.idle();
  const { body } = await w.get(`/sync/records/user/${conflict.entity_id}?tenant_id=${tenant}`);
  assert.equal(body.fields.email.writer, 'bizosaas');
  assert.equal((await w.event(second)).status, 'completed');
});

test('A platform that takes its proposal back closes the review', async () => {
  const tenant = newTenant();
  const { id, conflict } = await waitingEmail(tenant);
  await w.sync(changedUser(tenant, { email_address: 'asha@example.com' }));
  const { body } = await w.get(`/sync/conflicts/${conflict.conflict_id}`);
  assert.equal(body.status, 'resolved');
  assert.match(body.resolution_reason, /withdrawn/);
  assert.equal((await w.event(id)).status, 'completed');
});

test('An amount waits together with its currency, and a person may name another', async () => {
  const tenant = newTenant();
  const order = (type, total) => event('coreldove', type, tenant, { order_id: 'o-1', order_number: '7001', order_total: total });
  await w.sync(order('order_created', 8300));
  await w.settled(await w.send(order('order_updated', 83_000)), ['review']);
  const conflict = await open(tenant);
  assert.equal(conflict.reason, 'total_amount changes by more than 100.00 USD');
  assert.deepEqual(conflict.fields[0].source_value, { amount: '83000.00', currency: 'INR' });
  await resolved(conflict, { choice: 'merged', data: { total_amount: 500, currency: 'USD' } });
  await w.holds('bizoholic', tenant, 'order', { total_amount: 500 });
});

test('A decision that can\'t be is refused with the reason', async () => {
  const tenant = newTenant();
  const { conflict } = await waitingEmail(tenant);
  const path = `/sync/conflicts/${conflict.conflict_id}/resolve`;
  const refused = async (body, status, detail) => {
    const answer = await w.post(path, body);
    assert.equal(answer.status, status, JSON.stringify(answer.body));
    assert.match(answer.body.detail, detail);
  };
  await refused({ choice: 'source' }, 422, /\/reason: must say why/);
  await refused({ reason: 'x' }, 422, /\/choice: must be source, target or merged/);
  await refused({ choice: 'merged', reason: 'x' }, 422, /\/data/);
  await refused({ choice: 'merged', reason: 'x', data: { name: 'y', email: 'z@example.com' } }, 422, /this review is about email/);
  await refused({ choice: 'source', reason: 'x', platform: 'coreldove' }, 422, /is none of bizoholic/);
  await refused({ choice: 'source', reason: 'x', revision: 7 }, 409, /it is at revision 1 now/);
  await refused('{', 400, /no JSON/);
  const unknown = await w.post('/sync/conflicts/nobody/resolve', { choice: 'source', reason: 'x' });
  assert.equal(unknown.status, 404);
  const foreign = await w.post(`${path}?tenant_id=another`, { choice: 'source', reason: 'x' });
  assert.equal(foreign.status, 404);
  await resolved(conflict, { choice: 'source' });
  await refused({ choice: 'source', reason: 'x' }, 409, /resolved already/);
});

test('A review outlives kill -9, and so does what was decided', async () => {
  const tenant = newTenant();
  const { conflict } = await waitingEmail(tenant);
  await w.service.signal('SIGKILL');
  await w.service.start();
  const again = await open(tenant);
  assert.equal(again.conflict_id, conflict.conflict_id);
  const decided = await resolved(again, { choice: 'source' });
  await w.service.signal('SIGKILL');
  await w.service.start();
  assert.equal((await w.settled(decided.resolution_event_id)).status, 'completed');
  await w.holds('coreldove', tenant, 'user', { email: 'new@example.com' });
});

test('A deleted record has nothing to decide', async () => {
  const tenant = newTenant();
  const { id, conflict } = await waitingEmail(tenant);
  await w.sync(event('bizoholic', 'user_deleted', tenant, { user_id: 'bz-1' }));
  const { body } = await w.get(`/sync/conflicts/${conflict.conflict_id}`);
  assert.equal(body.status, 'resolved');
  assert.match(body.resolution_reason, /deleted/);
  assert.equal((await w.event(id)).status, 'completed');
});

test('A record explains each of its values: who wrote it, what chose it, what waits and what lost', async () => {
  const tenant = newTenant();
  const { id, conflict } = await waitingEmail(tenant, 'new@example.com', { full_name: 'Asha Iyer' });
  const path = `/sync/records/user/${conflict.entity_id}?tenant_id=${tenant}&explain`;
  const before = (await w.get(path)).body.explain;
  assert.equal(before.name.value, 'Asha Iyer');
  assert.equal(before.name.event_id, id);
  assert.equal(before.name.rule, 'causal_order');
  assert.deepEqual(before.name.history.map(({ value }) => value), ['Asha Iyer', 'Asha Raman']);
  assert.deepEqual(before.email.waiting.map(({ value, platform }) => [value, platform]), [['new@example.com', 'bizoholic']]);
  assert.deepEqual(before.email.lost, []);
  const decided = await resolved(conflict, { choice: 'source' });
  const { email } = (await w.get(path)).body.explain;
  assert.equal(email.value, 'new@example.com');
  assert.equal(email.event_id, decided.resolution_event_id);
  assert.deepEqual([email.rule, email.conflict_id, email.decided_by, email.reason],
    ['review', conflict.conflict_id, 'development', 'asked the customer']);
  assert.deepEqual(email.waiting, []);
  assert.deepEqual(email.lost.map(({ value }) => value), ['asha@example.com']);
  assert.equal((await w.get(path.replace('&explain', ''))).body.explain, undefined);
});

test('A value that came again by itself is not explained by the conflict that once chose it', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  const { id, external_reference: reference } = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Raman' });
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  const rename = (name, more) => w.sync(event('bizosaas', 'user_updated', tenant, { id, name }, more));
  await rename('A. Raman', { base_version: 1 });
  const explained = async () => (await w.get(`/sync/records/user/${reference}?tenant_id=${tenant}&explain`)).body.explain.name;
  assert.deepEqual([(await explained()).value, (await explained()).rule], ['A. Raman', 'latest_wins']);
  await rename('Asha R.');
  await rename('A. Raman');
  const { value, rule, conflict_id: conflict } = await explained();
  assert.deepEqual([value, rule, conflict], ['A. Raman', 'causal_order', null]);
});

test('One decision settles all that match, after a look at what it would be about', async () => {
  const tenant = newTenant();
  const users = [1, 2, 3].map((n) => ({ user_id: `bz-${n}`, email_address: `u${n}@example.com` }));
  for (const user of users) await w.sync(newUser(tenant, user));
  for (const { user_id: id } of users) {
    await w.settled(await w.send(changedUser(tenant, { user_id: id, email_address: `${id}@new.example.com` })), ['review']);
  }
  const decision = { tenant_id: tenant, entity_type: 'user', choice: 'source', reason: 'all were asked' };
  const look = await w.post('/sync/conflicts/resolve', { ...decision, dry_run: true });
  assert.equal(look.status, 200, JSON.stringify(look.body));
  assert.deepEqual([look.body.matched, look.body.resolved], [3, 0]);
  assert.ok(look.body.conflicts.every(({ field, outcome }) => field === 'email' && outcome === 'matched'));
  assert.equal((await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`)).body.total, 3);
  const first = await w.post('/sync/conflicts/resolve', { ...decision, limit: 2 });
  assert.deepEqual([first.body.matched, first.body.resolved], [3, 2]);
  const rest = await w.post('/sync/conflicts/resolve', decision);
  assert.deepEqual([rest.body.matched, rest.body.resolved], [1, 1]);
  assert.deepEqual((await w.post('/sync/conflicts/resolve', decision)).body.matched, 0);
  await w.idle();
  const emails = (await w.state('bizosaas', tenant, 'user')).map(({ canonical }) => canonical.email).sort();
  assert.deepEqual(emails, users.map(({ user_id: id }) => `${id}@new.example.com`));
  for (const [body, detail] of [[{ choice: 'merged', reason: 'x', data: { email: 'x' } }, /\/choice/], [{ ...decision, limit: 0 }, /\/limit/], [{ ...decision, dry_run: 1 }, /\/dry_run/]]) {
    const answer = await w.post('/sync/conflicts/resolve', body);
    assert.equal(answer.status, 422);
    assert.match(answer.body.detail, detail);
  }
});

test('A review is given to somebody, who finds it in a list', async () => {
  const tenant = newTenant();
  const { conflict } = await waitingEmail(tenant);
  const path = `/sync/conflicts/${conflict.conflict_id}/assign`;
  const { status, body } = await w.post(path, { assignee: 'olga' });
  assert.equal(status, 200, JSON.stringify(body));
  assert.deepEqual([body.assignee, body.revision, body.status], ['olga', 2, 'open']);
  const listed = async (name) => (await w.get(`/sync/conflicts?tenant_id=${tenant}&assignee=${name}`)).body.total;
  assert.deepEqual([await listed('olga'), await listed('bo')], [1, 0]);
  assert.equal((await w.post(path, { assignee: null })).body.assignee, null);
  assert.equal((await w.post(path, {})).status, 422);
  assert.equal((await w.post('/sync/conflicts/nobody/assign', { assignee: 'olga' })).status, 404);
  await resolved(conflict, { choice: 'target' });
  assert.equal((await w.post(path, { assignee: 'olga' })).status, 409);
});

test('A review that expires and can\'t decide itself says why, once, and is asked no more', async () => {
  const policy = { 'policy.yaml': 'conflict_rules: {user: {reviews: {expire_after_hours: 1}}}\n' };
  const damaged = await world({ args: ['--config', 'policy.yaml'], files: policy });
  const tenant = newTenant();
  await damaged.sync(newUser(tenant));
  const id = await damaged.send(changedUser(tenant, { email_address: 'new@example.com' }));
  await damaged.settled(id, ['review']);
  const { body: { conflicts: [conflict] } } = await damaged.get(`/sync/conflicts?tenant_id=${tenant}`);
  assert.notEqual(conflict.expires_at, null);
  await damaged.service.signal('SIGTERM');
  // As after a restore of half the data: the record that it is about is none that waits for it.
  execFileSync('sqlite3', [join(damaged.service.folder, 'data/data-sync.db'), 'UPDATE sync_conflicts SET record_key = record_key + 1000']);
  await damaged.service.start(daysAgo(-1));
  const told = await eventually(async () => {
    const { body } = await damaged.get(`/sync/conflicts/${conflict.conflict_id}`);
    return body.status === 'resolved' && body;
  }, { explain: () => damaged.service.log });
  assert.match(told.reason, /a change of email waits for a person; it could not decide itself: the record has moved on/);
  assert.match(told.resolution_reason, /the record has moved on/);
  assert.deepEqual([told.expires_at, told.resolved_by], [null, null]);
  assert.equal((await damaged.event(id)).status, 'completed');
  assert.equal(damaged.service.log.split('could not decide themselves').length, 2, damaged.service.log);
});
