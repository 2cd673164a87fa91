/** Whatever a client sends, the answer is one that it can read, and the service lives on. */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { newLead } from './support/events.js';
import { RawConnection, head } from './support/raw.js';
import { eventually, newTenant, world } from './support/world.js';

const w = await world();

afterEach(async () => {
  assert.ok(w.service.alive, `the service died:\n${w.service.log}`);
  await w.send(newLead(newTenant()));
});

function assertProblem({ status, headers, body }, expected) {
  assert.equal(status, expected, JSON.stringify(body));
  assert.match(headers.get('content-type'), /^application\/problem\+json/);
  assert.equal(typeof body.detail, 'string');
  assert.equal(body.status, expected);
}

for (const [what, text] of [
  ['nothing', ''],
  ['half a document', '{"event_type":"lead_created"'],
  ['two documents', '{}{}'],
  ['a bare word', 'lead_created'],
  ['invalid UTF-8', Buffer.concat([Buffer.from('{"event_type":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])],
  ['half a surrogate pair', '{"event_type":"\\ud800"}'],
  ['a NUL byte', '{"event_type":"a\0b"}'],
  ['NaN', '{"event_type":NaN}'],
  ['a comma too many', '{"event_type":"lead_created",}'],
]) {
  test(`${what} is 400`, async () => {
    const answer = await fetch(`${w.service.url}/sync/events`, {
      method: 'POST', body: text, headers: { 'content-type': 'application/json' },
    });
    assertProblem({ status: answer.status, headers: answer.headers, body: await answer.json() }, 400);
  });
}

for (const [what, change, pointer] of [
  ['an event type that is a number', { event_type: 7 }, '/event_type'],
  ['an event type without a verb', { event_type: 'lead' }, '/event_type'],
  ['an entity that nobody configured', { event_type: 'dragon_created' }, '/event_type'],
  ['an unknown source', { source_platform: 'nowhere' }, '/source_platform'],
  ['an unknown target', { target_platforms: ['bizosaas', 'nowhere'] }, '/target_platforms/1'],
  ['no targets', { target_platforms: [] }, '/target_platforms'],
  ['only the source as target', { target_platforms: ['bizoholic'] }, '/target_platforms'],
  ['targets that are no list', { target_platforms: 'bizosaas' }, '/target_platforms'],
  ['data that is a list', { data: [1] }, '/data'],
  ['data that is missing', { data: undefined }, '/data'],
  ['no tenant', { tenant_id: undefined }, undefined],
  ['a tenant of 300 characters', { tenant_id: 'x'.repeat(300) }, '/tenant_id'],
  ['a priority of 11', { priority: 11 }, '/priority'],
  ['a priority that is no word of ours', { priority: 'soonish' }, '/priority'],
  ['a time that is none', { occurred_at: 'yesterday' }, '/occurred_at'],
  ['a version that is text', { version: 'two' }, '/version'],
  ['a record without any id', { data: { contact_name: 'Ravi' } }, undefined],
]) {
  test(`${what} is 422`, async () => {
    const answer = await w.post('/sync/events', { ...newLead(newTenant()), ...change });
    if (what === 'no tenant' && answer.status === 201) return; // the caller may have exactly one
    assertProblem(answer, 422);
    if (pointer) assert.ok(JSON.stringify(answer.body).includes(`"${pointer}"`), JSON.stringify(answer.body));
  });
}

test('All bad fields are named at once', async () => {
  const answer = await w.post('/sync/events', { ...newLead(newTenant()), priority: 99, version: 'x', source_platform: 1 });
  assertProblem(answer, 422);
  for (const pointer of ['/priority', '/version', '/source_platform']) {
    assert.ok(JSON.stringify(answer.body).includes(`"${pointer}"`), pointer);
  }
});

test('Unknown fields are kept in the metadata', async () => {
  const id = await w.send({ ...newLead(newTenant()), campaign_hint: 'spring' });
  const { event } = await w.settled(id);
  assert.equal(event.metadata.campaign_hint, 'spring');
});

test('A priority may be a word', async () => {
  await w.send({ ...newLead(newTenant()), priority: 'critical' });
});

for (const [what, text] of [
  ['lists', `{"event_type":"lead_created","data":${'['.repeat(100_000)}`],
  ['closed lists', `{"event_type":"lead_created","data":{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`],
  ['objects', '{"a":'.repeat(50_000)],
]) {
  test(`A bomb of nested ${what} is refused`, async () => {
    const { status } = await w.post('/sync/events', text);
    assert.ok(status === 400 || status === 422, `${status}`);
  });
}

test('A body over the limit is 413 before it has been read', async () => {
  const { status, body } = await w.post('/sync/events', `{"data":"${'x'.repeat(1_200_000)}"}`);
  assert.equal(status, 413);
  assert.equal(typeof body.detail, 'string');
});

test('A length over every limit is 413 without a body', async () => {
  const connection = await RawConnection.open(w.service.port);
  connection.write(head('/sync/events', 10_000_000_000));
  await eventually(() => connection.received.startsWith('HTTP/1.1 413'), { explain: () => connection.received });
  connection.end();
});

test('A request of nonsense is 400, and the connection closes', async () => {
  const connection = await RawConnection.open(w.service.port);
  connection.write('BREAKFAST\0\x01\xff\r\n\r\n');
  const received = await connection.closed;
  assert.match(received, /^HTTP\/1\.1 400|^$/);
});

test('Two lengths that differ are refused', async () => {
  const connection = await RawConnection.open(w.service.port);
  connection.write(head('/sync/events', 5, 'Content-Length: 6\r\n'));
  connection.write('{}{}{}');
  assert.match(await connection.closed, /^HTTP\/1\.1 400/);
});

test('A length and chunks together are refused', async () => {
  const connection = await RawConnection.open(w.service.port);
  connection.write(head('/sync/events', 5, 'Transfer-Encoding: chunked\r\n'));
  connection.write('0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n');
  const received = await connection.closed;
  assert.ok(!received.includes('HTTP/1.1 200'), received);
});

test('Half a body and then silence holds up nobody', async () => {
  const silent = await Promise.all(Array.from({ length: 20 }, () => RawConnection.open(w.service.port)));
  after(() => silent.forEach((connection) => connection.end()));
  for (const connection of silent) {
    connection.write(head('/sync/events', 500));
    connection.write('{"event_type":"lead_');
  }
  const began = performance.now();
  await w.send(newLead(newTenant()));
  assert.ok(performance.now() - began < 1000);
});

test('A thousand idle connections hold up nobody', async () => {
  const idle = await Promise.all(Array.from({ length: 1000 }, () => RawConnection.open(w.service.port)));
  after(() => idle.forEach((connection) => connection.end()));
  await w.send(newLead(newTenant()));
  assert.equal((await w.get('/health')).status, 200);
});

test('What is not there is 404, and the wrong method 405', async () => {
  assertProblem(await w.get('/sync/nothing'), 404);
  assertProblem(await w.get('/sync/events/no-such-event'), 404);
  const answer = await fetch(`${w.service.url}/sync/status`, { method: 'DELETE' });
  assert.equal(answer.status, 405);
});

test('Strange queries are answered, not obeyed', async () => {
  for (const query of ['limit=0', 'limit=-1', 'limit=1001', 'limit=x', 'offset=-1', 'status=happy', 'since=never', 'cursor=%00%ff', "tenant_id=' OR 1=1 --"]) {
    const { status } = await w.get(`/sync/events?${query}`);
    assert.ok([200, 400, 422].includes(status), `${query}: ${status}`);
  }
});
