/** A changed email waits until who reads mail there says whether it is theirs; with no token but that one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { call } from '../../simulators/test_support/harness.js';
import { changedUser, event, newUser } from './support/events.js';
import { startNotifier } from './support/notifier.js';
import { kKey, tokenOf } from './support/tokens.js';
import { daysAgo } from './support/wall_clock.js';
import { eventually, newTenant, world } from './support/world.js';

const notifier = await startNotifier();
const kLink = 'https://app.example.com/verify?token=';
const w = await productionWorld({
  NOTIFIER_URL: notifier.url, NOTIFIER_API_KEY: 'notifier-key-1', VERIFICATION_URL: kLink, LOG_LEVEL: 'debug',
});

/** A service outside development; `get` and `post` carry an admin's token, `call` alone carries none. */
async function productionWorld(env) {
  const made = await world({ env: { ENVIRONMENT: 'production', JWT_SECRET: kKey, ...env } });
  const authorization = `Bearer ${tokenOf({ tenant_id: '*', roles: ['admin'] })}`;
  made.get = (path) => call(`${made.service.url}${path}`, 'GET', undefined, { authorization });
  made.post = (path, body, headers) => call(`${made.service.url}${path}`, 'POST', body, { authorization, ...headers });
  return made;
}

/** A user whose new email waits. */
async function waiting(tenant, email = 'new@example.com', more = {}, on = w) {
  await on.sync(newUser(tenant));
  const id = await on.send(changedUser(tenant, { email_address: email, ...more }));
  const told = await on.settled(id, ['review']);
  return { id, told, message: await notifier.message(tenant) };
}

/** What a stranger gets who has a token and nothing else. */
function ask(token, on = w) {
  return call(`${on.service.url}/sync/verifications/${token}`, 'GET');
}

function answer(token, word, on = w) {
  return call(`${on.service.url}/sync/verifications/${token}/${word}`, 'POST');
}

function assertGone({ status, headers, body }, reason) {
  assert.equal(status, 410, JSON.stringify(body));
  assert.match(headers.get('content-type'), /^application\/problem\+json/);
  assert.equal(body.reason, reason);
  assert.equal(typeof body.detail, 'string');
}

async function conflict(tenant, on = w) {
  const { body } = await on.get(`/sync/conflicts?tenant_id=${tenant}`);
  assert.equal(body.total, 1, JSON.stringify(body));
  return body.conflicts[0];
}

async function everywhere(tenant, email, on = w) {
  for (const platform of ['coreldove', 'bizosaas']) await on.holds(platform, tenant, 'user', { email });
  const { entity_id: id } = await conflict(tenant, on);
  const { body } = await on.get(`/sync/records/user/${id}?tenant_id=${tenant}`);
  assert.equal(body.data.email, email);
}

test('The email waits, the rest of the event goes on, and the notifier gets what a mail needs', async () => {
  const tenant = newTenant();
  const { id, message } = await waiting(tenant, 'new@example.com', { full_name: 'Asha Iyer' });
  await w.holds('coreldove', tenant, 'user', { name: 'Asha Iyer', email: 'asha@example.com' });
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer', email: 'asha@example.com' });
  const { conflict_id: conflictId, entity_id: entityId, reason, expires_at: expiresAt, status } = await conflict(tenant);
  assert.equal(status, 'open');
  assert.equal(reason, 'a change of email waits to be verified by who holds it');
  const { token, link, _platform_context: context, ...rest } = message;
  assert.deepEqual(rest, {
    id: conflictId, entity_type: 'user', entity_id: entityId, field: 'email', value: 'new@example.com',
    previous_value: 'asha@example.com', source_platform: 'bizoholic', event_id: id, expires_at: expiresAt,
  });
  assert.equal(typeof context, 'object');
  assert.match(token, /^[\w-]{76}$/);
  assert.equal(link, kLink + token);
  assert.ok(Math.abs(Date.parse(expiresAt) - Date.now() - 72 * 3_600_000) < 60_000, expiresAt);
  const { path, authorization, body } = notifier.calls.find((one) => one.body.tenant_id === tenant);
  assert.equal(path, '/api/sync/verification/create');
  assert.equal(authorization, 'Bearer notifier-key-1');
  assert.equal(body.event_type, 'verification_created');
  assert.equal(body.source_platform, 'data-sync');
});

test('Who confirms has the change everywhere, and twice is the same as once', async () => {
  const tenant = newTenant();
  const { id, message } = await waiting(tenant);
  const first = await answer(message.token, 'confirm');
  assert.equal(first.status, 200, JSON.stringify(first.body));
  assert.equal(first.body.status, 'confirmed');
  await everywhere(tenant, 'new@example.com');
  const again = await answer(message.token, 'confirm');
  assert.equal(again.status, 200);
  assert.deepEqual(again.body, first.body);
  assert.deepEqual((await ask(message.token)).body, first.body);
  assertGone(await answer(message.token, 'decline'), 'confirmed');
  const decided = await conflict(tenant);
  assert.equal(decided.status, 'resolved');
  assert.equal(decided.resolved_by, 'verification');
  assert.equal(decided.fields[0].outcome, 'source');
  assert.equal((await w.event(id)).status, 'completed');
  const told = await w.settled(decided.resolution_event_id);
  assert.deepEqual(w.results(told), { bizoholic: 'skipped', bizosaas: 'completed', coreldove: 'completed' });
  assert.equal(notifier.taken(tenant).length, 1);
});

test('Who declines keeps the former value, and the platform that asked is corrected', async () => {
  const tenant = newTenant();
  const { id, message } = await waiting(tenant);
  const declined = await answer(message.token, 'decline');
  assert.equal(declined.body.status, 'declined');
  assert.deepEqual((await answer(message.token, 'decline')).body, declined.body);
  assertGone(await answer(message.token, 'confirm'), 'declined');
  const { resolved_by: by, resolution_event_id: eventId } = await conflict(tenant);
  assert.equal(by, 'verification');
  assert.equal(w.results(await w.settled(eventId)).bizoholic, 'completed');
  await w.holds('bizoholic', tenant, 'user', { email: 'asha@example.com' });
  await w.holds('bizosaas', tenant, 'user', { email: 'asha@example.com' });
  assert.equal((await w.event(id)).status, 'completed');
});

test('Who pressed the wrong button asks an operator, who takes the change after all', async () => {
  const tenant = newTenant();
  const { message } = await waiting(tenant);
  assert.equal((await answer(message.token, 'decline')).status, 200);
  const { resolution_event_id: decision } = await conflict(tenant);
  await w.settled(decision);
  const undo = (roles) => call(`${w.service.url}/sync/events/${decision}/undo?tenant_id=${tenant}`, 'POST', { reason: 'she called' },
    { authorization: `Bearer ${tokenOf({ tenant_id: tenant, roles })}` });
  assert.equal((await undo(['viewer'])).status, 403);
  const { status, body } = await undo(['operator']);
  assert.equal(status, 200, JSON.stringify(body));
  const told = await w.settled(body.undo_event_id);
  assert.deepEqual(told.event.data, { email: 'new@example.com' });
  await everywhere(tenant, 'new@example.com');
  assertGone(await answer(message.token, 'confirm'), 'declined');
  assert.equal(notifier.taken(tenant).length, 1, 'nobody is asked again');
  assert.equal((await undo(['operator'])).status, 409);
});

test('To look changes nothing and tells no more than is needed', async () => {
  const tenant = newTenant();
  const { message } = await waiting(tenant, 'new.address@example.com');
  for (let i = 0; i < 3; i += 1) {
    const { status, headers, body } = await ask(message.token);
    assert.equal(status, 200);
    assert.deepEqual(body, {
      status: 'open', entity_type: 'user', field: 'email', value: 'n***@example.com', source_platform: 'bizoholic',
      expires_at: message.expires_at,
    });
    assert.equal(headers.get('cache-control'), 'no-store');
    assert.equal(headers.get('referrer-policy'), 'no-referrer');
  }
  assert.equal((await fetch(`${w.service.url}/sync/verifications/${message.token}`, { method: 'HEAD' })).status, 200);
  assert.equal((await conflict(tenant)).status, 'open');
  assert.equal((await call(`${w.service.url}/sync/conflicts/${message.id}`, 'GET')).status, 401, 'it opens nothing else');
});

test('A person in a browser gets a page, and its buttons decide', async () => {
  const tenant = newTenant();
  const { message } = await waiting(tenant, '"<b>"@example.com');
  const page = `${w.service.url}/sync/verifications/${message.token}`;
  const shown = await fetch(page, { headers: { accept: 'text/html,application/xhtml+xml' } });
  assert.equal(shown.status, 200);
  assert.match(shown.headers.get('content-type'), /^text\/html/);
  assert.match(shown.headers.get('content-security-policy'), /default-src 'none'/);
  const html = await shown.text();
  assert.doesNotMatch(html, /<b>/);
  const [confirm, decline] = [...html.matchAll(/formaction="([^"]+)"/g)].map(([, action]) => new URL(action, page).href);
  assert.equal(decline, `${page}/decline`);
  const pressed = await fetch(confirm, {
    method: 'POST', headers: { accept: 'text/html', 'content-type': 'application/x-www-form-urlencoded' }, body: '',
  });
  assert.equal(pressed.status, 200);
  assert.match(await pressed.text(), /is confirmed/);
  assert.equal((await conflict(tenant)).fields[0].outcome, 'source');
  const late = await fetch(decline, { method: 'POST', headers: { accept: 'text/html' } });
  assert.equal(late.status, 410);
  assert.match(await late.text(), /is confirmed/);
});

test('What is no token of ours is unknown, whatever is wrong with it', async () => {
  const tenant = newTenant();
  const { message: { token } } = await waiting(tenant);
  const flipped = (at) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
  const answers = [];
  for (const forged of ['x', 'A'.repeat(76), flipped(0), flipped(10), flipped(30), flipped(50), flipped(75), `${token}A`, token.slice(1)]) {
    answers.push(await ask(forged), await answer(forged, 'confirm'), await answer(forged, 'decline'));
  }
  for (const { status, body } of answers) {
    assert.equal(status, 404);
    assert.deepEqual(body, answers[0].body, 'nothing tells one from another');
  }
  assert.equal((await call(`${w.service.url}/sync/verifications/${token}/confirm`, 'POST', 'x'.repeat(2000))).status, 413);
  assert.equal((await call(`${w.service.url}/sync/verifications/${token}/burn`, 'POST')).status, 401);
  assert.equal((await conflict(tenant)).status, 'open');
});

test('A newer email has a token of its own, and the former is worth nothing', async () => {
  const tenant = newTenant();
  const { message } = await waiting(tenant);
  await w.settled(await w.send(changedUser(tenant, { email_address: 'newer@example.com' })), ['review']);
  const newer = await notifier.message(tenant, 2);
  assert.equal(newer.value, 'newer@example.com');
  assert.equal(newer.id, message.id);
  assertGone(await ask(message.token), 'superseded');
  assertGone(await answer(message.token, 'confirm'), 'superseded');
  assert.equal((await conflict(tenant)).status, 'open');
  assert.equal((await answer(newer.token, 'confirm')).status, 200);
  assertGone(await answer(message.token, 'confirm'), 'superseded');
  await everywhere(tenant, 'newer@example.com');
});

test('The same email said again asks nobody anew, and one that is taken back asks nobody any more', async () => {
  const tenant = newTenant();
  const { message } = await waiting(tenant);
  await w.settled(await w.send(changedUser(tenant, { email_address: 'new@example.com', full_name: 'Asha Iyer' })));
  assert.equal((await ask(message.token)).status, 200);
  await w.sync(changedUser(tenant, { email_address: 'asha@example.com' }));
  assertGone(await answer(message.token, 'confirm'), 'closed');
  await w.idle();
  assert.equal(notifier.taken(tenant).length, 1);
});

test('A person may still decide, and then the token is worth nothing', async () => {
  const tenant = newTenant();
  const { message } = await waiting(tenant);
  const { status } = await w.post(`/sync/conflicts/${message.id}/resolve`, { choice: 'source', reason: 'asked by phone' });
  assert.equal(status, 200);
  assertGone(await answer(message.token, 'decline'), 'closed');
  assert.equal((await conflict(tenant)).resolved_by, 'someone');
  await everywhere(tenant, 'new@example.com');
});

test('Two platforms propose: each holder has a word about their own, and the first that confirms is heard', async () => {
  const proposeTwo = async () => {
    const tenant = newTenant();
    const { message } = await waiting(tenant);
    const { id } = await w.holds('bizosaas', tenant, 'user', {});
    await w.settled(await w.send(event('bizosaas', 'user_updated', tenant, { id, user_email: 'other@example.com' })), ['review']);
    return { tenant, mine: message, other: await notifier.message(tenant, 2) };
  };
  const declined = await proposeTwo();
  assert.equal((await answer(declined.mine.token, 'decline')).body.status, 'declined');
  await w.holds('bizoholic', declined.tenant, 'user', { email: 'asha@example.com' });
  assert.equal((await ask(declined.other.token)).body.status, 'open');
  assert.equal((await answer(declined.mine.token, 'decline')).body.status, 'declined', 'twice is the same as once');
  assertGone(await answer(declined.mine.token, 'confirm'), 'declined');
  assert.equal((await answer(declined.other.token, 'confirm')).body.status, 'confirmed');
  await w.holds('bizoholic', declined.tenant, 'user', { email: 'other@example.com' });
  await w.holds('coreldove', declined.tenant, 'user', { email: 'other@example.com' });

  const confirmed = await proposeTwo();
  assert.equal((await answer(confirmed.mine.token, 'confirm')).body.status, 'confirmed');
  assertGone(await answer(confirmed.other.token, 'confirm'), 'closed');
  await w.holds('bizosaas', confirmed.tenant, 'user', { email: 'new@example.com' });
  await w.holds('coreldove', confirmed.tenant, 'user', { email: 'new@example.com' });
});

test('Both buttons pressed at once, many times: one is heard, and the other is told so', async () => {
  const tenant = newTenant();
  const { message: { token } } = await waiting(tenant);
  const words = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'confirm' : 'decline'));
  const answers = await Promise.all(words.map((word) => answer(token, word)));
  const { fields: [{ outcome }] } = await conflict(tenant);
  const heard = outcome === 'source' ? 'confirm' : 'decline';
  for (const [i, { status, body }] of answers.entries()) {
    assert.equal(status, words[i] === heard ? 200 : 410, JSON.stringify(body));
  }
});

test('A notifier is none of the platforms that hold users', async () => {
  const tenant = newTenant();
  const { status } = await w.post('/sync/users', { user_id: 'u-1', email: 'u1@example.com', name: 'U', tenant_id: tenant });
  assert.ok(status === 200 || status === 201, String(status));
  const { body: { events: [{ event_id: id }] } } = await w.get(`/sync/events?tenant_id=${tenant}`);
  assert.deepEqual(Object.keys(w.results(await w.settled(id))).sort(), ['bizoholic', 'coreldove']);
});

test('What is no address has no holder: a person decides', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.settled(await w.send(changedUser(tenant, { email_address: null })), ['review']);
  assert.equal((await conflict(tenant)).reason, 'a change of email waits for a person');
  await w.idle();
  assert.deepEqual(notifier.taken(tenant), []);
});

test('Nobody can make the notifier write but the service itself', async () => {
  const tenant = newTenant();
  const { message } = await waiting(tenant);
  const { token, link, ...data } = message;
  for (const source of ['bizoholic', 'data-sync', 'notifier']) {
    const { status } = await w.post('/sync/events', event(source, 'verification_created', tenant, data, { target_platforms: ['notifier'] }));
    assert.equal(status, 422, source);
  }
  const told = await w.settled(await w.send(changedUser(tenant, { full_name: 'Asha Iyer' }, { target_platforms: ['notifier', 'coreldove'] })));
  assert.deepEqual(w.results(told), { notifier: 'skipped', coreldove: 'completed' });
  assert.equal(notifier.taken(tenant).length, 1);
});

test('A notifier that is down for a while gets the message when it is back, under the same key', async () => {
  const tenant = newTenant();
  notifier.fail((body) => (body.tenant_id === tenant ? { status: 503 } : undefined));
  await w.sync(newUser(tenant));
  const id = await w.send(changedUser(tenant, { email_address: 'new@example.com', full_name: 'Asha Iyer' }));
  await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  await w.settled(id, ['review']);
  const { body } = await w.get(`/sync/events?tenant_id=${tenant}&event_type=verification_created`);
  const [{ event_id: request }] = body.events;
  await w.settled(request, ['retry']);
  notifier.fail();
  await w.settled(request);
  const message = await notifier.message(tenant);
  const keys = new Set(notifier.calls.filter((one) => one.body.tenant_id === tenant).map(({ key }) => key));
  const tokens = new Set(notifier.calls.filter((one) => one.body.tenant_id === tenant).map((one) => one.body.data.token));
  assert.deepEqual([...keys], [request]);
  assert.equal(tokens.size, 1);
  assert.equal((await answer(message.token, 'confirm')).status, 200);
});

test('A notifier that refuses leaves a dead letter, which tells no token and can be sent again', async () => {
  const tenant = newTenant();
  notifier.fail((body) => (body.tenant_id === tenant ? { status: 400, body: { detail: `bad ${body.data.token}` } } : undefined));
  await w.sync(newUser(tenant));
  await w.settled(await w.send(changedUser(tenant, { email_address: 'new@example.com' })), ['review']);
  const { body: { events: [{ event_id: request }] } } = await w.get(`/sync/events?tenant_id=${tenant}&event_type=verification_created`);
  const dead = await w.settled(request);
  assert.equal(dead.status, 'failed');
  assert.equal(dead.results[0].error_message, 'notifier answered 400');
  notifier.fail();
  assert.equal((await w.post(`/sync/events/${request}/retry`)).status, 200);
  await w.settled(request, ['completed']);
  const { token } = await notifier.message(tenant);
  for (const path of [`/sync/events?tenant_id=${tenant}`, `/sync/events/${request}`, `/sync/conflicts?tenant_id=${tenant}`]) {
    assert.doesNotMatch(JSON.stringify((await w.get(path)).body), new RegExp(token), path);
  }
});

test('What was held, asked or answered outlives the process, and nothing is said twice under two keys', async () => {
  const [unsent, asked, confirmed] = [newTenant(), newTenant(), newTenant()];
  notifier.fail((body) => (body.tenant_id === unsent ? { status: 503 } : undefined));
  const { message: open } = await waiting(asked);
  const { message: decided } = await waiting(confirmed);
  await w.sync(newUser(unsent));
  await w.settled(await w.send(changedUser(unsent, { email_address: 'new@example.com' })), ['review']);
  assert.equal((await answer(decided.token, 'confirm')).status, 200);
  await w.service.signal('SIGKILL');
  notifier.fail();
  await w.service.start();
  await everywhere(confirmed, 'new@example.com');
  assert.equal((await answer(decided.token, 'confirm')).body.status, 'confirmed');
  assert.equal((await answer(open.token, 'decline')).body.status, 'declined');
  const late = await notifier.message(unsent);
  assert.equal((await answer(late.token, 'confirm')).body.status, 'confirmed');
  await everywhere(unsent, 'new@example.com');
  for (const tenant of [unsent, asked, confirmed]) {
    const keys = new Set(notifier.calls.filter(({ body }) => body.tenant_id === tenant).map(({ key }) => key));
    assert.equal(keys.size, 1, tenant);
  }
});

test('Who does not answer in time declines', async () => {
  const tenant = newTenant();
  const past = await productionWorld({ NOTIFIER_URL: notifier.url, ...daysAgo(4) });
  const { message } = await waiting(tenant, 'new@example.com', {}, past);
  assert.equal((await ask(message.token, past)).status, 200);
  await past.service.signal('SIGTERM');
  await past.service.start({ LD_PRELOAD: '' });
  assertGone(await answer(message.token, 'confirm', past), 'expired');
  const expired = await eventually(async () => {
    const found = await conflict(tenant, past);
    return found.status === 'resolved' && found;
  });
  assert.match(expired.resolution_reason, /nobody decided until/);
  assert.equal(expired.fields[0].outcome, 'target');
  await past.holds('bizoholic', tenant, 'user', { email: 'asha@example.com' });
  assertGone(await ask(message.token, past), 'expired');
});

test('Without a notifier a person decides, and the service says so once', async () => {
  const tenant = newTenant();
  const alone = await productionWorld({ LOG_LEVEL: 'info' });
  await alone.sync(newUser(tenant));
  await alone.settled(await alone.send(changedUser(tenant, { email_address: 'new@example.com' })), ['review']);
  const waits = await conflict(tenant, alone);
  assert.equal(waits.reason, 'a change of email waits for a person');
  assert.equal(waits.expires_at, null);
  assert.equal(alone.service.log.match(/a changed user\.email waits for a person.*NOTIFIER_URL/g).length, 1);
  const { body } = await alone.get(`/sync/events?tenant_id=${tenant}`);
  assert.equal(body.total, 2);
});

test('The log tells neither a token nor an address', async () => {
  await w.idle();
  const { log } = w.service;
  assert.ok(log.length > 0);
  assert.doesNotMatch(log, /@example\.com/);
  for (const { body } of notifier.calls) {
    assert.ok(!log.includes(body.data.token));
    assert.ok(!log.includes(body.data.token.slice(0, 40)));
  }
});
