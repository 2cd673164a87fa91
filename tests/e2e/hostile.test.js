/** Bytes that nobody should send: a clear answer that names the field, or a close; no crash, no memory without end. */
import assert from 'node:assert/strict';
import { after, afterEach, test } from 'node:test';

import { newLead } from './support/events.js';
import { Random } from './kill/random.js';
import { residentMib } from './support/process.js';
import { RawConnection, head } from './support/raw.js';
import { eventually, newTenant, world } from './support/world.js';

const w = await world();
const seed = Number(process.env.SEED ?? Date.now() % 2 ** 31);
console.log(`# SEED=${seed}`);

afterEach(async () => {
  assert.ok(w.service.alive, `the service died:\n${w.service.log}`);
  await w.send(newLead(newTenant()));
});

/** Posts bytes as they are. */
async function post(path, body, headers = {}) {
  const answer = await fetch(`${w.service.url}${path}`, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers }, duplex: 'half' });
  const text = await answer.text();
  let parsed;
  try {
    parsed = JSON.parse(text);
  } catch {
    assert.fail(`${path} answered ${answer.status} with what is no JSON: ${text.slice(0, 200)}`);
  }
  return { status: answer.status, headers: answer.headers, body: parsed };
}

function assertProblem({ status, headers, body }, expected, what) {
  assert.ok([expected].flat().includes(status), `${what}: ${status} ${JSON.stringify(body).slice(0, 300)}`);
  assert.match(headers.get('content-type'), /^application\/problem\+json/, what);
  assert.ok(typeof body.detail === 'string' && body.detail.length > 0 && body.detail.length < 1000, what);
  assert.equal(body.status, status, what);
}

/** Sends a whole request on a connection of its own, and returns what came back until it was closed. */
async function raw(bytes) {
  const connection = await RawConnection.open(w.service.port);
  after(() => connection.end());
  connection.write(bytes);
  return connection.closed;
}

const kControl = '\\u0000';
for (const [field, value, pointer] of [
  ['tenant_id', `a${kControl}b`], ['id', `a${kControl}`], ['entity_id', '\\u001b[2J'], ['user_id', '\\u0085'], ['correlation_id', '\\n'], ['id', ''], ['entity_id', 'x'.repeat(256)],
  ['source_platform', kControl], ['event_type', `lead_created${kControl}`], ['priority', ''], ['occurred_at', '2026-02-30T00:00:00Z'], ['expires_at', '2026-01-01'],
]) {
  test(`${field} "${value.slice(0, 20)}" is 422 by name`, async () => {
    const text = JSON.stringify({ ...newLead(newTenant()), [field]: 'PUT IT HERE' }).replace('PUT IT HERE', value);
    const answer = await post('/sync/events', text);
    assertProblem(answer, 422, field);
    assert.ok(answer.body.errors.some((error) => error.pointer === (pointer ?? `/${field}`)), JSON.stringify(answer.body));
  });
}

for (const [field, value] of [
  ['priority', 0], ['priority', 5.5], ['priority', true], ['version', -1], ['version', 1.5], ['base_version', 'x'], ['version', 9e18 * 10], ['max_retries', -1], ['max_retries', 1e6],
  ['ttl_seconds', -1], ['ttl_seconds', 1e18], ['metadata', []], ['metadata', 'x'], ['tenant_id', 7], ['tenant_id', { $ne: null }], ['id', ['x']], ['entity_id', 42],
  ['data', 'x'], ['data', null], ['target_platforms', { 0: 'bizosaas' }], ['target_platforms', [['bizosaas']]], ['target_platforms', Array(300).fill('bizosaas')], ['occurred_at', 1769850000],
]) {
  test(`${field} ${JSON.stringify(value).slice(0, 30)} is 422 by name`, async () => {
    const answer = await post('/sync/events', JSON.stringify({ ...newLead(newTenant()), [field]: value }));
    assertProblem(answer, 422, field);
    assert.ok(answer.body.errors.some(({ pointer }) => pointer.startsWith(`/${field}`)), JSON.stringify(answer.body));
  });
}

test('A NUL inside data is data: it is kept, delivered and shown', async () => {
  const tenant = newTenant();
  const name = 'a\0b \u{1f600} \u2028 </script> \' " \\ %00';
  const told = await w.sync(newLead(tenant, { contact_name: name, 'od"d\0key': [null, { '': '' }] }));
  assert.equal(told.event.data.contact_name, name);
  assert.deepEqual(told.event.data['od"d\0key'], [null, { '': '' }]);
  await w.holds('bizosaas', tenant, 'lead', { name });
  assert.equal((await w.get(`/sync/events?tenant_id=${tenant}`)).body.events[0].data.contact_name, name);
});

test('Names with a meaning elsewhere have none here', async () => {
  const tenant = newTenant();
  const body = JSON.stringify({ ...newLead(tenant), constructor: 1, toString: 2 }).replace('"constructor"', '"__proto__":{"admin":true},"constructor"');
  const answer = await post('/sync/events', body);
  assert.equal(answer.status, 201);
  const { event } = await w.settled(answer.body.event_id);
  assert.ok(Object.hasOwn(event.metadata, '__proto__') || event.metadata.constructor === 1);
});

test('Numbers are kept as they were written, however large; nonsense is refused', async () => {
  const tenant = newTenant();
  const send = (number) => post('/sync/events', JSON.stringify(newLead(tenant, { odd: 'HERE', lead_id: `l${number.length}`, contact_email: `${number.length}@x.io` })).replace('"HERE"', number));
  for (const number of ['1e300', '-1e-400', '123456789012345678901234567890', '0.1000000000000000055511151231257827']) {
    const answer = await send(number);
    assert.equal(answer.status, 201, number);
    const text = await (await fetch(`${w.service.url}/sync/events/${answer.body.event_id}`)).text();
    assert.ok(text.includes(`"odd":${number}`) || /"odd":-?1e-?[34]00/.test(text), `${number}: ${text.slice(0, 300)}`);
  }
  for (const number of ['1e400', '01', '1.', '.5', '+1', '0x10', '1e', 'Infinity', '-', '1_000', `1${'0'.repeat(200)}`]) assertProblem(await send(number), 400, number);
});

test('Levels: 60 are data, 70 are a bomb', async () => {
  const nested = (levels) => JSON.stringify(newLead(newTenant(), { deep: 'HERE' })).replace('"HERE"', `${'['.repeat(levels)}${']'.repeat(levels)}`);
  assert.equal((await post('/sync/events', nested(55))).status, 201);
  assertProblem(await post('/sync/events', nested(70)), [400, 422], 'too deep');
  assertProblem(await post('/sync/events/batch', `[${nested(70)}]`), [400, 422], 'too deep in a batch');
});

test('A byte order mark, a comment, a trailing NUL: 400', async () => {
  const good = JSON.stringify(newLead(newTenant()));
  for (const text of [`\ufeff${good}`, `${good}\0`, `/* hi */${good}`, `${good}//`, good.slice(0, -1), `${good},`, `'${good}'`, good.replaceAll('"', "'")]) {
    assertProblem(await post('/sync/events', text), 400, text.slice(0, 12));
  }
});

test('Invalid UTF-8 is 400, wherever it stands', async () => {
  const broken = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]];
  const [before, behind] = JSON.stringify(newLead(newTenant(), { contact_name: 'HERE' })).split('HERE');
  const [key, rest] = JSON.stringify(newLead(newTenant(), { HERE: 1 })).split('HERE');
  for (const bytes of broken) {
    for (const [left, right] of [[before, behind], [key, rest]]) {
      const body = Buffer.concat([Buffer.from(left), Buffer.from(bytes), Buffer.from(right)]);
      assertProblem(await post('/sync/events', body), 400, bytes.join());
      assertProblem(await post('/sync/events/batch', Buffer.concat([Buffer.from('['), body, Buffer.from(']')])), 400, `${bytes} in a batch`);
    }
  }
  const lines = Buffer.concat([Buffer.from(`${JSON.stringify(newLead(newTenant()))}\n`), Buffer.from(before), Buffer.from([0xff]), Buffer.from(`${behind}\n`)]);
  const { status, body } = await post('/sync/events/batch', lines, { 'content-type': 'application/x-ndjson' });
  assert.deepEqual([status, body.accepted, body.rejected], [200, 1, 1], 'a bad line spoils only itself');
});

test('Every other call that takes a body refuses nonsense as clearly', async () => {
  const tenant = newTenant();
  for (const path of ['/sync/users', '/sync/events/batch', '/sync/events/retry']) {
    for (const text of ['{', 'x', '{"a":}', '\0', '{"a":"\\ud800"}', '['.repeat(50_000), '{"a":'.repeat(50_000)]) assertProblem(await post(path, text), [400, 422], `${path} ${text.slice(0, 10)}`);
    assertProblem(await post(path, '7'), 422, `${path} 7`);
  }
  for (const [body, pointer] of [
    [{ email: 'a@b.c', name: 'A', tenant_id: tenant }, '/user_id'], [{ user_id: 'u', name: 'A', tenant_id: tenant }, '/email'], [{ user_id: 'u', email: 'a@b.c', tenant_id: tenant }, '/name'],
    [{ user_id: 7, email: 'a@b.c', name: 'A', tenant_id: tenant }, '/user_id'], [{ user_id: 'u', email: ['a@b.c'], name: 'A', tenant_id: tenant }, '/email'],
    [{ user_id: 'u', email: 'a@b.c', name: 'A', profile_data: 'x', tenant_id: tenant }, '/profile_data'], [{ user_id: 'u', email: 'a@b.c', name: 'A', source_platform: 'nowhere', tenant_id: tenant }, '/source_platform'],
  ]) {
    const answer = await post('/sync/users', JSON.stringify(body));
    assertProblem(answer, 422, pointer);
    assert.ok(answer.body.errors.some((error) => error.pointer === pointer), `${pointer}: ${JSON.stringify(answer.body)}`);
  }
  for (const [filter, pointer] of [[{ status: 'happy' }, '/status'], [{ since: 'now' }, '/since'], [{ limit: 0 }, '/limit'], [{ colour: 'red' }, '/colour'], [{ tenant_id: 7 }, '/tenant_id']]) {
    const answer = await post('/sync/events/retry', JSON.stringify(filter));
    assertProblem(answer, 422, pointer);
    assert.equal(answer.body.errors[0].pointer, pointer);
  }
});

test('Media types: JSON by any of its names; what it is not, is 415', async () => {
  for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'application/vnd.api+json', 'text/plain']) {
    assert.equal((await post('/sync/events', JSON.stringify(newLead(newTenant())), { 'content-type': type })).status, 201, type);
  }
  for (const headers of [{ 'content-type': 'multipart/form-data; boundary=x' }, { 'content-type': 'application/xml' }, { 'content-encoding': 'gzip' }, { 'content-encoding': 'br' }]) {
    assertProblem(await post('/sync/events', JSON.stringify(newLead(newTenant())), headers), 415, JSON.stringify(headers));
  }
});

test('An Idempotency-Key that is none is refused', async () => {
  const body = JSON.stringify(newLead(newTenant()));
  assertProblem(await post('/sync/events', body, { 'idempotency-key': 'x'.repeat(256) }), [400, 422], 'too long');
  const received = await raw(`POST /sync/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nIdempotency-Key: a\x07b\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  assert.match(received, /^HTTP\/1\.1 4\d\d/);
});

test('A body over the limit is 413 at once; the client sees the answer though it goes on sending', async () => {
  for (const [path, bytes] of [['/sync/events', 1_048_577], ['/sync/events', 12_000_000], ['/sync/users', 2_000_000], ['/sync/events/batch', 16_777_217]]) {
    assertProblem(await post(path, Buffer.alloc(bytes, ' ')), 413, `${path} ${bytes}`);
  }
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, ' '), Buffer.from('\r\n')]);
  const connection = await RawConnection.open(w.service.port);
  after(() => connection.end());
  connection.write('POST /sync/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let i = 0; i < 17; i += 1) connection.write(chunk);
  await eventually(() => connection.received.startsWith('HTTP/1.1 413'), { explain: () => connection.received });
});

test('A body up to the limit is taken', async () => {
  const event = newLead(newTenant(), { filler: '' });
  event.data.filler = 'x'.repeat(1_048_576 - JSON.stringify(event).length);
  assert.equal((await post('/sync/events', JSON.stringify(event))).status, 201);
  const lines = Array.from({ length: 16 }, (_, i) => JSON.stringify(newLead(newTenant(), { lead_id: `big-${i}`, filler: 'x'.repeat(1_040_000) })));
  const { status, body } = await post('/sync/events/batch', `[${lines.join(',')}]`);
  assert.deepEqual([status, body.accepted], [200, 16]);
});

test('Whoever sends without end is cut off', async () => {
  const connection = await RawConnection.open(w.service.port);
  after(() => connection.end());
  connection.write(head('/sync/events', 10_000_000_000));
  const block = Buffer.alloc(1 << 20, ' ');
  const pump = setInterval(() => connection.isOpen && connection.write(block), 5);
  try {
    const received = await connection.closed;
    assert.match(received, /^HTTP\/1\.1 413|^$/);
  } finally {
    clearInterval(pump);
  }
});

for (const [what, text, expected] of [
  ['a head of 20 KiB', `GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431/],
  ['a thousand headers', `GET /livez HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(5_000)}\r\n`, /^HTTP\/1\.1 431/],
  ['an address of 20 KiB', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, /^HTTP\/1\.1 4(14|31)/],
  ['no host', 'GET /livez HTTP/1.1\r\n\r\n', /^HTTP\/1\.1 400/],
  ['two hosts', 'GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', /^HTTP\/1\.1 400/],
  ['a version of tomorrow', 'GET /livez HTTP/3.0\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 (505|400)/],
  ['a coding that nobody knows', 'POST /sync/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n', /^HTTP\/1\.1 (501|400)/],
  ['a chunk that lies', 'POST /sync/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n', /^HTTP\/1\.1 400/],
  ['a chunk of 2^64', 'POST /sync/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n', /^HTTP\/1\.1 (400|413)/],
  ['a negative length', 'POST /sync/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', /^HTTP\/1\.1 400/],
  ['an expectation that can not be met', 'POST /sync/events HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}', /^HTTP\/1\.1 417/],
  ['a header that is folded', 'GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-A: b\r\n c\r\n\r\n', /^HTTP\/1\.1 (400|200)/],
  ['a NUL in a header', 'GET /livez HTTP/1.1\r\nHost: x\r\nX-A: b\0c\r\n\r\n', /^HTTP\/1\.1 400/],
  ['a NUL in the address', 'GET /li\0vez HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 400/],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', /^HTTP\/1\.1 400|^$/],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1\.1 (400|505)/],
]) {
  test(`${what} is answered, and the connection ends`, async () => {
    assert.match(await raw(text), expected);
  });
}

test('A body that is too large is refused before it is sent, to whoever asks first', async () => {
  const received = await raw('POST /sync/events HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n');
  assert.match(received, /^HTTP\/1\.1 413/);
});

test('Requests in a row on one connection are answered in order, good and bad', async () => {
  const tenant = newTenant();
  const request = (body, more = '') => `POST /sync/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const good = (id) => request(JSON.stringify(newLead(tenant, {}, { id })));
  const received = await raw([good('p-1'), request('{'), good('p-2'), 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n', good('p-1'), request('{}', 'Connection: close\r\n')].join(''));
  assert.deepEqual([...received.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status)), [201, 400, 201, 200, 200, 422]);
});

test('Strange paths are 404 or 400', async () => {
  for (const path of ['/sync/events/%00', '/sync/events/%ff', '/sync/events/%', `/sync/events/${'x'.repeat(2_000)}`, '/sync/events/..%2f..%2fetc%2fpasswd', '/sync//events', '/sync/records/dragon/1?tenant_id=a', '/sync/records/user/%00?tenant_id=a',
    "/sync/events/'%20OR%201=1--", '/ui/..%2f..%2fsrc', '/ui/%2e%2e/index.html', '/sync/users/%00?tenant_id=a']) {
    const received = await raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
    assert.match(received, /^HTTP\/1\.1 (400|404) /, path);
  }
});

test('Bodies that are begun and not ended take so much memory and no more', async (t) => {
  const bytes = 12_000_000;
  const clients = 100;
  const before = residentMib(w.service.pid);
  const half = Buffer.alloc(bytes, ' ');
  const open = await Promise.all(Array.from({ length: clients }, () => RawConnection.open(w.service.port)));
  after(() => open.forEach((connection) => connection.end()));
  for (const connection of open) {
    connection.write(head('/sync/events/batch', bytes + 1));
    connection.write(half);
  }
  await eventually(() => open.some(({ received }) => /^HTTP\/1\.1 503 [^]*Retry-After: \d/.test(received)), { explain: () => 'nobody was told' });
  let peak = 0;
  for (let i = 0; i < 20; i += 1) {
    await w.send(newLead(newTenant()));
    peak = Math.max(peak, residentMib(w.service.pid));
  }
  t.diagnostic(`${clients} bodies of 12 MB were begun: ${(peak - before).toFixed(0)} MiB more, 256 are allowed`);
  assert.ok(peak - before < 400, `${peak - before} MiB more`);
  open.forEach((connection) => connection.end());
});

test('Hundreds of large bad bodies at once leave no memory behind', async (t) => {
  const bombs = [`{"data":${'['.repeat(900_000)}`, `{"a":"${'x'.repeat(1_000_000)}`, Buffer.alloc(1_000_000, 0xff), `[${'{},'.repeat(330_000)}{}]`, `{"data":{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":1`).join()}}}`];
  const storm = async () => {
    for (let i = 0; i < 5; i += 1) {
      await Promise.all(Array.from({ length: 40 }, (_, j) => post(j % 8 === 7 ? '/sync/events/batch' : '/sync/events', bombs[j % bombs.length]).then(({ status }) => assert.ok([400, 413, 422, 503].includes(status), String(status)))));
    }
  };
  await storm();
  const before = residentMib(w.service.pid);
  await storm();
  const behind = residentMib(w.service.pid);
  t.diagnostic(`${before.toFixed(0)} MiB after the first storm, ${behind.toFixed(0)} after the second`);
  assert.ok(behind < 400, `${behind} MiB`);
  assert.ok(behind - before < 64, `${behind - before} MiB more`);
});

test('A thousand mutations of good requests: never a 5xx, never a crash, always an answer in JSON', async () => {
  const random = new Random(seed);
  const good = [JSON.stringify({ ...newLead('mutants'), priority: 3, occurred_at: '2026-01-31T09:30:00Z', metadata: { a: [1, 2.5e3, 'x'] } }),
    JSON.stringify([newLead('mutants'), newLead('mutants')]), JSON.stringify({ user_id: 'm', email: 'm@x.io', name: 'M', tenant_id: 'mutants', preferences: { a: true } })];
  const paths = ['/sync/events', '/sync/events/batch', '/sync/users'];
  const mutate = (text) => {
    const bytes = Buffer.from(text);
    for (let i = random.between(1, 4); i > 0; i -= 1) {
      const at = random.between(0, bytes.length - 1);
      const kind = random.between(0, 3);
      if (kind === 0) bytes[at] = random.between(0, 255);
      else if (kind === 1) bytes[at] = random.pick([...Buffer.from('{}[]",:\\0-.e')]);
      else if (kind === 2) bytes.copy(bytes, at, random.between(0, bytes.length - 1), bytes.length);
      else return bytes.subarray(0, at);
    }
    return bytes;
  };
  for (let round = 0; round < 50; round += 1) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      const kind = random.between(0, 2);
      const body = mutate(good[kind]);
      const { status } = await post(paths[kind], body);
      assert.ok([200, 201, 400, 404, 409, 422].includes(status), `SEED=${seed}: ${status} for ${body}`);
    }));
  }
});
