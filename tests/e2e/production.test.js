/** Outside development: who may do what, and who learns nothing. */
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';

import { newLead, newUser } from './support/events.js';
import { LiveClient } from './support/live.js';
import { badTokens, kKey, tokenOf } from './support/tokens.js';
import { eventually, newTenant, world } from './support/world.js';

const w = await world({ env: { ENVIRONMENT: 'production', JWT_SECRET: kKey, LOG_LEVEL: 'debug' } });
// What needs no token. The live page is empty without one; it asks for it.
const kOpen = ['/livez', '/readyz', '/health', '/metrics', '/ui', '/ui/{file}',
  // The token in the path is the authority.
  '/sync/verifications/{token}', '/sync/verifications/{token}/confirm', '/sync/verifications/{token}/decline'];

function bearer(claims) {
  return { authorization: `Bearer ${tokenOf(claims)}` };
}

/** Calls as somebody; `undefined` is nobody. */
async function call(method, path, claims, body, headers = {}) {
  const answer = await fetch(`${w.service.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...(claims && bearer(claims)), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
}

function assertStranger({ status, headers, body }, what) {
  assert.equal(status, 401, what);
  assert.match(headers.get('www-authenticate') ?? '', /^Bearer/, what);
  assert.match(headers.get('content-type'), /^application\/problem\+json/, what);
  assert.equal(typeof body.detail, 'string', what);
}

/** Every operation of the API's own description: `[method, path]`. */
async function operations() {
  const { status, body } = await call('GET', '/openapi.json', {});
  assert.equal(status, 200);
  return Object.entries(body.paths).flatMap(([path, item]) => Object.keys(item)
    .filter((key) => ['get', 'post', 'put', 'patch', 'delete'].includes(key))
    .map((method) => [method.toUpperCase(), path]));
}

test('Every call of the description needs a token, under its alias and with other endings too', async () => {
  const all = await operations();
  assert.ok(all.length >= 15, JSON.stringify(all));
  for (const [method, path] of all.filter(([, one]) => !kOpen.includes(one))) {
    const plain = path.replace(/\{[^}]+\}/g, 'x');
    const alias = plain.replace(/^\/sync/, '');
    for (const form of [plain, `${plain}/`, `${plain}?tenant_id=acme`, `/api/brain/data-sync${alias}`]) {
      assertStranger(await call(method, form, undefined, method === 'POST' ? newLead('acme') : undefined), `${method} ${form}`);
    }
  }
});

test('What a probe or a scraper asks needs none', async () => {
  for (const path of ['/livez', '/readyz', '/health', '/api/brain/data-sync/health']) {
    assert.equal((await call('GET', path)).status, 200, path);
  }
  assert.equal((await fetch(`${w.service.url}/metrics`)).status, 200);
});

test('A stranger does not learn which paths there are', async () => {
  for (const path of ['/nothing', '/sync/nothing', '/sync/events/x/y/z', '/%00', '/../etc/passwd', '/ui/../sync/status']) {
    assert.ok([401, 400].includes((await call('GET', path)).status), path);
  }
  assertStranger(await call('DELETE', '/sync/events'), 'a method that there is not');
});

for (const [what, token] of Object.entries(badTokens())) {
  test(`A token ${what} opens nothing`, async () => {
    const headers = { authorization: `Bearer ${token}` };
    assertStranger(await call('GET', '/sync/events', undefined, undefined, headers));
    assertStranger(await call('POST', '/sync/events', undefined, newLead('acme'), headers));
    if (/^[\w.-]+$/.test(token)) assert.equal(await LiveClient.refusal(w.service.url, '', { token }), 401);
  });
}

test('A token is taken from where tokens stand, and from nowhere else', async () => {
  const token = tokenOf({});
  assertStranger(await call('GET', `/sync/events?token=${token}`), 'in the address of a plain call, which logs keep');
  for (const authorization of [token, `Basic ${token}`, `Token ${token}`, 'Bearer', 'Bearer ', `Bearer ${token} x`]) {
    assertStranger(await call('GET', '/sync/events', undefined, undefined, { authorization }), authorization.slice(0, 12));
  }
  for (const authorization of [`bearer ${token}`, `Bearer   ${token}`]) {
    assert.equal((await call('GET', '/sync/events', undefined, undefined, { authorization })).status, 200);
  }
});

test('A caller sees and touches its own tenants only; of others it hears 404', async () => {
  const [own, other] = [newTenant(), newTenant()];
  const me = { tenant_id: own };
  const { body: { event_id: id } } = await call('POST', '/sync/events', { tenant_id: other }, newUser(other, {}, { entity_id: 'canonical-1' }));
  await eventually(async () => (await call('GET', `/sync/events/${id}`, { tenant_id: other })).body.status === 'completed');

  for (const [method, path, body] of [
    ['GET', `/sync/events/${id}`], ['GET', `/sync/events/${id}?tenant_id=${other}`],
    ['GET', `/sync/events?tenant_id=${other}`], ['POST', `/sync/events/${id}/retry`], ['POST', `/sync/events/${id}/retry?tenant_id=${other}`],
    ['POST', '/sync/events/retry', { tenant_id: other }], ['POST', '/sync/events', newUser(other)],
    ['POST', '/sync/users', { user_id: 'canonical-1', email: 'x@example.com', name: 'X', tenant_id: other }],
    ['GET', `/sync/users/canonical-1?tenant_id=${other}`], ['GET', '/sync/users/canonical-1'],
    ['GET', `/sync/records/user/canonical-1?tenant_id=${other}`], ['GET', '/sync/records/user/canonical-1'],
    ['GET', `/sync/conflicts?tenant_id=${other}`], ['GET', `/sync/metrics?tenant_id=${other}`],
  ]) {
    const answer = await call(method, path, me, body);
    assert.equal(answer.status, 404, `${method} ${path}: ${JSON.stringify(answer.body)}`);
  }
  const { body: batch } = await call('POST', '/sync/events/batch', me, [newUser(other), newUser(own)]);
  assert.deepEqual([batch.accepted, batch.rejected], [1, 1]);
  const { body: list } = await call('GET', '/sync/events', me);
  assert.deepEqual(list.events.map(({ tenant_id: tenant }) => tenant), [own]);
  assert.equal(list.total, 1);
  assert.equal((await call('GET', '/sync/metrics', me)).body.total_events, 1);
  assert.equal((await call('GET', '/sync/conflicts', me)).body.total, 0);
});

test('What one tenant did with an id says nothing to another', async () => {
  const [own, other] = [newTenant(), newTenant()];
  const lead = (tenant, score) => newLead(tenant, { lead_score: score }, { id: 'same-id' });
  assert.equal((await call('POST', '/sync/events', { tenant_id: other }, lead(other, 1))).status, 201);
  assert.equal((await call('POST', '/sync/events', { tenant_id: own }, lead(own, 2))).status, 201, 'neither duplicate nor 409');
  assert.equal((await call('GET', '/sync/events/same-id', { tenant_id: own })).body.event.data.lead_score, 2);
  assert.equal((await call('GET', '/sync/events/same-id', { tenant_id: [own, other] })).status, 422, 'ambiguous for who may see both');
  assert.equal((await call('GET', `/sync/events/same-id?tenant_id=${other}`, { tenant_id: [own, other] })).body.event.data.lead_score, 1);
});

test('With one tenant in the token, the body need not name it; with several, it must', async () => {
  const [one, two] = [newTenant(), newTenant()];
  const { status, body } = await call('POST', '/sync/events', { tenant_id: one }, newLead(undefined));
  assert.equal(status, 201);
  assert.equal((await call('GET', `/sync/events/${body.event_id}`, { tenant_id: one })).body.event.tenant_id, one);
  const several = await call('POST', '/sync/events', { tenant_id: [one, two] }, newLead(undefined));
  assert.equal(several.status, 422);
  assert.match(JSON.stringify(several.body), /"\/tenant_id"/);
});

test('Roles allow what they are for', async () => {
  const tenant = newTenant();
  const write = [['POST', '/sync/events', newLead(tenant)], ['POST', '/sync/events/batch', [newLead(tenant)]],
    ['POST', '/sync/users', { user_id: 'u-1', email: 'u@example.com', name: 'U', tenant_id: tenant }]];
  const operate = [['POST', '/sync/events/none/retry'], ['POST', '/sync/events/retry', { tenant_id: tenant }]];
  const read = [['GET', '/sync/events'], ['GET', '/sync/status'], ['GET', '/sync/metrics'], ['GET', '/sync/conflicts'], ['GET', '/openapi.json']];
  const may = { viewer: [read], service: [read, write], operator: [read, write, operate], admin: [read, write, operate] };
  for (const [role, sets] of Object.entries(may)) {
    for (const set of [read, write, operate]) {
      for (const [method, path, body] of set) {
        const { status } = await call(method, path, { tenant_id: tenant, roles: [role] }, body);
        assert.equal(status !== 403, sets.includes(set), `${role}: ${method} ${path} is ${status}`);
      }
    }
  }
  for (const roles of [[], ['root'], undefined]) {
    assert.equal((await call('GET', '/sync/events', { tenant_id: tenant, roles })).status, 403);
  }
  assert.equal((await call('GET', '/sync/events', { tenant_id: tenant, roles: 'viewer' })).status, 200, 'one word is a role too');
});

test('A service of all tenants may name any', async () => {
  const [one, two] = [newTenant(), newTenant()];
  const everyone = { tenant_id: '*', roles: ['service'] };
  for (const tenant of [one, two]) assert.equal((await call('POST', '/sync/events', everyone, newLead(tenant))).status, 201);
  for (const tenant of [one, two]) assert.equal((await call('GET', `/sync/events?tenant_id=${tenant}`, everyone)).body.total, 1);
  assert.ok((await call('GET', '/sync/events', everyone)).body.total >= 2);
});

test('A redrive of all reaches the own tenants only', async () => {
  const [own, other] = [newTenant(), newTenant()];
  for (const tenant of [own, other]) await w.bizosaas.misbehave({ status: 400, match: { tenant_id: tenant } });
  const ids = {};
  for (const tenant of [own, other]) {
    ids[tenant] = (await call('POST', '/sync/events', { tenant_id: tenant }, newLead(tenant))).body.event_id;
    await eventually(async () => (await call('GET', `/sync/events/${ids[tenant]}`, { tenant_id: tenant })).body.status === 'failed');
  }
  await w.bizosaas.behave();
  const { status, body } = await call('POST', '/sync/events/retry', { tenant_id: own }, {});
  assert.equal(status, 202);
  assert.deepEqual(body, { matched: 1, queued: 1 });
  await eventually(async () => (await call('GET', `/sync/events/${ids[own]}`, { tenant_id: own })).body.status === 'completed');
  assert.equal((await call('GET', `/sync/events/${ids[other]}`, { tenant_id: other })).body.status, 'failed');
});

test('Live updates are of the own tenants only', async () => {
  const [own, other] = [newTenant(), newTenant()];
  const token = tokenOf({ tenant_id: own, roles: ['viewer'] });
  const url = w.service.url;
  assert.equal(await LiveClient.refusal(url), 401);
  assert.equal(await LiveClient.refusal(url, `tenant_id=${other}`, { token }), 404);
  const clients = [
    await LiveClient.open(url, '', { token }), await LiveClient.open(url, `token=${token}`),
    await LiveClient.open(url, '', { headers: { authorization: `Bearer ${token}` } }), await LiveClient.open(url, 'cursor=0', { token }),
  ];
  assert.equal(clients[0].protocol, 'bearer');
  for (const client of clients) client.send({ action: 'subscribe', tenant_ids: [other] });
  await call('POST', '/sync/events', { tenant_id: other }, newLead(other));
  const { body: { event_id: id } } = await call('POST', '/sync/events', { tenant_id: own }, newLead(own));
  for (const client of clients) {
    await client.told(({ type, event_id: of }) => type === 'sync_completed' && of === id);
    assert.ok(!JSON.stringify(client.messages.filter(({ type }) => type !== 'error')).includes(other), 'heard of another tenant');
    assert.equal(client.of('error').length, 1, 'the subscription to another tenant is refused');
    await client.close();
  }
});

test('A live connection ends with its token', async () => {
  const leewaySeconds = 30;
  const exp = Math.floor(Date.now() / 1000) - leewaySeconds + 2;
  const client = await LiveClient.open(w.service.url, '', { token: tokenOf({ exp }) });
  const { code } = await client.closed;
  assert.equal(code, 1008);
  assertStranger(await call('GET', '/sync/events', { exp }), 'it was known, and is so no longer');
});

test('It listens on all addresses', async (t) => {
  const outside = Object.values(networkInterfaces()).flat().find(({ internal, family }) => !internal && family === 'IPv4');
  if (!outside) return t.skip('this machine has no address but its own');
  assert.equal((await fetch(`http://${outside.address}:${w.service.port}/livez`)).status, 200);
});

test('The log has neither tokens nor what is personal', async () => {
  const tenant = newTenant();
  const secret = { full_name: 'Zebulon Quartermain', email_address: 'zebulon.q@example.com', phone_number: '+91 99 1234 5678' };
  await call('POST', '/sync/events', { tenant_id: tenant }, newUser(tenant, secret));
  await call('POST', '/sync/users', { tenant_id: tenant }, { user_id: 'z', email: 'zebulon.q@example.com', name: 7, tenant_id: tenant });
  await w.holds('bizosaas', tenant, 'user', { email: 'zebulon.q@example.com' });
  assert.doesNotMatch(w.service.log, /zebulon|quartermain|1234 5678|eyJ/i);
  assert.ok(!w.service.log.includes(kKey));
});

