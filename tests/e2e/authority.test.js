/** Outside development: who may decide about records and reviews, and of which tenants. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call } from '../../simulators/test_support/harness.js';
import { changedUser, event, newUser } from './support/events.js';
import { startNotifier } from './support/notifier.js';
import { kKey, tokenOf } from './support/tokens.js';
import { newTenant, world } from './support/world.js';

const notifier = await startNotifier();
const w = await world({
  env: { ENVIRONMENT: 'production', JWT_SECRET: kKey, NOTIFIER_URL: notifier.url, VERIFICATION_URL: 'https://app.example.com/verify?token=' },
  args: ['--config', 'shop.yaml'],
  files: { 'shop.yaml': 'conflict_rules: {user: {fields: {phone: {strategy: latest_wins, review: every_change}}}}\n' },
});
const bearer = (claims) => ({ authorization: `Bearer ${tokenOf(claims)}` });
// What is no person's deed here is the platforms': a service of all tenants.
const kService = bearer({ tenant_id: '*', roles: ['service'] });
w.post = (path, body, headers) => call(`${w.service.url}${path}`, 'POST', body, { ...kService, ...headers });
w.get = (path) => call(`${w.service.url}${path}`, 'GET', undefined, kService);

function as(claims, path, body) {
  return call(`${w.service.url}${path}`, 'POST', body, claims && bearer(claims));
}

/** Two records of a tenant, `asha` and `ravi`; asha was renamed by an event that can be taken back, and her phone waits. */
async function household() {
  const tenant = newTenant();
  await w.sync(newUser(tenant, {}, { entity_id: 'asha' }));
  await w.sync(newUser(tenant, { user_id: 'bz-2', full_name: 'Ravi', email_address: 'ravi@example.com' }, { entity_id: 'ravi' }));
  const { event_id: renamed } = await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  return { tenant, renamed };
}

async function waiting(tenant) {
  await w.settled(await w.send(changedUser(tenant, { phone_number: `+91 ${Date.now()}` })), ['review']);
  return open(tenant);
}

async function open(tenant) {
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(body.total, 1, JSON.stringify(body));
  return body.conflicts[0];
}

/** All that a person can do, each on a household of its own: `{path, body, named}`, and what it comes to. */
const kDeeds = {
  undo: async () => {
    const { tenant, renamed } = await household();
    return { tenant, path: `/sync/events/${renamed}/undo`, body: { reason: 'a slip' } };
  },
  merge: async () => {
    const { tenant } = await household();
    return { tenant, path: '/sync/records/user/asha/merge', body: { other: 'ravi', reason: 'the same' } };
  },
  split: async () => {
    const { tenant } = await household();
    const { status, body } = await as({ tenant_id: tenant }, '/sync/records/user/asha/merge', { other: 'ravi', reason: 'the same' });
    assert.equal(status, 200, JSON.stringify(body));
    await w.settled(body.event_id);
    return { tenant, path: '/sync/records/user/asha/split', body: { other: 'ravi', reason: 'not the same' } };
  },
  resolve: async () => {
    const { tenant } = await household();
    const { conflict_id: id } = await waiting(tenant);
    return { tenant, path: `/sync/conflicts/${id}/resolve`, body: { choice: 'source', reason: 'asked her' } };
  },
  assign: async () => {
    const { tenant } = await household();
    const { conflict_id: id } = await waiting(tenant);
    return { tenant, path: `/sync/conflicts/${id}/assign`, body: { assignee: 'mira' } };
  },
};

/** What can be seen of a tenant: nothing of it may change by what is refused. */
async function all(tenant) {
  const paths = ['/sync/records/user/asha?', '/sync/records/user/ravi?', '/sync/conflicts?', '/sync/events?'];
  const told = await Promise.all(paths.map((path) => w.get(`${path}&tenant_id=${tenant}`)));
  return told.map(({ status, body }) => {
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  });
}

for (const [name, make] of Object.entries(kDeeds)) {
  test(`${name}: neither who may only read nor who may only write, nor another tenant's operator`, async () => {
    const { tenant, path, body } = await make();
    const before = await all(tenant);
    for (const roles of [['viewer'], ['service'], ['viewer', 'service']]) {
      const { status, body: told } = await as({ tenant_id: tenant, roles }, path, body);
      assert.equal(status, 403, `${roles}: ${JSON.stringify(told)}`);
    }
    assert.equal((await as({ tenant_id: '*', roles: ['service'] }, path, body)).status, 403);
    assert.equal((await as(undefined, path, body)).status, 401);
    for (const roles of [['operator'], ['admin']]) {
      const other = { tenant_id: newTenant(), roles };
      for (const asked of [path, `${path}?tenant_id=${tenant}`]) {
        const { status, body: told } = await as(other, asked, body);
        assert.equal(status, 404, `${roles} ${asked}: ${JSON.stringify(told)}`);
        assert.ok(!JSON.stringify(told).includes('Asha'), JSON.stringify(told));
      }
    }
    assert.deepEqual(await all(tenant), before);
  });

  for (const claims of [{ roles: ['operator'] }, { roles: ['admin'] }, { roles: ['viewer', 'operator'] }, { tenant_id: '*', roles: ['admin'] }]) {
    const who = `${claims.roles.join(' and ')}${claims.tenant_id === '*' ? ' of all tenants' : ''}`;
    test(`${name}: a tenant's ${who} may`, async () => {
      const { tenant, path, body } = await make();
      const { status, body: told } = await as({ tenant_id: tenant, sub: 'mira', ...claims }, `${path}?tenant_id=${tenant}`, body);
      assert.equal(status, 200, JSON.stringify(told));
      const id = told.undo_event_id ?? told.resolution_event_id ?? told.event_id;
      if (name === 'assign') return assert.equal(told.assignee, 'mira');
      const ended = await w.settled(id);
      assert.equal(ended.event.user_id, 'mira', 'who did it stands in the list of events');
      if (name === 'resolve') assert.equal(told.resolved_by, 'mira');
    });
  }
}

test('Many conflicts are decided of the own tenants only', async () => {
  const [own, other] = [await household(), await household()];
  for (const { tenant } of [own, other]) await waiting(tenant);
  const body = { choice: 'target', reason: 'no' };
  for (const roles of [['viewer'], ['service']]) {
    assert.equal((await as({ tenant_id: own.tenant, roles }, '/sync/conflicts/resolve', body)).status, 403);
  }
  assert.equal((await as({ tenant_id: own.tenant }, '/sync/conflicts/resolve', { ...body, tenant_id: other.tenant })).status, 404);
  const { status, body: told } = await as({ tenant_id: own.tenant }, '/sync/conflicts/resolve', body);
  assert.equal(status, 200);
  assert.deepEqual([told.matched, told.resolved], [1, 1], JSON.stringify(told));
  await open(other.tenant);
});

test('Nobody merges a record with one of another tenant, nor learns that there is one', async () => {
  const [own, other] = [await household(), await household()];
  await w.sync(newUser(other.tenant, { user_id: 'bz-3', email_address: 'c@example.com' }, { entity_id: 'only-there' }));
  const before = await all(other.tenant);
  const both = { tenant_id: [own.tenant, other.tenant] };
  const merge = { other: 'only-there', reason: 'x' };
  assert.equal((await as({ tenant_id: own.tenant }, '/sync/records/user/asha/merge', merge)).status, 422);
  assert.equal((await as(both, `/sync/records/user/asha/merge?tenant_id=${own.tenant}`, merge)).status, 422);
  assert.equal((await as(both, '/sync/records/user/asha/merge', { ...merge, other: 'ravi' })).status, 422, 'which asha is not said');
  assert.deepEqual(await all(other.tenant), before);
});

test('A proposal is for those who may decide; a preview without one for all who may read, of their own tenants', async () => {
  const [{ tenant }, { tenant: other }] = [await household(), await household()];
  const told = changedUser(tenant, { full_name: 'A. Iyer' });
  const proposal = 'conflict_rules: {user: {fields: {name: {strategy: latest_wins, review: every_change}}}}';
  for (const roles of [['viewer'], ['service'], ['operator'], ['admin']]) {
    const may = !['viewer', 'service'].includes(roles[0]);
    const { status, body } = await as({ tenant_id: tenant, roles }, '/sync/preview', { ...told, proposal });
    assert.equal(status, may ? 200 : 403, `${roles}: ${JSON.stringify(body)}`);
    assert.ok(may || !JSON.stringify(body).includes('Asha'));
    const plain = await as({ tenant_id: tenant, roles }, '/sync/preview', told);
    assert.deepEqual([plain.status, plain.body.record?.changes[0]?.before], [200, 'Asha Iyer'], `${roles}`);
    for (const more of [{}, { proposal }]) {
      const stranger = await as({ tenant_id: other, roles }, '/sync/preview', { ...told, ...more });
      assert.ok([404, may ? 404 : 403].includes(stranger.status), `${roles}: ${JSON.stringify(stranger.body)}`);
      assert.ok(!JSON.stringify(stranger.body).includes('Asha'));
    }
  }
});

test('A verification is decided by who holds its link, whoever else they are, and by nobody with another', async () => {
  const [own, other] = [await household(), await household()];
  const messages = {};
  for (const { tenant } of [own, other]) {
    await w.settled(await w.send(changedUser(tenant, { email_address: 'new@example.com' })), ['review']);
    messages[tenant] = await notifier.message(tenant);
  }
  const [mine, theirs] = [messages[own.tenant].token, messages[other.tenant].token];
  // The review and the proposal of the one under the signature of the other.
  const half = mine.length - 22;
  for (const forged of [theirs.slice(0, half) + mine.slice(half), mine.slice(0, half) + theirs.slice(half), `${mine}x`, 'x'.repeat(76)]) {
    for (const claims of [undefined, { tenant_id: own.tenant, roles: ['admin'] }]) {
      assert.equal((await as(claims, `/sync/verifications/${forged}/confirm`)).status, 404, forged);
    }
  }
  await open(own.tenant);
  await open(other.tenant);
  const { status, body } = await as({ tenant_id: other.tenant, roles: ['viewer'] }, `/sync/verifications/${mine}/confirm`);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal((await w.get(`/sync/records/user/asha?tenant_id=${own.tenant}`)).body.data.email, 'new@example.com');
  assert.equal((await w.get(`/sync/records/user/asha?tenant_id=${other.tenant}`)).body.data.email, 'asha@example.com');
  await open(other.tenant);
  assert.equal((await as(undefined, `/sync/verifications/${theirs}/decline`)).status, 200, 'without any token');
});

test('Who may operate on one tenant decides no review of a delete of another', async () => {
  const { tenant } = await household();
  const { id } = (await w.state('bizosaas', tenant, 'user')).find(({ canonical }) => canonical.name === 'Asha Iyer');
  await w.settled(await w.send(event('bizosaas', 'user_deleted', tenant, { id }, { base_version: 1 })), ['review']);
  const conflict = await open(tenant);
  const body = { choice: 'source', reason: 'x' };
  assert.equal((await as({ tenant_id: newTenant() }, `/sync/conflicts/${conflict.conflict_id}/resolve`, body)).status, 404);
  assert.equal((await as({ tenant_id: tenant }, `/sync/conflicts/${conflict.conflict_id}/resolve`, body)).status, 200);
});
