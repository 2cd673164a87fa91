/** Which record an event speaks of, where its natural keys are those of several. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { run } from './support/command.js';
import { event, newUser } from './support/events.js';
import { newTenant, world } from './support/world.js';

const w = await world({
  args: ['--config', 'shop.yaml'],
  files: { 'shop.yaml': 'entities:\n  user: {natural_keys: [email, phone]}\n' },
});

/** Asha is known by her address, Ravi by his phone number; bizosaas speaks of somebody who has both. */
async function ambiguous(tenant) {
  const known = { target_platforms: ['coreldove'] };
  await w.sync(newUser(tenant, { phone_number: undefined }, { entity_id: 'asha', ...known }));
  await w.sync(newUser(tenant, { user_id: 'bz-2', full_name: 'Ravi', email_address: 'ravi@example.com', phone_number: '+91 80 5550 0177' },
    { entity_id: 'ravi', ...known }));
  const id = await w.send(event('bizosaas', 'user_created', tenant,
    { id: 'b-9', name: 'Asha R.', email: 'asha@example.com', phone: '+91 80 5550 0177' }));
  await w.settled(id, ['review']);
  const { body } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(body.conflicts.length, 1);
  return { id, conflict: body.conflicts[0] };
}

function resolve(conflict, body) {
  return w.post(`/sync/conflicts/${conflict.conflict_id}/resolve`, { reason: 'asked her', ...body });
}

async function named(tenant, platform) {
  return (await w.state(platform, tenant, 'user')).map(({ canonical }) => canonical.name).sort();
}

test('A person says which of them it is, and then it is that one everywhere', async () => {
  const tenant = newTenant();
  const { id, conflict } = await ambiguous(tenant);
  assert.equal(conflict.conflict_type, 'data_mismatch');
  const [field] = conflict.fields;
  assert.equal(field.field, '_identity');
  assert.deepEqual(field.target_value, ['asha', 'ravi']);
  assert.deepEqual(await named(tenant, 'bizoholic'), []);
  assert.deepEqual(await named(tenant, 'coreldove'), ['Asha Raman', 'Ravi'], 'nobody is told before');
  const { status, body } = await resolve(conflict, { choice: 'target', entity_id: 'asha' });
  assert.equal(status, 200, JSON.stringify(body));
  await w.settled(body.resolution_event_id);
  assert.deepEqual(await named(tenant, 'coreldove'), ['Asha R.', 'Ravi']);
  assert.equal((await w.event(id)).status, 'completed');
  const { body: record } = await w.get(`/sync/records/user/asha?tenant_id=${tenant}`);
  assert.deepEqual(record.absorbed, [conflict.entity_id]);
  assert.equal(record.platforms.bizosaas.id, 'b-9');
});

test('Who is one of their own is told to all once their keys are right', async () => {
  const tenant = newTenant();
  const { conflict } = await ambiguous(tenant);
  await w.settled(await w.send(event('bizosaas', 'user_updated', tenant, { id: 'b-9', email: 'other@example.com', phone: '+91 80 5550 0999' })));
  const { body: { conflicts: [email] } } = await w.get(`/sync/conflicts?tenant_id=${tenant}&status=open`);
  assert.equal(email.fields[0].field, 'email');
  assert.equal((await resolve(conflict, { choice: 'target', entity_id: 'asha' })).status, 409, 'its email waits, too');
  assert.equal((await resolve(email, { choice: 'source' })).status, 200);
  const { status, body } = await resolve(conflict, { choice: 'source' });
  assert.equal(status, 200, JSON.stringify(body));
  await w.settled(body.resolution_event_id);
  assert.deepEqual(await named(tenant, 'coreldove'), ['Asha R.', 'Asha Raman', 'Ravi']);
});

test('A decision that names none of them is refused, and the event waits on, also over a restart', async () => {
  const tenant = newTenant();
  const { id, conflict } = await ambiguous(tenant);
  for (const choice of [{ choice: 'target' }, { choice: 'target', entity_id: 'mira' }, { choice: 'merged', data: { name: 'x' } }]) {
    const { status, body } = await resolve(conflict, choice);
    assert.equal(status, 422, JSON.stringify(body));
    assert.match(JSON.stringify(body), /asha, ravi|\/choice/);
  }
  await w.service.signal('SIGKILL');
  await w.service.start();
  assert.equal((await w.event(id)).status, 'review');
  const { status, body } = await resolve(conflict, { choice: 'target', entity_id: 'ravi' });
  assert.equal(status, 200, JSON.stringify(body));
  await w.settled(body.resolution_event_id);
  assert.deepEqual(await named(tenant, 'coreldove'), ['Asha R.', 'Asha Raman']);
});

test('A replay under other rules decides the same: which one it is, that it is one of its own, a merge and a split', async () => {
  const [first, second, third] = [newTenant(), newTenant(), newTenant()];
  const decided = async (tenant, decision) => {
    const { conflict } = await ambiguous(tenant);
    const { status, body } = await resolve(conflict, decision);
    assert.equal(status, 200, JSON.stringify(body));
    await w.settled(body.resolution_event_id);
  };
  await decided(first, { choice: 'target', entity_id: 'ravi' });
  await decided(second, { choice: 'source' });
  await ambiguous(third);
  for (const verb of ['merge', 'split']) {
    const { status, body } = await w.post(`/sync/records/user/asha/${verb}?tenant_id=${third}`, { other: 'ravi', reason: 'who knows' });
    assert.equal(status, 200, JSON.stringify(body));
    await w.settled(body.event_id);
  }
  // Of the second, CoreLDove has Asha's address in one copy only, and is told again what may be lost of it.
  for (const [tenant, events] of [[first, 4], [second, 5], [third, 6]]) {
    const { code, out, err } = await run(
      ['rules', 'test', '--config', 'shop.yaml', '--since', '1h', '--rules', 'shop.yaml', '--tenant', tenant, '--json'],
      { cwd: w.service.folder },
    );
    assert.equal(code, 0, `${out}${err}`);
    const found = JSON.parse(out);
    assert.deepEqual([found.events, found.now.decisions_not_asked, found.now.waits_for_person], [events, 0, 1], out);
  }
});
