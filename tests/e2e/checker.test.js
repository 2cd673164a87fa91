/** The checker of the kill loop finds what it is there to find: each test makes one thing wrong in a clean run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { faultsOf } from './kill/checker.js';

const kEmail = 'w1-r1@example.com';

/** One user, made at bizoholic, whose phone was then changed at bizosaas. */
function cleanRun() {
  const name = 'Asha w1-r1 n1', phone = 'phone w1-r1 n2';
  return {
    holders: { user: ['bizoholic', 'bizosaas'] },
    told: [
      { id: 'e1', platform: 'bizoholic', entity: 'user', record: 'w1-r1', values: { email: kEmail, name } },
      { id: 'e2', platform: 'bizosaas', entity: 'user', record: 'w1-r1', values: { phone } },
      { id: 'e3', platform: 'bizosaas', entity: 'user', record: 'w1-r1', values: { phone: 'phone w1-r1 n3' } },
    ],
    histories: {
      bizoholic: [
        call('e2', 'update', { phone }, { outcome: 'refused' }), call('e2', 'update', { phone }, { applied_order: 1 }),
        call('e3', 'update', { phone: 'phone w1-r1 n3' }, { applied_order: 2 }),
      ],
      bizosaas: [call('e1', 'create', { email: kEmail, name }, { applied_order: 1 })],
    },
    states: {
      bizoholic: [{ canonical: { email: kEmail, name, phone: 'phone w1-r1 n3' } }],
      bizosaas: [{ canonical: { email: kEmail, name, phone: 'phone w1-r1 n3' } }],
    },
  };
}

function call(key, verb, data, more) {
  return { idempotency_key: key, verb, data, outcome: 'applied', ...more };
}

test('A clean run has no fault', () => assert.deepEqual(faultsOf(cleanRun()), []));

test('What others wrote may come under an event of the platform itself', () => {
  const run = cleanRun();
  run.histories.bizosaas.push(call('e2', 'update', { email: kEmail, name: 'Asha w1-r1 n1' }, { applied_order: 2 }));
  assert.deepEqual(faultsOf(run), []);
});

const kAsked = { operation: 'customerUpdate' };
const kByReference = { externalReference: 'r1', input: { lastName: 'n1' } };
const kById = { id: 'c1', input: { lastName: 'n1' } };

test('What was not there under one name may be updated under another', () => {
  const run = cleanRun();
  run.histories.coreldove = [
    call('e1', 'update', kByReference, { ...kAsked, outcome: 'refused' }),
    call('e1', 'create', { input: kById.input }, { operation: 'customerCreate', applied_order: 1 }),
    call('e1', 'update', kById, { ...kAsked, applied_order: 2 }), call('e1', 'update', kById, { ...kAsked, applied_order: 3 }),
  ];
  assert.deepEqual(faultsOf(run), []);
});

for (const [what, spoil, expected] of [
  ['a record is missing', ({ states }) => states.bizosaas.pop(), /lost: bizosaas has no user w1-r1/],
  ['an old value stands', ({ states }) => { states.bizosaas[0].canonical.phone = 'phone w1-r1 n2'; }, /lost or late: phone of w1-r1 on bizosaas/],
  ['a record is there twice', ({ states }) => states.bizosaas.push(states.bizosaas[0]), /bizosaas has w1-r1 twice/],
  ['a record came from nowhere', ({ states }) => states.bizosaas.push({ canonical: { email: 'x@y' } }), /nobody made it/],
  ['the order was lost', ({ histories }) => { histories.bizoholic[1].applied_order = 3; }, /order: bizoholic got phone 2 of w1-r1 after 3/],
  ['a repeat says something else', ({ histories }) => { histories.bizoholic[1].data.phone = 'phone w1-r1 n1'; }, /repeat: bizoholic/],
  ['a repeat says something else of what was not there', ({ histories }) => {
    histories.coreldove = [call('e1', 'update', kByReference, { ...kAsked, outcome: 'refused' }), call('e1', 'update', { id: 'c1', input: {} }, kAsked)];
  }, /repeat: coreldove/],
  ['a repeat goes to another record', ({ histories }) => {
    histories.coreldove = [call('e1', 'update', kById, kAsked), call('e1', 'update', { ...kById, id: 'c2' }, kAsked)];
  }, /repeat: coreldove/],
  ['a platform saw other content under a known key', ({ histories }) => { histories.bizoholic[1].same_content = false; }, /repeat: bizoholic/],
  ['a delivery has no key', ({ histories }) => { histories.bizosaas[0].idempotency_key = null; }, /without an idempotency key/],
  ['a change came back to who made it', ({ histories }) => histories.bizosaas.push(call('e2', 'update', {}, { applied_order: 9 })), /echo: bizosaas/],
  ['a value came back to who wrote it', ({ histories }) => histories.bizosaas.push(call('e1', 'update', { phone: 'phone w1-r1 n3' })), /echo: bizosaas got its own value/],
  ['a history is not whole', (run) => { run.forgotten = { bizosaas: 3 }; }, /has lost 3 calls/],
]) {
  test(`It is found that ${what}`, () => {
    const run = structuredClone(cleanRun());
    spoil(run);
    const faults = faultsOf(run);
    assert.ok(faults.some((fault) => expected.test(fault)), JSON.stringify(faults));
  });
}
