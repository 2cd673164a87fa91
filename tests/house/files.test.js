/** What holds for every file that we wrote. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ourFiles, read } from './support.js';

const kLinesMax = 600;
// Debts with names: each is to be split along its own seam, and none may join them.
const kStillTooLong = ['src/delivery/connectors/graphql.cc', 'src/storage/store_contract_test.cc'];
const kCode = /\.(cc|h|js|css|html|sh|cmake)$/;

test(`No file of code has more than ${kLinesMax} lines`, () => {
  const long = ourFiles()
    .filter((file) => kCode.test(file) && !kStillTooLong.includes(file))
    .map((file) => [file, read(file).split('\n').length - 1])
    .filter(([, lines]) => lines > kLinesMax);
  assert.deepEqual(long, []);
});

test('Every header is included once, however often it is named', () => {
  const bare = ourFiles().filter((file) => file.endsWith('.h') && !/^#pragma once$/m.test(read(file)));
  assert.deepEqual(bare, []);
});

test('Files are named in snake_case', () => {
  const named = ourFiles().filter((file) => /\.(cc|h|js)$/.test(file));
  assert.deepEqual(named.filter((file) => !/^[a-z0-9_]+(\.[a-z]+)+$/.test(file.split('/').at(-1))), []);
});

test('No test sleeps: it moves the clock, or asks again until a deadline', () => {
  const asleep = ourFiles()
    .filter((file) => file.endsWith('_test.cc'))
    .filter((file) => /\b(sleep_for|sleep_until|usleep)\b/.test(read(file)));
  assert.deepEqual(asleep, []);
});

test('Each fuzz target has inputs to begin with', () => {
  const files = ourFiles();
  const targets = files.map((file) => file.match(/^tests\/fuzz\/(\w+)_fuzz\.cc$/)?.[1]).filter(Boolean);
  assert.ok(targets.length > 0);
  assert.deepEqual(targets.filter((target) => !files.some((file) => file.startsWith(`tests/fuzz/corpus/${target}/`))), []);
});
