/** The judge of the chaos runs finds what it is there to find: each test makes one thing wrong in a clean run. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { judge } from './checker.js';

const kUpdate = { operation: 'customerUpdate' };

/** Two clients: one of a lead (bizosaas), one of a user (both targets). Each made a record and changed it twice. */
function cleanRun() {
  const told = [];
  for (const [client, targets, from] of [['c1', ['bizosaas'], 0], ['c2', ['coreldove', 'bizosaas'], 5]]) {
    for (const number of [1, 2, 3]) {
      const begun = from + number * 10;
      told.push({ client, id: `${client}-${number}`, record: `${client}-r1`, number, targets, begun_ms: begun, answered_ms: begun + 8 });
    }
  }
  return {
    told,
    histories: {
      bizosaas: [
        call('c1-1', 'c1-r1 n1', { applied_order: 1 }), call('c2-1', 'c2-r1 n1', { applied_order: 2 }),
        call('c1-2', 'c1-r1 n2', { outcome: 'refused' }), call('c1-3', 'c1-r1 n3', { applied_order: 3 }), call('c1-3', 'c1-r1 n3', { outcome: 'replayed' }),
        call('c2-3', 'c2-r1 n3', { applied_order: 4 }),
      ],
      coreldove: [
        call('c2-1', 'c2-r1 n1', { operation: 'customerCreate', applied_order: 1 }),
        call('c2-3', 'c2-r1 n3', { ...kUpdate, applied_order: 2 }), call('c2-3', 'c2-r1 n3', { ...kUpdate, applied_order: 3 }),
      ],
    },
    states: { bizosaas: [held('c1-r1 n3'), held('c2-r1 n3')], coreldove: [held('c2-r1 n3')] },
    marks: [{ what: 'a kill', at_ms: 12, over_ms: 14 }],
    recovering: ['c1', 'c2'],
  };
}

function call(key, mark, more) {
  return { idempotency_key: key, data: { deep: [{ name: `Asha ${mark}` }] }, outcome: 'applied', ...more };
}

function held(mark) {
  return { canonical: { name: `Asha ${mark}` } };
}

test('A clean run has no fault, and its repetitions are counted', () => {
  const { recovery_ms: recovery, ...verdict } = judge(cleanRun());
  assert.deepEqual(verdict, { events: 6, lost: 0, twice: 0, order: 0, duplicates: 2, faults: [] });
  assert.deepEqual(recovery, [16, 11], 'the one that was under way does not count');
});

test('States that come between others may be skipped: the newest goes out', () => {
  const run = cleanRun();
  run.histories.bizosaas = run.histories.bizosaas.filter(({ outcome }) => outcome !== 'refused');
  assert.deepEqual(judge(run).faults, []);
});

test('A recovery is over when what no client sees is whole again, too', () => {
  const run = cleanRun();
  run.marks[0].healed_ms = 30;
  assert.deepEqual(judge(run).recovery_ms, [18, 18]);
  run.marks[0].healed_ms = 25;
  assert.deepEqual(judge(run).recovery_ms, [16, 13]);
});

for (const [what, spoil, figures, expected] of [
  ['a record is missing', ({ states }) => states.bizosaas.pop(), { lost: 3 }, /lost: c2-1 \(number 1\): bizosaas holds nothing/],
  ['a record is missing on one of two targets', ({ states }) => states.coreldove.pop(), { lost: 3 }, /coreldove holds nothing of c2-r1/],
  ['the last change is missing', ({ states }) => { states.bizosaas[0] = held('c1-r1 n2'); }, { lost: 1 }, /lost: c1-3 .*bizosaas holds 2/],
  ['a record is there twice', ({ states }) => states.bizosaas.push(held('c1-r1 n3')), { twice: 1 }, /twice: bizosaas has c1-r1 twice/],
  ['a count is ahead', ({ states }) => { states.bizosaas[0] = held('c1-r1 n4'); }, { twice: 1 }, /holds 4 of c1-r1, 3 was sent/],
  ['a record came from nowhere', ({ states }) => states.bizosaas.push(held('c7-r1 n1')), { twice: 1 }, /c7-r1, nothing was sent/],
  ['a change was applied again under its key', ({ histories }) => {
    histories.bizosaas.push(call('c1-3', 'c1-r1 n3', { applied_order: 5 }));
  }, { twice: 1 }, /twice: bizosaas applied c1-r1 3 again/],
  ['a change was applied again under another key', ({ histories }) => {
    histories.coreldove.push(call('c2-9', 'c2-r1 n3', { ...kUpdate, applied_order: 4 }));
  }, { twice: 1 }, /under c2-3 and c2-9/],
  ['a shop made the same twice', ({ histories }) => { histories.coreldove[2].operation = 'customerCreate'; }, { twice: 1, duplicates: 1 }, /twice: coreldove/],
  ['the order was lost', ({ histories }) => { histories.bizosaas[0].applied_order = 9; }, { order: 1 }, /order: bizosaas got 1 of c1-r1 after 3/],
  ['a client never recovered', (run) => { run.marks[0].over_ms = 31; }, {}, /no recovery: c1 .* after a kill/],
  ['a history is not whole', (run) => { run.forgotten = { bizosaas: 3 }; }, {}, /history of bizosaas has lost 3 calls/],
  ['nothing was acknowledged', (run) => {
    Object.assign(run, { told: [], states: {}, histories: {}, marks: [] });
  }, { events: 0, duplicates: 0 }, /no event was acknowledged/],
]) {
  test(`It is found that ${what}`, () => {
    const run = cleanRun();
    spoil(run);
    const { faults, recovery_ms: _, ...rest } = judge(run);
    assert.ok(faults.some((fault) => expected.test(fault)), JSON.stringify(faults));
    assert.deepEqual(rest, { events: 6, lost: 0, twice: 0, order: 0, duplicates: 2, ...figures });
  });
}
