/**
 * The dependency law bites. Each test builds a little house in a temporary folder under the real `cmake/Rooms.cmake`,
 * breaks the law once, and expects CMake to refuse. The rooms have no sources, so no compiler is needed.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import { ourFiles, read, rooms, root } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'data-sync-house-'));
after(() => rmSync(folder, { recursive: true }));
let houses = 0;

const kLawful = {
  'base/CMakeLists.txt': 'datasync_room(NAME base FLOOR 0)',
  'net/CMakeLists.txt': 'datasync_room(NAME net FLOOR 2 ROOMS base)',
  'bus/CMakeLists.txt': 'datasync_room(NAME bus FLOOR 2 ROOMS base)',
  'base/result.h': '',
  'net/server.h': '#include "base/result.h"\n',
};
const kOrder = ['base', 'net', 'bus'];

/** Configures a house of these files in src/, and returns CMake's exit code and words, on one line. */
function configure(files, order = kOrder) {
  const house = join(folder, String(houses += 1));
  const all = {
    ...Object.fromEntries(Object.entries({ ...kLawful, ...files }).map(([path, text]) => [`src/${path}`, text])),
    'cmake/Rooms.cmake': read('cmake/Rooms.cmake'),
    'src/CMakeLists.txt': order.map((room) => `add_subdirectory(${room})`).join('\n'),
    'CMakeLists.txt': `
      cmake_minimum_required(VERSION 3.25)
      project(house LANGUAGES NONE)
      include(cmake/Rooms.cmake)
      add_subdirectory(src)
      check_rooms()`,
  };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(house, path)), { recursive: true });
    writeFileSync(join(house, path), text);
  }
  const { status, stderr } = spawnSync('cmake', ['-S', house, '-B', join(house, 'build')], { encoding: 'utf8' });
  return { status, words: stderr.replace(/\s+/g, ' ') };
}

function assertRefused({ status, words }, expected) {
  assert.notEqual(status, 0, 'CMake accepted it');
  assert.match(words, expected);
}

test('A lawful house stands', () => {
  const { status, words } = configure({});
  assert.equal(status, 0, words);
});

test('A room may not use a higher floor', () => {
  assertRefused(
    configure({
      'base/CMakeLists.txt': 'datasync_room(NAME base FLOOR 0 ROOMS net)',
      'net/CMakeLists.txt': 'datasync_room(NAME net FLOOR 2)',
    }, ['net', 'base', 'bus']),
    /room 'base' \(floor 0\) must not use 'net' \(floor 2\): only lower floors/,
  );
});

test('A room may not use its own floor', () => {
  assertRefused(
    configure({ 'bus/CMakeLists.txt': 'datasync_room(NAME bus FLOOR 2 ROOMS base net)' }),
    /room 'bus' \(floor 2\) must not use 'net' \(floor 2\)/,
  );
});

test('A room may not use what is no room', () => {
  assertRefused(
    configure({ 'bus/CMakeLists.txt': 'datasync_room(NAME bus FLOOR 2 ROOMS utils)' }),
    /room 'bus' uses 'utils', which is no room yet/,
  );
});

for (const [what, file, text] of [
  ['a header', 'base/log.h', '#include "net/server.h"\n'],
  ['a source', 'base/log.cc', '#include "base/result.h"\n#include "net/server.h"\n'],
  ['a test', 'base/log_test.cc', '#include "net/server.h"\n'],
  ['a header of a sub-folder', 'bus/embedded/queue.h', '#include "net/server.h"\n'],
]) {
  test(`An include of an undeclared room is refused in ${what}`, () => {
    assertRefused(configure({ [file]: text }), /does not declare 'net'/);
  });
}

/** The law reads only lines that begin `#include "room/`. So no include of a room may be written in another way. */
function evades(line) {
  return /^\s*#\s*include\b/.test(line)
    && (/["<]\.\.?\//.test(line) || (rooms().some((room) => new RegExp(`["<]${room}/`).test(line)) && !/^#include "/.test(line)));
}

for (const line of ['#include <net/server.h>', '#  include "net/server.h"', '  #include "net/server.h"', '#include "../net/server.h"']) {
  test(`\`${line}\` would evade the law`, () => assert.ok(evades(line)));
}
for (const line of ['#include "net/server.h"', '#include <boost/asio.hpp>', '#include <net.h>']) {
  test(`\`${line}\` would not`, () => assert.ok(!evades(line)));
}

test('No include in src/ evades the law', () => {
  const evasions = ourFiles()
    .filter((file) => /^src\/.*\.(h|cc)$/.test(file))
    .flatMap((file) => read(file).split('\n').filter(evades).map((line) => `${file}: ${line}`));
  assert.deepEqual(evasions, []);
});

test('The real house asks for the check', () => {
  assert.match(read('CMakeLists.txt'), /^check_rooms\(\)/m, `in ${root}CMakeLists.txt`);
});
