/** Every room says what it is, in its own README and in the table of the project's. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { ourFiles, read, rooms, root } from './support.js';

/** Rows `| 2 | `net/` | … |` of the table of rooms. */
function tableOfRooms() {
  const rows = [...read('README.md').matchAll(/^\| (\d) \| `([a-z]+)\/` \|/gm)];
  return Object.fromEntries(rows.map(([, floor, room]) => [room, Number(floor)]));
}

/** `datasync_room(NAME net FLOOR 2 …`, as the build has it. */
function declaredFloor(room) {
  const declared = read(`src/${room}/CMakeLists.txt`).match(/datasync_room\(\s*NAME (\w+)\s+FLOOR (\d)/);
  assert.equal(declared?.[1], room, `src/${room}/CMakeLists.txt declares another room`);
  return Number(declared[2]);
}

test('The table of rooms in README.md names the rooms of src/, each on the floor that the build has', () => {
  const built = rooms().filter((room) => existsSync(join(root, 'src', room, 'CMakeLists.txt')));
  const expected = Object.fromEntries(built.map((room) => [room, declaredFloor(room)]));
  assert.deepEqual(sorted(tableOfRooms()), sorted(expected));
});

for (const room of rooms()) {
  test(`src/${room}/ has a README that is one short paragraph`, () => {
    const text = read(`src/${room}/README.md`);
    assert.match(text, new RegExp(`^# ${room}\n\n[^\n]`));
    assert.ok(text.length < 1200, `${text.length} characters`);
  });

  test(`The tests of src/${room}/ are built`, () => {
    const tests = ourFiles().filter((file) => file.startsWith(`src/${room}/`) && file.endsWith('_test.cc'));
    if (tests.length === 0) return;
    assert.match(read(`src/${room}/CMakeLists.txt`), new RegExp(`datasync_room_tests\\(${room}\\b`));
  });
}

function sorted(object) {
  return Object.fromEntries(Object.entries(object).sort());
}
