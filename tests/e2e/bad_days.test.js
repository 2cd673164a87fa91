/** Decisions on bad days: a full disk, a process that is killed, platforms that hang or lie. None is lost, doubled or half done. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { afterEach, test } from 'node:test';

import { changedUser } from './support/events.js';
import { decisions, deeds, snapshot } from './support/deeds.js';
import { startNotifier } from './support/notifier.js';
import { eventually, newTenant, world } from './support/world.js';

const notifier = await startNotifier();
/** A world that finds users by these fields. */
function worldBy(keys) {
  return world({
    // So many quick retries that nothing waits for a slow one.
    env: { NOTIFIER_URL: notifier.url, RETRY_ATTEMPTS: '10' },
    args: ['--config', 'keys.yaml'],
    files: { 'keys.yaml': `entities: {user: {natural_keys: [${keys}]}}\n` },
  });
}
const w = await worldBy('email, phone');
const worlds = { email: w, none: await worldBy('') };
const all = deeds(notifier);

/** Each deed in a tenant of its own, ready to be asked for. */
async function prepared() {
  const ready = [];
  for (const { keys = 'email', ask, stands, count = async (...of) => (await decisions(...of)).length, ...deed } of all) {
    const [in_, tenant] = [worlds[keys], newTenant()];
    const about = await deed.prepare(in_, tenant);
    ready.push({
      ...deed, w: in_, tenant, ask: () => ask(in_, tenant, about), stands: () => stands(in_, tenant), count: () => count(in_, tenant),
    });
  }
  for (const each of Object.values(worlds)) await each.idle();
  for (const one of ready) one.before = await one.count();
  return ready;
}

function assertUnavailable({ status, headers, body }, what) {
  assert.equal(status, 503, `${what}: ${JSON.stringify(body)}`);
  assert.match(headers.get('content-type'), /^application\/problem\+json/, what);
  assert.match(headers.get('retry-after') ?? '', /^\d+$/, what);
}

async function assertStands({ w, name, tenant, before, events, open = 0, stands, count }) {
  let fault;
  await eventually(async () => {
    try {
      await stands();
      return true;
    } catch (error) {
      if (error.code !== 'ERR_ASSERTION') throw error;
      fault = error;
      return false;
    }
  }, { deadlineMs: 15_000, explain: () => `${name}: ${fault.message}\n${w.service.log}` });
  await w.idle();
  await stands();
  const made = await decisions(w, tenant);
  assert.equal(await count() - before, events, `${name}: ${JSON.stringify(made)}`);
  for (const { status } of made) assert.equal(status, 'completed', `${name}: ${JSON.stringify(made)}`);
  const { body: { conflicts } } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(conflicts.length, open, `${name}: ${JSON.stringify(conflicts)}`);
}

function limitFiles({ service }, size) {
  execFileSync('prlimit', ['--pid', String(service.pid), `--fsize=${size}:unlimited`]);
}

function well(w) {
  return eventually(async () => (await w.get('/health')).status === 200, { explain: () => w.service.log });
}

// So that one failure is one.
afterEach(async () => {
  for (const each of Object.values(worlds)) {
    if (!each.service.alive) await each.service.start();
    limitFiles(each, 'unlimited');
    await Promise.all(Object.values(each.platforms).map((platform) => platform.behave()));
    await well(each);
  }
});

async function killed() {
  await Promise.all(Object.values(worlds).map(({ service }) => service.signal('SIGKILL')));
}

async function started() {
  await Promise.all(Object.values(worlds).map(({ service }) => service.start()));
}

test('A disk without room refuses each with 503, nothing of it is done, and asked again it is done once', async () => {
  const ready = await prepared();
  for (const one of ready) {
    const was = await snapshot(one.w, one.tenant);
    limitFiles(one.w, 512); // its own transaction is the first that does not fit
    assertUnavailable(await one.ask(), one.name);
    assertUnavailable(await one.ask(), `${one.name}, again`);
    assert.equal(await snapshot(one.w, one.tenant), was, one.name);
    limitFiles(one.w, 'unlimited');
    await well(one.w);
    assert.equal(await snapshot(one.w, one.tenant), was, one.name);
    const { status, body } = await one.ask();
    assert.equal(status, 200, `${one.name}: ${JSON.stringify(body)}`);
  }
  for (const one of ready) await assertStands(one);
  await killed();
  await started();
  for (const one of ready) await assertStands(one);
});

for (const [when, answersMin] of [['at once', 0], ['at the first answer', 1], ['when half of them are answered', all.length / 2]]) {
  test(`Killed ${when}: what was answered stands, and what was not is whole or not there`, async () => {
    const ready = await prepared();
    const { promise: due, resolve: kill } = Promise.withResolvers?.() ?? withResolvers();
    let answered = 0;
    const asked = ready.map(async (one) => {
      const status = await one.ask().then((answer) => answer.status, () => 'cut');
      answered += 1;
      if (answered >= answersMin) kill();
      return status;
    });
    if (answersMin === 0) setImmediate(kill);
    await due;
    await killed();
    const statuses = await Promise.all(asked);
    await started();
    for (const [i, one] of ready.entries()) {
      assert.ok([200, 'cut'].includes(statuses[i]), `${one.name}: ${statuses[i]}`);
      const made = await one.count() - one.before;
      const isWhole = one.name === 'two decisions at once' ? [0, 1, 2] : [0, one.events];
      assert.ok(isWhole.includes(made), `${one.name} is half done: ${made}`);
      if (statuses[i] === 200) assert.equal(made, one.events, `${one.name} was answered`);
      const { status, body } = await one.ask();
      if (made < one.events) assert.equal(status, 200, `${one.name}: ${JSON.stringify(body)}`);
      else assert.ok([200, 409].includes(status), `${one.name}: ${JSON.stringify(body)}`);
    }
    for (const one of ready) await assertStands(one);
  });
}

function withResolvers() {
  const both = {};
  both.promise = new Promise((resolve) => { both.resolve = resolve; });
  return both;
}

for (const [what, rule] of [
  ['hang', { hang: true, count: 1 }],
  ['do it and say nothing', { hang: true, when: 'after', count: 1 }],
  ['answer 500', { status: 500, count: 2 }],
  ['do it and answer with garbage', { garbage: true, when: 'after', count: 2 }],
  ['do it and cut the connection', { drop: true, when: 'after', count: 2 }],
]) {
  test(`Platforms that ${what} are no reason to wait for an answer, and hear of each in the end`, async () => {
    const ready = await prepared();
    for (const { w: { platforms }, tenant } of ready) {
      for (const platform of Object.values(platforms)) await platform.misbehave({ ...rule, match: { tenant_id: tenant } });
    }
    for (const one of ready) {
      const began = performance.now();
      const { status, body } = await one.ask();
      const took = performance.now() - began;
      assert.equal(status, 200, `${one.name}: ${JSON.stringify(body)}`);
      assert.ok(took < 1_500, `${one.name} took ${took} ms`); // REQUEST_TIMEOUT is two seconds
    }
    for (const one of ready) await assertStands(one);
  });
}

test('While a change is on its way nobody merges, says so, and can once it has arrived', async () => {
  const [tenant, merge] = [newTenant(), all.find(({ name }) => name === 'a merge')];
  await merge.prepare(w, tenant);
  await w.bizosaas.misbehave({ hang: true, count: 1, match: { tenant_id: tenant } });
  const calls = (await w.history('bizosaas', tenant)).length;
  const id = await w.send(changedUser(tenant, { full_name: 'Asha Iyer' }, { target_platforms: ['bizosaas'] }));
  await eventually(async () => (await w.history('bizosaas', tenant)).length > calls);
  const refused = await merge.ask(w, tenant);
  assert.equal(refused.status, 409);
  assert.match(refused.body.detail, /is on its way to/);
  await w.settled(id, ['completed']);
  await w.idle();
  assert.equal((await merge.ask(w, tenant)).status, 200);
});

for (const [what, failure] of [['hangs', { hang: true }], ['talks nonsense with a 500', { status: 500, text: '<html>' }]]) {
  test(`A notifier that ${what} gets the same message again, under the same key`, async () => {
    const [tenant, { name, events, prepare, ask, stands }] = [newTenant(), all.find((one) => one.name === 'a confirmation')];
    let left = 2;
    notifier.fail((body) => {
      if (body.tenant_id !== tenant || left === 0) return undefined;
      left -= 1;
      return failure;
    });
    const token = await prepare(w, tenant);
    notifier.fail();
    const calls = notifier.calls.filter(({ body }) => body.tenant_id === tenant);
    assert.equal(calls.length, 3);
    assert.equal(new Set(calls.map(({ key, body }) => `${key} ${body.data.token}`)).size, 1);
    assert.equal((await ask(w, tenant, token)).status, 200);
    await assertStands({
      w, name, tenant, before: 0, events, stands: () => stands(w, tenant), count: async () => (await decisions(w, tenant)).length,
    });
  });
}
