/** Who is held up by a neighbour is found, and chance is not taken for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isTooMuch, movementOf, noteOf } from './isolation.js';

/** Pairs of spells with these p99s. */
function pairs(...p99s) {
  return p99s.map(([calm, bad]) => ({ calm: [1, calm], bad: [1, bad] }));
}

test('Who is held up in every pair is found, and who is not is not accused', () => {
  const twice = movementOf(pairs([10, 20], [10, 22], [5, 11], [10, 19], [10, 20], [10, 20]));
  assert.ok(isTooMuch(twice), JSON.stringify(twice));
  assert.equal(twice.ratio, 2);
  const same = movementOf(pairs([10, 10], [10, 9], [10, 11], [10, 10.5], [10, 9.9], [10, 10]));
  assert.ok(!isTooMuch(same), JSON.stringify(same));
  assert.match(noteOf(same), /^others' p99 10\.0 → 10\.0 ms, \+0 % \(90 %: −10 % to \+10 %, 6 pairs\)$/);
});

test('A machine that stalls now and then, and too few pairs, prove nothing', () => {
  assert.ok(!isTooMuch(movementOf(pairs([10, 500], [500, 10], [10, 10], [10, 300], [10, 10], [400, 10]))));
  const few = movementOf(pairs([10, 30], [10, 30], [10, 30], [10, 30]));
  assert.ok(!isTooMuch(few));
  assert.match(noteOf(few), /too few pairs/);
});
