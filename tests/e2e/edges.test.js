/** The corners of the HTTP API that clients and gateways live in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newLead, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world();
const kAlias = '/api/brain/data-sync';

function lead(tenant, number, more) {
  return newLead(tenant, { lead_id: `lead-${number}`, contact_email: `${number}@example.com`, lead_score: 40 }, more);
}

function pointersOf({ body }) {
  return (body.errors ?? []).map(({ pointer, parameter }) => pointer ?? parameter);
}

// Idempotency

test('Only what an event says decides whether it is another one', async () => {
  const tenant = newTenant();
  const first = lead(tenant, 1, { id: 'same', entity_id: 'lead-1' });
  await w.send(first);
  for (const change of [{ priority: 1 }, { metadata: { a: 1 } }, { correlation_id: 'c' }, { user_id: 'u' }, { occurred_at: '2026-01-31T09:30:00Z' }, { hint: 'x' }, { max_retries: 1 }]) {
    const { status, body } = await w.post('/sync/events', { ...first, ...change });
    assert.deepEqual([status, body], [200, { event_id: 'same', status: 'duplicate' }], JSON.stringify(change));
  }
  for (const change of [{ event_type: 'lead_updated' }, { source_platform: 'bizosaas', target_platforms: ['bizoholic'] }, { target_platforms: ['bizosaas', 'coreldove'] }, { entity_id: 'lead-2' }, { base_version: 1 }, { data: { ...first.data, x: null } }]) {
    const { status } = await w.post('/sync/events', { ...first, ...change });
    assert.equal(status, 409, JSON.stringify(change));
  }
  const text = JSON.stringify(first).replace('"lead_score":40', '"lead_score":4.0e1').replace('Ravi', '\\u0052avi');
  assert.equal((await w.post('/sync/events', text)).status, 200, 'the same value, written otherwise');
});

test('A key and an id in one request both count; a key on another call is another event', async () => {
  const tenant = newTenant();
  const event = lead(tenant, 1, { id: 'own-id' });
  await w.send(event, { 'idempotency-key': 'own-key' });
  for (const [body, headers] of [[event, {}], [event, { 'idempotency-key': 'own-key' }], [{ ...event, id: undefined }, { 'idempotency-key': 'own-key' }], [{ ...event, id: 'own-key' }, {}], [{ ...event, id: undefined }, { 'idempotency-key': 'own-id' }]]) {
    const { status, body: told } = await w.post('/sync/events', body, headers);
    assert.deepEqual([status, told.event_id], [200, 'own-id'], JSON.stringify(headers));
  }
  const user = { user_id: 'u-1', email: 'm@example.com', name: 'M', tenant_id: tenant };
  assert.equal((await w.post('/sync/users', user, { 'idempotency-key': 'user-key' })).status, 201);
  await w.idle();
  assert.equal((await w.post('/sync/users', user, { 'idempotency-key': 'user-key' })).status, 200, 'though the user is known by now');
  assert.equal((await w.post('/sync/users', { ...user, name: 'N' }, { 'idempotency-key': 'user-key' })).status, 409);
});

test('In a batch the same id with other content is rejected alone', async () => {
  const tenant = newTenant();
  const { body } = await w.post('/sync/events/batch', [lead(tenant, 1, { id: 'x' }), lead(tenant, 2, { id: 'x' }), lead(tenant, 1, { id: 'x' }), lead(tenant, 3)]);
  assert.deepEqual(body.results.map(({ status }) => status), ['created', 'rejected', 'duplicate', 'created']);
});

// Lists

test('Pages by cursor are whole while events come and change', async () => {
  const tenant = newTenant();
  const total = 230;
  const ids = Array.from({ length: total }, (_, i) => `${tenant}-${String(i).padStart(3, '0')}`);
  const { body: sent } = await w.post('/sync/events/batch', ids.map((id, i) => lead(tenant, i, { id })));
  assert.equal(sent.accepted, total);
  const seen = [];
  let cursor = '';
  for (let page = 0; ; page += 1) {
    const { status, body } = await w.get(`/sync/events?tenant_id=${tenant}&limit=25&cursor=${encodeURIComponent(cursor)}`);
    assert.equal(status, 200);
    assert.equal(body.total, total + page, 'total counts what is there now');
    seen.push(...body.events.map(({ event_id: id }) => id));
    await w.send(lead(tenant, `late-${page}`));
    if (body.next_cursor === null) break;
    cursor = body.next_cursor;
  }
  assert.deepEqual(seen, [...ids].reverse());
});

test('A page of very large events ends early, and its cursor goes on', async () => {
  const tenant = newTenant();
  const total = 60;
  const ids = Array.from({ length: total }, (_, i) => `${tenant}-${i}`);
  for (let from = 0; from < total; from += 15) {
    const { body } = await w.post('/sync/events/batch', ids.slice(from, from + 15).map((id, i) => newLead(tenant, { lead_id: id, filler: 'x'.repeat(1_000_000), number: from + i }, { id })));
    assert.equal(body.accepted, 15);
  }
  const seen = [];
  let pages = 0;
  for (let cursor = ''; cursor !== null; pages += 1) {
    const text = await (await fetch(`${w.service.url}/sync/events?tenant_id=${tenant}&limit=1000&cursor=${cursor}`)).text();
    assert.ok(text.length < 80_000_000, `${text.length} bytes`);
    const body = JSON.parse(text);
    assert.equal(body.total, total);
    seen.push(...body.events.map(({ event_id: id }) => id));
    cursor = body.next_cursor;
  }
  assert.ok(pages > 1);
  assert.deepEqual(seen, [...ids].reverse());
});

test('A cursor belongs to its filters, and is not to be made up', async () => {
  const tenant = newTenant();
  for (let i = 0; i < 3; i += 1) await w.send(lead(tenant, i));
  const { body: { next_cursor: cursor } } = await w.get(`/sync/events?tenant_id=${tenant}&limit=1`);
  assert.equal((await w.get(`/sync/events?tenant_id=${tenant}&limit=2&cursor=${cursor}`)).status, 200);
  for (const query of [`cursor=${cursor}`, `tenant_id=${newTenant()}&cursor=${cursor}`, `tenant_id=${tenant}&status=failed&cursor=${cursor}`, `tenant_id=${tenant}&cursor=${cursor.slice(0, -2)}AA`, `tenant_id=${tenant}&cursor=MTox`]) {
    const answer = await w.get(`/sync/events?${query}`);
    assert.equal(answer.status, 422, query);
    assert.deepEqual(pointersOf(answer), ['cursor']);
  }
});

test('Each parameter of a list is judged by name', async () => {
  for (const [query, name] of [['limit=0', 'limit'], ['limit=1001', 'limit'], ['limit=ten', 'limit'], ['offset=-1', 'offset'], ['status=happy', 'status'], ['since=never', 'since'], ['until=2026-13-01T00:00:00Z', 'until']]) {
    const answer = await w.get(`/sync/events?${query}`);
    assert.equal(answer.status, 422, query);
    assert.deepEqual(pointersOf(answer), [name]);
  }
  for (const [query, name] of [['status=happy', 'status'], ['conflict_type=quarrel', 'conflict_type'], ['limit=0', 'limit'], ['cursor=x', 'cursor']]) {
    const answer = await w.get(`/sync/conflicts?${query}`);
    assert.equal(answer.status, 422, query);
    assert.deepEqual(pointersOf(answer), [name]);
  }
  for (const query of ['hours=0', 'hours=x']) assert.deepEqual(pointersOf(await w.get(`/sync/metrics?${query}`)), ['hours']);
  const tenant = newTenant();
  await w.send(lead(tenant, 1));
  const { body } = await w.get(`/sync/events?tenant_id=${tenant}&limit=1000&offset=5&status=&cursor=&since=`);
  assert.deepEqual([body.total, body.events, body.limit, body.offset, body.next_cursor], [1, [], 1000, 5, null]);
});

test('since is inclusive and until is not; an entity_id finds its events', async () => {
  const tenant = newTenant();
  const id = await w.send(lead(tenant, 1, { entity_id: 'the-lead' }));
  const { created_at: at } = await w.event(id);
  await w.send(lead(tenant, 2));
  const total = async (query) => (await w.get(`/sync/events?tenant_id=${tenant}&${query}`)).body.total;
  assert.equal(await total(`until=${at}`), 0);
  assert.equal(await total(`since=${at}`), 2);
  assert.equal(await total(`since=${at.replace('Z', '%2B00:00')}`), 2);
  assert.equal(await total('entity_id=the-lead'), 1);
  assert.equal(await total('event_type=lead_created&source_platform=bizoholic'), 2);
});

// The gateway

test('Every call answers under the prefix of the gateway, with the headers that it forwards', async () => {
  const tenant = newTenant();
  const forwarded = { host: 'brain.example.com', 'x-forwarded-for': '203.0.113.7', 'x-forwarded-proto': 'https', 'x-request-id': 'r-1', cookie: 'session=1', te: 'trailers', 'accept-encoding': 'gzip, br' };
  const { status, headers, body } = await w.post(`${kAlias}/events`, newUser(tenant, {}, { entity_id: 'asha' }), forwarded);
  assert.equal(status, 201);
  assert.equal(headers.get('content-encoding'), null);
  assert.deepEqual(Object.keys(body), ['event_id', 'status']);
  await w.settled(body.event_id);
  for (const path of [`events/${body.event_id}`, `events?tenant_id=${tenant}`, 'status', 'metrics', `users/asha?tenant_id=${tenant}`, `records/user/asha?tenant_id=${tenant}`, 'conflicts', 'health', 'openapi.json', 'docs']) {
    assert.equal((await w.get(`${kAlias}/${path}`)).status, 200, path);
  }
  const user = await w.post(`${kAlias}/users`, { user_id: 'u-2', email: 'u2@example.com', name: 'U', tenant_id: tenant });
  assert.ok([200, 201].includes(user.status));
  for (const value of Object.values(user.body)) assert.equal(typeof value, 'string');
  assert.equal((await w.post(`${kAlias}/events/${body.event_id}/retry`)).status, 400);
  assert.equal((await w.post(`${kAlias}/events/batch`, [lead(tenant, 1)])).body.accepted, 1);
  assert.equal((await w.get(`${kAlias}/nothing`)).status, 404);
  assert.equal((await w.get(`${kAlias}x/events`)).status, 404);
});

test('HEAD is GET without its body, OPTIONS tells the methods, slashes at the end do not matter', async () => {
  const ask = (method, path) => fetch(`${w.service.url}${path}`, { method });
  for (const path of ['/health', '/sync/events', '/sync/status', '/openapi.json', '/']) {
    const answer = await ask('HEAD', path);
    assert.deepEqual([answer.status, await answer.text()], [200, ''], path);
    assert.ok(Number(answer.headers.get('content-length')) > 0, path);
  }
  const options = await ask('OPTIONS', '/sync/events');
  assert.equal(options.status, 204);
  assert.deepEqual(options.headers.get('allow').split(', ').sort(), ['GET', 'HEAD', 'POST']);
  for (const [method, path] of [['PUT', '/sync/events'], ['PATCH', '/sync/events/x'], ['DELETE', '/sync/users/x'], ['GET', '/sync/events/x/retry'], ['POST', '/health']]) {
    const answer = await ask(method, path);
    assert.equal(answer.status, 405, `${method} ${path}`);
    assert.ok(answer.headers.get('allow'), path);
  }
  assert.equal((await w.get('/sync/events/?limit=1')).status, 200);
});

// Browsers

test('No page of another site reads or writes: no CORS header anywhere, and no write without a preflight', async () => {
  const origin = 'https://evil.example.com';
  for (const [method, path] of [['GET', '/sync/events'], ['OPTIONS', '/sync/events'], ['GET', '/openapi.json'], ['GET', '/health'], ['GET', '/ui/'], ['GET', '/nothing']]) {
    const answer = await fetch(`${w.service.url}${path}`, { method, headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } });
    await answer.text();
    for (const [name] of answer.headers) assert.ok(!name.startsWith('access-control-'), `${method} ${path}: ${name}`);
  }
  const tenant = newTenant();
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
    const { status } = await w.post('/sync/events', lead(tenant, 1), { origin, 'sec-fetch-site': 'cross-site', 'content-type': type });
    assert.equal(status, 403, type);
  }
  assert.equal((await w.get(`/sync/events?tenant_id=${tenant}`)).body.total, 0);
});

test('A browser at the front door is led to the page, which loads nothing from elsewhere', async () => {
  const html = { accept: 'text/html,application/xhtml+xml' };
  const door = await fetch(`${w.service.url}/`, { headers: html, redirect: 'manual' });
  assert.deepEqual([door.status, door.headers.get('location')], [302, '/ui/']);
  for (const path of ['/ui/', '/docs']) {
    const page = await fetch(`${w.service.url}${path}`, { headers: html });
    const text = await page.text();
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type'), /^text\/html/);
    assert.match(page.headers.get('content-security-policy'), /default-src 'none'/);
    assert.match(page.headers.get('x-content-type-options'), /nosniff/);
    assert.doesNotMatch(text, /(?:src|href)="https?:/, path);
    for (const [, file] of text.matchAll(/(?:src|href)="(?!data:|#|https?:)([^"]+)"/g)) {
      assert.ok((await fetch(new URL(file, `${w.service.url}${path}`))).ok, `${path}: ${file}`);
    }
  }
});

// CloudEvents

function cloudEvent(tenant, more = {}) {
  return { specversion: '1.0', id: `ce-${tenant}`, source: '/bizosaas/bizoholic/crm', type: 'com.bizosaas.lead.created', tenantid: tenant, data: { lead_id: 'l', contact_name: 'Ravi', contact_email: 'r@example.com' }, ...more };
}
const kStructured = { 'content-type': 'application/cloudevents+json; charset=utf-8' };

test('A CloudEvent is the event that its attributes say', async () => {
  const tenant = newTenant();
  const { status, body } = await w.post('/sync/events', cloudEvent(tenant, { time: '2026-01-31T09:30:00Z', entityid: 'e-1', priority: 2, userid: 'u', correlationid: 'c', partitionkey: 'p', targetplatforms: 'bizosaas' }), kStructured);
  assert.deepEqual([status, body], [201, { event_id: `ce-${tenant}`, status: 'created' }]);
  const { event } = await w.settled(body.event_id);
  assert.deepEqual([event.event_type, event.source_platform, event.target_platforms, event.tenant_id, event.entity_id, event.priority, event.user_id, event.correlation_id],
    ['lead_created', 'bizoholic', ['bizosaas'], tenant, 'e-1', 2, 'u', 'c']);
  assert.match(event.occurred_at, /^2026-01-31T09:30:00/);
  assert.equal(event.metadata.ce_partitionkey, 'p');
  const again = await w.post('/sync/events', cloudEvent(tenant, { entityid: 'e-1', targetplatforms: 'bizosaas' }), kStructured);
  assert.deepEqual([again.status, again.body.status], [200, 'duplicate'], 'its id is the id of the event');
  const binary = await w.post('/sync/events', cloudEvent(tenant).data, { 'ce-specversion': '1.0', 'ce-id': `ce-${tenant}`, 'ce-source': 'bizoholic', 'ce-type': 'com.bizosaas.lead.created', 'ce-tenantid': tenant, 'ce-entityid': 'e-1', 'ce-targetplatforms': 'bizosaas' });
  assert.deepEqual([binary.status, binary.body.status], [200, 'duplicate'], 'in whatever mode it comes');
});

test('Without targets a CloudEvent goes to all others; names and values in headers may be escaped', async () => {
  const tenant = newTenant();
  const headers = { 'ce-specversion': '1.0', 'ce-id': 'caf%C3%A9', 'ce-source': 'bizoholic', 'ce-type': 'lead_created', 'ce-tenantid': tenant, 'ce-priority': '1' };
  const { status, body } = await w.post('/sync/events', cloudEvent(tenant).data, headers);
  assert.deepEqual([status, body.event_id], [201, 'café']);
  const { event } = await w.settled('café');
  assert.deepEqual([event.target_platforms.sort(), event.priority], [['bizosaas', 'coreldove'], 1]);
});

test('A CloudEvent may carry its data in base64', async () => {
  const tenant = newTenant();
  const { data, ...attributes } = cloudEvent(tenant);
  const { status } = await w.post('/sync/events', { ...attributes, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') }, kStructured);
  assert.equal(status, 201);
  assert.equal((await w.settled(attributes.id)).event.data.contact_name, 'Ravi');
});

test('What is wrong with a CloudEvent is told by its attribute', async () => {
  const tenant = newTenant();
  for (const [change, status, pointer] of [
    [{ specversion: '0.3' }, 422, '/specversion'], [{ id: undefined }, 422, '/id'], [{ type: undefined }, 422, '/type'], [{ source: '' }, 422, '/source'], [{ type: 'com.bizosaas.dragon.created' }, 422, '/event_type'],
    [{ source: 'nowhere' }, 422, '/source_platform'], [{ data: 'x' }, 422, '/data'], [{ data: undefined, data_base64: '*' }, 422, '/data_base64'], [{ time: 'noon' }, 422, '/occurred_at'], [{ datacontenttype: 'application/xml' }, 415],
    [{ targetplatforms: 'bizoholic' }, 422, '/target_platforms'],
  ]) {
    const answer = await w.post('/sync/events', cloudEvent(tenant, change), kStructured);
    assert.equal(answer.status, status, `${JSON.stringify(change)}: ${JSON.stringify(answer.body)}`);
    if (pointer) assert.ok(pointersOf(answer).includes(pointer), JSON.stringify(answer.body));
  }
  const { body } = await w.post('/sync/events', [cloudEvent(tenant), cloudEvent(tenant, { id: 'two', type: undefined }), cloudEvent(tenant, { id: 'three', data: { lead_id: 'l3' } })], { 'content-type': 'application/cloudevents-batch+json' });
  assert.deepEqual(body.results.map(({ status }) => status), ['created', 'rejected', 'created']);
  assert.equal((await w.post('/sync/events', '{"specversion":', kStructured)).status, 400);
});

// Kinds of time and identity

test('Ids of any script and form are ids, up to 255 characters', async () => {
  for (const id of ['VXNlcjox', 'tenant/1?x=2&y#z', 'ünïcødé-✓-日本語', ' spaces inside ', '../..', 'x'.repeat(255), '字'.repeat(255), "o'clock; DROP TABLE event_log", '%2F%00']) {
    const tenant = `${newTenant()} ${id}`.slice(0, 255);
    const told = await w.settled(await w.send(lead(tenant, 1, { id, entity_id: id })).then((sent) => `${encodeURIComponent(sent)}?tenant_id=${encodeURIComponent(tenant)}`));
    assert.deepEqual([told.event_id, told.event.tenant_id, told.status], [id, tenant, 'completed']);
    assert.equal((await w.get(`/sync/records/lead/${encodeURIComponent(id)}?tenant_id=${encodeURIComponent(tenant)}`)).body.entity_id, id);
    assert.equal((await w.get(`/sync/events?tenant_id=${encodeURIComponent(tenant)}&entity_id=${encodeURIComponent(id)}`)).body.total, 1);
  }
});

test('An event that is too old when it comes expires, and can be sent all the same', async () => {
  const tenant = newTenant();
  const id = await w.send(lead(tenant, 1, { expires_at: '2020-01-01T00:00:00Z' }));
  assert.equal((await w.settled(id)).status, 'expired');
  assert.deepEqual(await w.state('bizosaas', tenant, 'lead'), []);
  const { status, body } = await w.post(`/sync/events/${id}/retry`);
  assert.deepEqual([status, Object.keys(body).sort()], [200, ['event_id', 'message']]);
  assert.equal((await w.settled(id, ['completed'])).status, 'completed');
});

test('A retry of what is well, or is not there, is refused', async () => {
  const id = await w.send(lead(newTenant(), 1));
  await w.settled(id);
  for (const [path, status] of [[`/sync/events/${id}/retry`, 400], ['/sync/events/nothing/retry', 404]]) {
    for (const body of [undefined, {}, 'null']) assert.equal((await w.post(path, body)).status, status, path);
  }
});
