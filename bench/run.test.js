/** The command refuses what it does not know, and what it would need and has not got. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const kRun = fileURLToPath(new URL('run.js', import.meta.url));

for (const [words, code, expected] of [
  [['--store', 'tape'], 2, /^there is no store 'tape'$/m],
  [['--bus', 'omnibus'], 2, /^there is no bus 'omnibus'; there are kafka and redis$/m],
  [['--bus', 'kafka'], 1, /there is no server: \.\/dev bench --bus kafka starts one/],
  [['--bus', 'redis'], 1, /there is no server: \.\/dev bench --bus redis starts one/],
  [['--store', 'postgres'], 1, /there is no server: \.\/dev bench --store postgres starts one/],
]) {
  test(`It does not start with ${words.join(' ')} alone`, () => {
    const { status, stderr } = spawnSync(process.execPath, [kRun, ...words], { encoding: 'utf8', env: { PATH: process.env.PATH } });
    assert.equal(status, code, stderr);
    assert.match(stderr, expected);
  });
}
