/** What would become of an event under rules or a mapping that are not in force, and what they would change. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedUser, event, newUser } from './support/events.js';
import { kKey, tokenOf } from './support/tokens.js';
import { newTenant, world } from './support/world.js';

const kRule = 'function resolve(c)\n  return {value = c.incoming.value .. " " .. c.golden.value}\nend\n';
const w = await world({
  env: { ENVIRONMENT: 'production', JWT_SECRET: kKey, BIZOHOLIC_API_KEY: 'key-that-nobody-sees' },
  args: ['--config', 'shop.yaml'],
  files: { 'shop.yaml': 'conflict_rules: {lead: {fields: {city: latest_wins}}}\n', 'both.lua': kRule, 'hidden.txt': 'x' },
  tokens: { bizoholic: 'key-that-nobody-sees' },
});
// Others' calls of the world go without a token.
const as = (...roles) => ({ authorization: `Bearer ${tokenOf({ tenant_id: '*', roles: ['admin', ...roles] })}` });
w.post = ((post) => (path, body, headers) => post.call(w, path, body, { ...as(), ...headers }))(w.post);
w.get = async (path) => {
  const answer = await fetch(`${w.service.url}${path}`, { headers: as() });
  return { status: answer.status, body: await answer.json() };
};

async function preview(told, proposal) {
  const { status, body } = await w.post('/sync/preview', { ...told, proposal });
  assert.equal(status, 200, JSON.stringify(body));
  return body;
}

async function refused(told, proposal) {
  const { status, body } = await w.post('/sync/preview', { ...told, proposal });
  assert.equal(status, 422, JSON.stringify(body));
  return body.errors;
}

/** A user whom bizoholic has renamed, and what bizosaas says without having seen that. */
async function lateChange(tenant) {
  await w.sync(newUser(tenant));
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  const copy = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  return event('bizosaas', 'user_updated', tenant, { user_id: copy.id, user_name: 'A. Raman' }, { base_version: 1, occurred_at: '2020-01-01T00:00:00Z' });
}

const about = (body, what, target) => body.differences
  .filter((one) => one.what === what && one.target_platform === target)
  .map(({ field, now, proposed }) => [field, now, proposed]);

test('A proposed rule, pasted as YAML: who would win, and what that changes on every platform', async () => {
  const late = await lateChange(newTenant());
  const yaml = '# to be tried\nconflict_rules:\n  user:\n    fields:\n      name: source_wins\n';
  const body = await preview(late, yaml);
  assert.deepEqual(body.record.changes, [{ field: 'name', before: 'Asha Iyer', after: 'A. Raman' }]);
  assert.deepEqual(about(body, 'record'), [['name', 'Asha Iyer', 'A. Raman']]);
  assert.equal(about(body, 'conflict')[0][1].strategy, 'latest_wins');
  assert.deepEqual([about(body, 'conflict')[0][2].strategy, about(body, 'conflict')[0][2].outcome], ['source_wins', 'source']);
  assert.deepEqual(about(body, 'delivery', 'bizoholic').find(([field]) => field === 'full_name'), ['full_name', null, 'A. Raman']);
  // Our own word may have landed on top of what it said so late, so it hears the outcome in any case.
  assert.deepEqual(about(body, 'delivery', 'bizosaas').find(([field]) => field === 'user_name'), ['user_name', 'Asha Iyer', 'A. Raman']);
  // Nothing of it is in force.
  assert.deepEqual((await preview(late)).record.changes, []);
  assert.ok(!('differences' in await preview(late)));
  assert.deepEqual((await preview(late, {})).differences, []);
});

test('The same words as JSON; what they do not change does not differ', async () => {
  const tenant = newTenant();
  const body = await preview(newUser(tenant), { conflict_rules: { user: { fields: { name: 'source_wins' } } } });
  assert.deepEqual(body.differences, []);
  assert.equal(body.record.exists, false);
  assert.equal((await w.get(`/sync/events?tenant_id=${tenant}`)).body.total, 0);
});

test('A proposed mapping: the field has another name there, and nowhere else', async () => {
  const body = await preview(newUser(newTenant()), 'platforms: {bizosaas: {entities: {user: {fields: {user_phone: null, mobile: phone}}}}}');
  assert.deepEqual(body.differences.map(({ what, target_platform: target, field, now, proposed }) => [what, target, field, now, proposed]), [
    ['delivery', 'bizosaas', 'mobile', null, '+91 80 5550 0100'],
    ['delivery', 'bizosaas', 'user_phone', '+91 80 5550 0100', null],
  ]);
  const sent = body.results.find(({ target_platform: name }) => name === 'bizosaas').request.body.data;
  assert.equal(sent.mobile, '+91 80 5550 0100');
});

test('An event that only the proposal knows', async () => {
  const told = event('bizoholic', 'invoice_created', newTenant(), { id: 'i-1', number: 7 }, { target_platforms: ['bizosaas'] });
  const body = await preview(told, 'entities: {invoice: {}}');
  const [difference] = body.differences.filter(({ what }) => what === 'event');
  assert.equal(difference.now.status, 'refused');
  assert.match(difference.now.message, /event_type/);
  assert.equal(body.status, difference.proposed.status);
});

test('A rule in Lua: a file beside the configuration, or a text in the proposal', async () => {
  const late = await lateChange(newTenant());
  const rule = (script, more) => ({ conflict_rules: { user: { fields: { name: { strategy: 'custom_logic', script } } } }, ...more });
  assert.equal((await preview(late, rule('both.lua'))).record.changes[0].after, 'A. Raman Asha Iyer');
  const inline = rule('mine.lua', { scripts: { 'mine.lua': 'function resolve(c) return {value = "Ms " .. c.golden.value} end' } });
  assert.equal((await preview(late, inline)).record.changes[0].after, 'Ms Asha Iyer');
  const endless = rule('mine.lua', { scripts: { 'mine.lua': 'function resolve(c) while true do end end' } });
  const body = await preview(late, endless);
  assert.equal(body.status, 'review');
  // Which of the two limits is met first depends on the machine's load.
  assert.match(body.conflicts[0].reason, /mine\.lua:1: took (more than 100000 steps|longer than 10 ms)/);
});

test('What is wrong with a proposal is told with its place and the way out, without its values', async () => {
  const told = newUser(newTenant());
  const errors = await refused(told, { conflict_rules: { user: { fields: { name: 'sorce_wins', 'a.b': { strategy: 'hunter2' } } } }, platfroms: {} });
  assert.deepEqual(errors.map(({ pointer }) => pointer).sort(), ['/proposal/platfroms']);
  assert.match(errors[0].detail, /did you mean `platforms`/);
  const rules = await refused(told, { conflict_rules: { user: { fields: { name: 'sorce_wins', 'a.b': { strategy: 'hunter2' } } } } });
  assert.deepEqual(rules.map(({ pointer }) => pointer).sort(), ['/proposal/conflict_rules/user/fields/a.b/strategy', '/proposal/conflict_rules/user/fields/name']);
  assert.match(JSON.stringify(rules), /is none of latest_wins, .*did you mean `source_wins`/);
  assert.doesNotMatch(JSON.stringify(rules), /hunter2|sorce/);
  const [yaml] = await refused(told, 'conflict_rules:\n  user:\n    fields:\n      name: nobody_wins\n');
  assert.equal(yaml.pointer, '/proposal');
  assert.match(yaml.detail, /^proposal:4: conflict_rules\.user\.fields\.name: is none of/);
  assert.match((await refused(told, 'conflict_rules: [')) [0].detail, /^proposal:\d+: /);
  assert.match((await refused(told, 7))[0].detail, /must be the words of a configuration/);
  assert.match((await refused(told, 'x'.repeat(140_000)))[0].detail, /at most 128 KiB/);
  assert.match((await refused(told, { conflict_rules: { user: { fields: { name: { strategy: 'custom_logic', script: '../hidden.lua' } } } } }))[0].detail, /in the folder of the configuration/);
  assert.match((await refused(told, { scripts: { 'a.lua': 'function resolve(' }, conflict_rules: { user: { fields: { name: { strategy: 'custom_logic', script: 'a.lua' } } } } }))[0].detail, /a\.lua:1: /);
  assert.match((await refused(told, `conflict_rules: ${'['.repeat(100_000)}`))[0].detail, /proposal:/);
});

test('Of thousands of faults the first hundred are told, and how many more there are', async () => {
  const fields = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`field${i}`, 'x']));
  const errors = await refused(newUser(newTenant()), { conflict_rules: { user: { fields } } });
  assert.equal(errors.length, 101);
  assert.equal(errors[0].pointer, '/proposal/conflict_rules/user/fields/field0');
  assert.deepEqual(errors.at(-1), { pointer: '/proposal', detail: 'and 4900 more' });
});

test('A proposal names no address and reads no secret', async () => {
  const told = newUser(newTenant());
  for (const proposal of [
    { platforms: { bizosaas: { connection: { address: 'http://127.0.0.1:1/${JWT_SECRET}' } } } },
    'platforms: {bizosaas: {connection: {address: "http://127.0.0.1:1"}}}',
    { platforms: { bizosaas: { locale: '${JWT_SECRET}' } } },
    { entities: { user: { create_defaults: { note: '${BIZOHOLIC_API_KEY}' } } } },
  ]) {
    const errors = await refused(told, proposal);
    assert.match(errors[0].detail, /is no part of a proposal|reads no variables/, JSON.stringify(errors));
    assert.ok(!JSON.stringify(errors).includes(kKey));
  }
});

test('A proposal runs code, so a viewer has none; a plain preview is for all', async () => {
  const told = newUser('acme');
  const viewer = { authorization: `Bearer ${tokenOf({ roles: ['viewer'] })}` };
  assert.equal((await w.post('/sync/preview', told, viewer)).status, 200);
  const { status, body } = await w.post('/sync/preview', { ...told, proposal: {} }, viewer);
  assert.deepEqual([status, /roles/.test(body.detail)], [403, true]);
  assert.equal((await w.post('/sync/preview', { ...told, proposal: {} }, { authorization: `Bearer ${tokenOf({ roles: ['operator'] })}` })).status, 200);
  assert.equal((await w.post('/sync/preview', { ...told, tenant_id: 'others', proposal: {} }, { authorization: `Bearer ${tokenOf({ roles: ['operator'] })}` })).status, 404);
});
