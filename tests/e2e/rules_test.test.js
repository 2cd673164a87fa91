/** `data-sync rules test`: the stored history under other rules, beside the service that runs. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { run } from './support/command.js';
import { changedUser, event, newLead, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const [kSame, kDiffers, kUsage, kNobody, kWrong] = [0, 1, 2, 69, 78];
const w = await world();
const kSourceWins = 'conflict_rules:\n  user:\n    fields:\n      name: source_wins\n';

/** Runs `data-sync rules …` where the service runs, with these files beside. */
async function rules(words, files = {}, env = {}) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(w.service.folder, name), text);
  return run(['rules', ...words], { cwd: w.service.folder, env });
}

/** The same, as a program reads it. */
async function tested(tenant, yaml, code, more = []) {
  const { code: ended, out, err } = await rules(['test', '--since', '1h', '--rules', 'new.yaml', '--tenant', tenant, '--json', ...more], { 'new.yaml': yaml });
  assert.equal(ended, code, `${out}${err}`);
  return JSON.parse(out);
}

/** A user whom bizoholic has renamed, and what bizosaas says without having seen that: the later one has won. */
async function conflicting(tenant) {
  await w.sync(newUser(tenant));
  await w.sync(changedUser(tenant, { full_name: 'Asha Iyer' }));
  const copy = await w.holds('bizosaas', tenant, 'user', { name: 'Asha Iyer' });
  const late = event('bizosaas', 'user_updated', tenant, { user_id: copy.id, user_name: 'A. Raman' }, { base_version: 1, occurred_at: '2020-01-01T00:00:00Z' });
  await w.settled(await w.send(late));
  const { event: last } = await w.sync(changedUser(tenant, { phone_number: '+91 80 5550 0111' }));
  return last;
}

test('Under the rules that run nothing differs', async () => {
  const tenant = newTenant();
  await conflicting(tenant);
  const found = await tested(tenant, 'conflict_rules: {user: {fields: {name: latest_wins}}}\n', kSame);
  assert.deepEqual([found.differs, found.events, found.records, found.records_differ, found.deliveries_differ], [false, 4, 1, 0, 0]);
  assert.ok(found.now.deliveries >= 6, JSON.stringify(found));
  assert.deepEqual(found.now, found.proposed);
});

test('Under another strategy: which records and deliveries differ, by field and platform, with examples', async () => {
  const tenant = newTenant();
  await conflicting(tenant);
  const found = await tested(tenant, kSourceWins, kDiffers, ['--show-values']);
  assert.deepEqual([found.records_differ, found.records_by_field], [1, { 'user.name': 1 }]);
  const [record] = found.record_examples;
  assert.deepEqual([record.tenant_id, record.fields], [tenant, [{ field: 'name', now: 'Asha Iyer', proposed: 'A. Raman' }]]);
  assert.ok(found.deliveries_by_platform.bizoholic >= 1, JSON.stringify(found));
  assert.ok(found.delivery_examples.some(({ target_platform: target, fields }) => target === 'bizoholic' && fields.some(({ field, proposed }) => field === 'full_name' && proposed === 'A. Raman')), JSON.stringify(found));
  assert.equal((await w.get(`/sync/events?tenant_id=${tenant}`)).body.total, 4, 'nothing was stored');
});

test('Values are personal: without --show-values nobody reads them', async () => {
  const tenant = newTenant();
  await conflicting(tenant);
  for (const more of [[], ['--json']]) {
    const { code, out, err } = await rules(['test', '--since', '1h', '--rules', 'new.yaml', '--tenant', tenant, ...more], { 'new.yaml': kSourceWins });
    assert.equal(code, kDiffers, err);
    assert.doesNotMatch(out + err, /Asha|Raman|asha@/);
    assert.match(out, /\(a text\)/);
  }
  const { out } = await rules(['test', '--since', '1h', '--rules', 'new.yaml', '--tenant', tenant, '--show-values']);
  assert.match(out, /^4 events since .*about 1 records$/m);
  assert.match(out, /^deliveries +\d+ +\d+$/m);
  assert.match(out, /^1 records differ, by field:\n +1 {2}user\.name$/m);
  assert.match(out, new RegExp(`user \\S+ of ${tenant}\\n    name: "Asha Iyer" -> "A\\. Raman"`));
});

test('Records from before begin as they were, and later events find them by the ids that platforms gave', async () => {
  const tenant = newTenant();
  await conflicting(tenant);
  const { created_at: since } = (await w.get(`/sync/events?tenant_id=${tenant}&limit=1`)).body.events[0];
  const { code, out, err } = await rules(['test', '--since', since, '--rules', 'new.yaml', '--tenant', tenant, '--json', '--show-values'], { 'new.yaml': kSourceWins });
  assert.equal(code, kSame, `${out}${err}`);
  assert.equal(JSON.parse(out).events, 1);
  const found = await tested(tenant, 'conflict_rules: {user: {fields: {phone: {review: every_change}}}}', kDiffers, ['--show-values']);
  assert.deepEqual([found.now.waits_for_person, found.proposed.waits_for_person], [0, 1]);
  assert.deepEqual(found.record_examples[0].fields, [{ field: 'phone', now: '+91 80 5550 0111', proposed: '+91 80 5550 0100' }]);
});

test('What a person decided is decided again; a question that is asked no more is answered by nobody', async () => {
  const tenant = newTenant();
  await w.sync(newUser(tenant));
  await w.settled(await w.send(changedUser(tenant, { email_address: 'new@example.com' })), ['review']);
  const { body: { conflicts: [conflict] } } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  const { status } = await w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { choice: 'source', reason: 'asked' });
  assert.equal(status, 200);
  await w.holds('bizosaas', tenant, 'user', { email: 'new@example.com' });
  const same = await tested(tenant, 'entities: {}', kSame);
  assert.deepEqual([same.events, same.now.waits_for_person, same.now.decisions_not_asked], [3, 1, 0]);
  const open = await tested(tenant, 'conflict_rules: {user: {fields: {email: {strategy: source_wins, review: null}}}}', kDiffers);
  assert.deepEqual([open.proposed.waits_for_person, open.proposed.decisions_not_asked, open.records_differ], [0, 1, 0]);
});

test('A rule in Lua beside the proposal, and a mapping', async () => {
  const tenant = newTenant();
  await conflicting(tenant);
  writeFileSync(join(w.service.folder, 'both.lua'), 'function resolve(c) return {value = c.incoming.value .. "/" .. c.golden.value} end');
  const found = await tested(tenant, 'conflict_rules: {user: {fields: {name: {strategy: custom_logic, script: both.lua}}}}', kDiffers, ['--show-values']);
  assert.equal(found.record_examples[0].fields[0].proposed, 'A. Raman/Asha Iyer');
  const mapped = await tested(tenant, 'platforms: {bizosaas: {entities: {user: {fields: {user_phone: null, mobile: phone}}}}}', kDiffers);
  assert.deepEqual(mapped.deliveries_by_field, { 'bizosaas user.mobile': 2, 'bizosaas user.user_phone': 2 });
  assert.equal(mapped.records_differ, 0);
});

test('A whole configuration in place of another', async () => {
  const tenant = newTenant();
  await conflicting(tenant);
  const words = ['test', '--since', '1h', '--proposed-config', 'whole.yaml', '--tenant', tenant, '--json'];
  const { code, out, err } = await rules(words, { 'whole.yaml': `${kSourceWins}settings: {log_level: info}\n` });
  assert.equal(code, kDiffers, err);
  assert.equal(JSON.parse(out).records_differ, 1);
});

test('What a target never got it does not hold', async () => {
  const tenant = newTenant();
  await w.bizosaas.misbehave({ status: 400, match: { tenant_id: tenant } });
  await w.settled(await w.send(newLead(tenant)), ['failed']);
  await w.bizosaas.behave();
  const { event: late } = await w.sync(event('bizoholic', 'lead_updated', tenant, { lead_id: 'lead-1', lead_score: 50 }, { target_platforms: ['bizosaas'] }));
  assert.ok(late);
  const found = await tested(tenant, 'entities: {}', kSame);
  assert.deepEqual([found.events, found.now.deliveries], [2, 2]);
});

test('The service goes on meanwhile, and nothing is left behind', async () => {
  const tenant = newTenant();
  await conflicting(tenant);
  const before = readdirSync(join(w.service.folder, 'data')).sort();
  const [told] = await Promise.all([
    rules(['test', '--since', '1h', '--rules', 'new.yaml', '--json'], { 'new.yaml': kSourceWins }, { TMPDIR: w.service.folder }),
    ...Array.from({ length: 20 }, (_, i) => w.send(newLead(newTenant(), { lead_id: `l-${i}`, contact_email: `${i}@example.com` }))),
  ]);
  assert.equal(told.code, kDiffers, told.err);
  assert.deepEqual(readdirSync(join(w.service.folder, 'data')).sort(), before);
  assert.deepEqual(readdirSync(w.service.folder).filter((name) => name.startsWith('data-sync-')), []);
  await w.sync(changedUser(tenant, { full_name: 'Still well' }));
});

test('What is wrong is told with the way out', async () => {
  const refused = async (words, code, message, files) => {
    const { code: ended, out, err } = await rules(words, files);
    assert.equal(ended, code, `${words}: ${out}${err}`);
    assert.match(err, message);
    assert.equal(out, '');
  };
  await refused(['test', '--rules', 'new.yaml'], kUsage, /--since/);
  await refused(['test', '--since', '1h'], kUsage, /--rules or --proposed-config/);
  await refused(['test', '--since', 'yesterday', '--rules', 'new.yaml'], kUsage, /yesterday/);
  await refused(['test', '--since', '1h', '--rules', 'nowhere.yaml'], kWrong, /nowhere\.yaml: can't be read/);
  const bad = { 'bad.yaml': 'conflict_rules:\n  user:\n    fields:\n      name: sorce_wins\n' };
  await refused(['test', '--since', '1h', '--rules', 'bad.yaml'], kWrong, /bad\.yaml:4: conflict_rules\.user\.fields\.name: is none of .*did you mean `source_wins`/, bad);
  await refused(['check', 'bad.yaml'], kWrong, /bad\.yaml:4: /, bad);
  await refused(['check', 'address.yaml'], kWrong, /connection: is no part of a proposal/, { 'address.yaml': 'platforms: {bizosaas: {connection: {address: "http://x"}}}' });
  const { code, out } = await rules(['check', 'new.yaml'], { 'new.yaml': kSourceWins });
  assert.deepEqual([code, out], [0, 'what is proposed holds\n']);
  const elsewhere = await rules(['test', '--since', '1h', '--rules', 'new.yaml'], {}, { DATABASE_URL: 'sqlite:///nowhere/none.db' });
  assert.equal(elsewhere.code, kNobody);
  assert.match(elsewhere.err, /there is no database at nowhere\/none\.db; DATABASE_URL/);
});
