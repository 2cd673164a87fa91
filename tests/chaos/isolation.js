import { setPriority } from 'node:os';

import { percentile } from './table.js';

const kAllowed = 1.10;
const kConfidence = 0.9;
const kPriority = -15;

/**
 * How much the 99th percentile of a time moves when something bad happens beside it.
 *
 * Calm and bad spells alternate on the same processes, and each pair gives one ratio. Their median is the figure: a machine that
 * is busy with other things now and then spoils some spells, of both kinds alike. Its interval comes from the ratios' ranks (a sign
 * test turned round), so it supposes nothing of how times are distributed; below five pairs there is none.
 *
 * @param {{calm: number[], bad: number[]}[]} pairs  times of each pair of spells
 * @returns {{calm: number, bad: number, ratio: number, low: number, high: number, pairs: number}}  median p99s and their ratio;
 *   with 90 % confidence the true one is from `low` to `high`
 */
export function movementOf(pairs) {
  const p99s = pairs.map(({ calm, bad }) => ({ calm: percentile(calm, 0.99), bad: percentile(bad, 0.99) }));
  const ratios = p99s.map(({ calm, bad }) => bad / calm).sort((a, b) => a - b);
  const outside = ranksOutside(pairs.length);
  return {
    calm: median(p99s.map(({ calm }) => calm)),
    bad: median(p99s.map(({ bad }) => bad)),
    ratio: median(ratios),
    low: outside === 0 ? 0 : ratios[outside - 1],
    high: outside === 0 ? Infinity : ratios.at(-outside),
    pairs: pairs.length,
  };
}

/** The greatest k for which the true median lies between the k-th smallest and the k-th greatest of so many, with confidence. */
function ranksOutside(count) {
  let below = 0; // the chance that fewer than k of them lie on one side of it
  let chance = 0.5 ** count;
  for (let k = 0; ; k += 1) {
    below += chance;
    if (2 * below > 1 - kConfidence) return k;
    chance *= (count - k) / (k + 1);
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Words for the table. */
export function noteOf({ calm, bad, ratio, low, high, pairs }) {
  const interval = low === 0 ? 'too few pairs to be sure' : `90 %: ${percent(low)} to ${percent(high)}`;
  return `others' p99 ${calm.toFixed(1)} → ${bad.toFixed(1)} ms, ${percent(ratio)} (${interval}, ${pairs} pairs)`;
}

/** It is a fault only where chance can't explain it: on a busy machine a short run can tell little, and says so by its interval. */
export function isTooMuch({ low }) {
  return low > kAllowed;
}

function percent(ratio) {
  return `${ratio < 1 ? '−' : '+'}${Math.abs((ratio - 1) * 100).toFixed(0)} %`;
}

/** What is started from now on goes before the machine's other work, where that is allowed: that work is not what is measured. */
export function goFirst(stage) {
  try {
    setPriority(0, kPriority);
  } catch (error) {
    if (!['EACCES', 'EPERM'].includes(error.code)) throw error;
    return;
  }
  stage.defer(() => setPriority(0, 0));
}

/**
 * Lets calm and bad spells alternate.
 *
 * @param {import('./stage.js').Stage} stage
 * @param {{spell: (kind: 'calm' | 'bad') => Promise<number[]>, begin?: () => Promise<void>, end?: () => Promise<void>}} what  `spell`
 *   measures one; `begin` and `end` are around the bad ones
 */
export async function measure(stage, { spell, begin = async () => {}, end = async () => {} }) {
  await spell('calm'); // what is new to a process is slow once
  const pairs = [];
  stage.begin();
  while (stage.goesOn) {
    const pair = {};
    const kinds = stage.random.next() < 0.5 ? ['calm', 'bad'] : ['bad', 'calm'];
    for (const kind of kinds) {
      await stage.idle();
      if (kind === 'bad') await begin();
      pair[kind] = await spell(kind);
      if (kind === 'bad') await end();
    }
    stage.faults += 1;
    pairs.push(pair);
  }
  const movement = movementOf(pairs);
  stage.note = noteOf(movement);
  if (isTooMuch(movement)) throw new Error(`others were held up: ${stage.note}`);
}
