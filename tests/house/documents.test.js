/** What the documents tell a reader to type exists. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';

import { ourFiles, read, root } from './support.js';

const kBinary = join(root, 'build/release/data-sync');
const documents = ourFiles().filter((file) => file.endsWith('.md'));

/** `[word, document]` for each word that follows a command in any document, inside code only. */
function wordsAfter(command) {
  return documents.flatMap((document) => {
    const code = [...read(document).matchAll(/```[^]*?```|`[^`\n]+`/g)].map(([text]) => text).join('\n');
    return [...code.matchAll(new RegExp(`(?<![\\w/.-])${command} ([a-z]+)`, 'g'))].map(([, word]) => [word, document]);
  });
}

test('Each ./dev command of the documents exists', () => {
  const unknown = wordsAfter('(?:\\./)dev').filter(([word]) => !existsSync(join(root, 'scripts/dev', `${word}.sh`)));
  assert.deepEqual(unknown, []);
});

test('./dev help lists every command, with one line about each', () => {
  const help = execFileSync(join(root, 'dev'), ['help'], { encoding: 'utf8' });
  const commands = ourFiles().filter((file) => file.startsWith('scripts/dev/') && file.endsWith('.sh'));
  for (const file of commands) {
    const command = file.split('/').at(-1).replace('.sh', '');
    assert.match(help, new RegExp(`^  \\./dev ${command}\\b.* [A-Z].*\\.$`, 'm'));
  }
});

test('Each data-sync command of the documents is in its help', { skip: !existsSync(kBinary) && 'not built' }, () => {
  const help = execFileSync(kBinary, ['--help'], { encoding: 'utf8' });
  const unknown = wordsAfter('(?:build/release/)?data-sync')
    .filter(([word]) => !new RegExp(`^\\s+${word}\\b`, 'm').test(help));
  assert.deepEqual(unknown, []);
});

test('Each command of the deployment in the documents exists, and so do the files and containers that it names', () => {
  const code = documents.map((document) => [...read(document).matchAll(/```[^]*?```|^ {4}\S.*$|`[^`]+`/gm)].map(([text]) => text).join('\n')).join('\n');
  const help = execFileSync(join(root, 'deploy-data-sync.sh'), ['--help'], { encoding: 'utf8' });
  for (const [, option] of code.matchAll(/deploy-data-sync\.sh (--[a-z-]+)/g)) assert.match(help, new RegExp(`^ +${option} `, 'm'));
  const files = [...code.matchAll(/docker[ -]compose -f (\S+\.yml)/g)].map(([, file]) => file);
  assert.ok(files.length > 0);
  for (const file of files) assert.ok(existsSync(join(root, file)), file);
  const compose = read('docker-compose.bizosaas-platform.yml');
  for (const [, name] of code.matchAll(/docker[ -]compose\b.* (bizosaas-[a-z-]+)/g)) assert.match(compose, new RegExp(`^  ${name}:$`, 'm'));
  for (const [, profile] of code.matchAll(/--profile ([a-z]+)/g)) assert.match(compose, new RegExp(`^      - ${profile}$`, 'm'));
});

test('Each link between the documents leads somewhere', () => {
  const dead = documents.flatMap((document) => [...read(document).matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)/g)]
    .filter(([, target]) => !existsSync(join(root, dirname(document), target)))
    .map(([, target]) => `${document}: ${target}`));
  assert.deepEqual(dead, []);
});
