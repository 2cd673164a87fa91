/** Conflict rules of the operator's own, in Lua: they decide, they fail, and they are mended while all runs. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { run } from './support/command.js';
import { eventually, newTenant, world } from './support/world.js';

const kWrongConfiguration = 78;
const kYaml = `
conflict_rules:
  lead:
    fields:
      budget: {strategy: custom_logic, script: budget.lua}
      size: {strategy: custom_logic, script: size.lua}
`;
const kSum = 'function resolve(c)\n  return {value = c.incoming.value + c.golden.value}\nend\n';
const kFailing = 'function resolve(c)\n  return c.incoming.value > nothing\nend\n';

const w = await world({
  args: ['--config', 'shop.yaml'],
  env: { LOG_LEVEL: 'info' },
  files: { 'shop.yaml': kYaml, 'budget.lua': kSum, 'size.lua': kFailing },
});

/** A lead of both platforms, and what bizosaas then says of it without having seen what bizoholic said last. */
async function conflictOver(tenant, first, second, late) {
  const { id } = await w.act('bizoholic', tenant, 'create', 'lead', { contact_name: 'Ravi', ...first }, { target_platforms: ['bizosaas'] });
  await w.holds('bizosaas', tenant, 'lead', first);
  await w.act('bizoholic', tenant, 'update', 'lead', { lead_id: id, ...second }, { target_platforms: ['bizosaas'] });
  const { id: copy } = await w.holds('bizosaas', tenant, 'lead', second);
  const { event_id: event } = await w.act('bizosaas', tenant, 'update', 'lead', { id: copy, ...late }, {
    target_platforms: ['bizoholic'], event: { base_version: 1 },
  });
  return event;
}

/** Writes the rule, has the configuration read again, and waits for what the log then says. */
async function reload(rule, heard) {
  writeFileSync(join(w.service.folder, 'budget.lua'), rule);
  const before = w.service.log.length;
  process.kill(w.service.pid, 'SIGHUP');
  await eventually(() => heard.test(w.service.log.slice(before)), { explain: () => w.service.log });
}

test('A rule may make another value of both, and both platforms get it', async () => {
  const tenant = newTenant();
  const event = await conflictOver(tenant, { budget: 1 }, { budget: 20 }, { budget: 300 });
  assert.equal((await w.settled(event)).status, 'completed');
  await w.holds('bizosaas', tenant, 'lead', { budget: 320 });
  await w.holds('bizoholic', tenant, 'lead', { budget: 320 });
});

test('A rule that fails sends its field to a person with file, line and reason, and the rest goes on', async () => {
  const tenant = newTenant();
  const event = await conflictOver(tenant, { size: 1 }, { size: 2 }, { size: 3, city: 'Pune' });
  await w.settled(event, ['review']);
  await w.holds('bizoholic', tenant, 'lead', { city: 'Pune', size: 2 });
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(body.total, 1, JSON.stringify(body));
  const { body: conflict } = await w.get(`/sync/conflicts/${body.conflicts[0].conflict_id}`);
  assert.equal(conflict.reason, 'size.lua:2: attempt to compare nil with number');
  assert.equal(conflict.fields[0].strategy, 'custom_logic');
});

test('A rule with a mistake is not taken, and the one that runs goes on; a good one is', async () => {
  await reload('function resolve(c)\n  return {value = }\nend\n', /was not taken: shop\.yaml:5: .*script: budget\.lua:2: unexpected symbol near '}'/);
  const one = newTenant();
  await w.settled(await conflictOver(one, { budget: 1 }, { budget: 20 }, { budget: 300 }));
  await w.holds('bizosaas', one, 'lead', { budget: 320 });
  await reload(kSum.replace('+', '-'), /configuration reloaded/);
  await eventually(async () => {
    const two = newTenant();
    await w.settled(await conflictOver(two, { budget: 1 }, { budget: 20 }, { budget: 300 }));
    const [lead] = await w.state('bizosaas', two, 'lead');
    return lead.canonical.budget === 280;
  }, { explain: () => w.service.log });
});

test('`config check` and `serve` refuse a rule with a mistake, and one outside of the folder', async () => {
  const cwd = join(w.service.folder, 'other');
  mkdirSync(cwd);
  writeFileSync(join(cwd, 'shop.yaml'), kYaml.replace('size.lua', '../size.lua'));
  writeFileSync(join(cwd, 'budget.lua'), '\nfunction resolve() while true end\n');
  for (const command of [['serve'], ['config', 'check']]) {
    const { code, err } = await run([...command, '--config', 'shop.yaml'], { cwd, env: { PORT: '0' } });
    assert.equal(code, kWrongConfiguration, err);
    assert.match(err, /shop\.yaml:5: conflict_rules\.lead\.fields\.budget\.script: budget\.lua:2: 'do' expected near 'end'/);
    assert.match(err, /shop\.yaml:6: conflict_rules\.lead\.fields\.size\.script: must be a file in the folder/);
  }
});
