/** The last line of `./dev test` counts what CTest reported, and no failure gets lost in the sum. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';

import { root } from './support.js';

function countOf(...cases) {
  const report = `<testsuite>\n${cases.map(([status, output]) => `<testcase name="x" status="${status}">\n`
    + `<system-out>${output}</system-out>\n</testcase>`).join('\n')}\n</testsuite>\n`;
  return execFileSync('awk', ['-f', join(root, 'scripts/count_cases.awk')], { input: report, encoding: 'utf8' }).trim();
}

const kTenPassed = ['run', '[==========] 10 tests ran.\n[  PASSED  ] 10 tests.\n'];
const kOnePassed = ['run', '[  PASSED  ] 1 test.\n'];
const kTwoFailed = ['fail', '[  PASSED  ] 8 tests.\n[  FAILED  ] 2 tests, listed below:\n[  FAILED  ] A.B\n[  FAILED  ] A.C\n 2 FAILED TESTS'];

for (const [what, cases, expected] of [
  ['the cases of all programs', [kTenPassed, kOnePassed], '11 0'],
  ['the failed ones apart', [kTenPassed, kTwoFailed], '18 2'],
  ['a program without cases as one', [['run', 'ok']], '1 0'],
  ['a program that died as one failure', [['fail', '==1==ERROR: AddressSanitizer']], '0 1'],
  ['a program that could not be run as one failure', [['notrun', '']], '0 1'],
  ['nothing as nothing', [], '0 0'],
]) {
  test(`It counts ${what}`, () => assert.equal(countOf(...cases), expected));
}
