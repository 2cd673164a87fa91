/** The Dockerfiles: linted, and held against the tree and the binary. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';

import dockerignore from '@balena/dockerignore';
import { DockerfileParser } from 'dockerfile-ast';
import { ValidationSeverity, validate } from 'dockerfile-utils';

import { Service, kBinary } from '../e2e/support/service.js';
import { read, root } from './support/deployment.js';

const kFiles = ['Dockerfile', 'deploy/simulators.Dockerfile'];
const ignored = dockerignore().add(read('.dockerignore'));

/** The instructions of the last stage, or of all: `[{keyword, words}]`. */
function instructions(file, { last = false } = {}) {
  const all = DockerfileParser.parse(read(file)).getInstructions()
    .map((one) => ({ keyword: one.getKeyword(), words: one.getArguments().map(String), text: one.getTextContent() }));
  return last ? all.slice(all.findLastIndex(({ keyword }) => keyword === 'FROM')) : all;
}

function tracked(path) {
  return execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--', path], { cwd: root, encoding: 'utf8' })
    .split('\n').filter((file) => file !== '');
}

for (const file of kFiles) {
  test(`${file} has no fault that the linter knows`, () => {
    const ignore = ValidationSeverity.IGNORE;
    assert.deepEqual(validate(read(file), { instructionWorkdirRelative: ignore }).map(({ message, range }) => `${range.start.line + 1}: ${message}`), []);
  });

  test(`What ${file} copies is there and reaches the builder`, () => {
    const copied = instructions(file).filter(({ keyword, text }) => keyword === 'COPY' && !text.includes('--from='))
      .flatMap(({ words }) => words.slice(0, -1));
    assert.ok(copied.length > 0);
    for (const path of copied) {
      const files = tracked(path);
      assert.ok(files.length > 0, `${path} is not there`);
      assert.deepEqual(files.filter((one) => ignored.ignores(one)), [], path);
    }
  });

  test(`${file} ends as somebody who is not root`, () => {
    const user = instructions(file, { last: true }).filter(({ keyword }) => keyword === 'USER').at(-1);
    assert.ok(user && !/^(0|root)(:|$)/.test(user.words[0]), JSON.stringify(user));
  });
}

test('Secrets, data, history and what was built never reach the builder', () => {
  for (const path of ['.env', '.env.example', '.git/config', 'data/data-sync.db', 'build/release/data-sync', 'src/.env',
    'config/.env', 'simulators/node_modules/graphql/index.js', 'deploy/config/our.yaml', 'config/all.db']) {
    assert.ok(ignored.ignores(path), path);
  }
});

test('The run stage has the very libraries that the binary names, and certificates', () => {
  const [{ words }] = instructions('Dockerfile', { last: true }).filter(({ keyword, text }) => keyword === 'RUN' && text.includes('apt-get'));
  const installed = words.slice(words.indexOf('--no-install-recommends') + 1, words.indexOf('&&', words.indexOf('--no-install-recommends')))
    .filter((word) => /^[a-z]/.test(word));
  const named = [...execFileSync('objdump', ['-p', kBinary], { encoding: 'utf8' }).matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, name]) => name);
  const paths = new Map([...execFileSync('ldd', [kBinary], { encoding: 'utf8' }).matchAll(/^\s+(\S+) => (\S+) /gm)].map(([, name, path]) => [name, path]));
  const packages = new Set(named.map((name) => package_of(paths.get(name))));
  for (const essential of ['libc6', 'libgcc-s1']) packages.delete(essential); // in every Debian
  assert.deepEqual(installed.toSorted(), ['ca-certificates', ...packages].sort());
});

/** Debian's name of the package that a library comes from; /lib is a link to /usr/lib, and packages know either name. */
function package_of(path) {
  const file = join(realpathSync(dirname(path)), path.split('/').at(-1));
  for (const name of [file, realpathSync(file), file.replace(/^\/usr/, ''), realpathSync(file).replace(/^\/usr/, '')]) {
    const { status, stdout } = spawnSync('dpkg', ['-S', name], { encoding: 'utf8' });
    if (status === 0) return stdout.split(':')[0];
  }
  throw new Error(`no package has ${path}`);
}

test('The image is of production, stops as the service does, and starts it', () => {
  const run = instructions('Dockerfile', { last: true });
  const of = (keyword) => run.filter((one) => one.keyword === keyword).map(({ words }) => words.join(' '));
  assert.deepEqual(of('ENV'), ['ENVIRONMENT=production']);
  assert.deepEqual([of('STOPSIGNAL'), of('EXPOSE')], [['SIGTERM'], ['8025']]);
  assert.deepEqual([of('ENTRYPOINT'), of('CMD')].map(([words]) => words.replaceAll(' ', '')), ['["data-sync"]', '["serve"]']);
});

test('The health check of the image tells a service that runs from one that does not', async () => {
  const [{ text }] = instructions('Dockerfile', { last: true }).filter(({ keyword }) => keyword === 'HEALTHCHECK');
  const command = /CMD (data-sync .*)$/s.exec(text)[1];
  const service = new Service({ env: { LOG_LEVEL: 'error' } });
  after(() => service.stop());
  await service.start();
  const check = () => spawnSync('sh', ['-c', command], {
    encoding: 'utf8', env: { PATH: `${dirname(kBinary)}:${process.env.PATH}`, PORT: String(service.port) },
  });
  const well = check();
  assert.equal(well.status, 0, well.stderr);
  await service.signal('SIGTERM');
  assert.notEqual(check().status, 0);
});

test('The script is for whoever may run it', () => {
  for (const file of ['deploy-data-sync.sh', 'dev']) assert.ok(statSync(join(root, file)).mode & 0o111, file);
});
