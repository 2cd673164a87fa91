/** A scenario that proves nothing fails, and the table says what happened. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { play } from './play.js';
import { scenarios } from './scenarios.js';
import { percentile, tableOf } from './table.js';

const logs = mkdtempSync(join(tmpdir(), 'data-sync-chaos-'));
after(() => rmSync(logs, { recursive: true, force: true }));
const kRun = fileURLToPath(new URL('run.js', import.meta.url));

function played(run, signal) {
  return play({ name: 'made-up', line: '', run }, { seed: 1, seconds: 1, logs, signal });
}

function verdict(more) {
  return { events: 1_234, lost: 0, twice: 0, order: 0, duplicates: 5, recovery_ms: [10, 20, 900], faults: [], ...more };
}

for (const [what, run, expected] of [
  ['makes no fault', async (stage) => { stage.verdict = verdict(); }, /no fault was made/],
  ['is not judged', async (stage) => { stage.faults = 1; }, /nothing was judged/],
  ['breaks off', async () => { throw new Error('the disk can not be filled'); }, /the disk can not be filled/],
  ['can not tidy up', async (stage) => {
    Object.assign(stage, { verdict: verdict(), faults: 1 });
    stage.defer(() => { throw new Error('it does not end'); });
  }, /it does not end/],
  ['lost something', async (stage) => { Object.assign(stage, { verdict: verdict({ lost: 1, faults: ['lost: e1'] }), faults: 1 }); }, /lost: e1/],
]) {
  test(`A scenario that ${what} has failed, and its logs stay`, async () => {
    const row = await played(run);
    assert.match(row.problems.join('\n'), expected);
    assert.match(tableOf([row]), /FAILED/);
    assert.ok(existsSync(row.folder));
  });
}

test('One that went well leaves no logs, and has its figures in the table', async () => {
  const row = await played(async (stage) => { Object.assign(stage, { verdict: verdict(), faults: 3, note: 'all cut' }); });
  assert.deepEqual(row.problems, []);
  assert.ok(!existsSync(row.folder));
  assert.match(tableOf([row]).split('\n').at(-1), /^\| made-up +\| +3 \| +1,234 \| +0 \| +0 \| +0 \| +5 \| +20 ms \| +900 ms \| all cut +\|$/);
});

test('One that is broken off tidies up, too', async () => {
  const interrupted = new AbortController();
  const ended = [];
  const row = await played(async (stage) => {
    stage.defer(() => ended.push('server'));
    interrupted.abort();
    await new Promise(() => {});
  }, interrupted.signal);
  assert.match(row.problems.join('\n'), /broken off/);
  assert.deepEqual(ended, ['server']);
});

test('What was started is ended in the opposite order, also after a failure', async () => {
  const ended = [];
  await played(async (stage) => {
    for (const name of ['server', 'service']) {
      stage.defer(() => {
        ended.push(name);
        throw new Error('it does not end');
      });
    }
    throw new Error('broken');
  });
  assert.deepEqual(ended, ['service', 'server']);
});

test('Each scenario has a name of its own and a line about it', () => {
  assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  for (const { name, line, run } of scenarios) {
    assert.match(name, /^[a-z0-9-]+$/);
    assert.match(line, /^[A-Z].*[.?]$/);
    assert.equal(typeof run, 'function');
  }
});

test('The command refuses what it does not know', () => {
  for (const words of [['no-such'], ['--seed', 'x'], ['--unknown']]) {
    const { status, stderr } = spawnSync(process.execPath, [kRun, ...words], { encoding: 'utf8' });
    assert.equal(status, 2, stderr);
    assert.match(stderr, /^\.\/dev chaos: /);
  }
});

test('Percentiles are of the values that there are', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assert.deepEqual([percentile(hundred, 0.5), percentile(hundred, 0.99), percentile([7], 0.99), percentile([], 0.5)], [51, 100, 7, undefined]);
});
