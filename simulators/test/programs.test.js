/**
 * The two programs as processes, with a small fake service between the platforms.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';

import { eventually } from '../story/eventually.js';
import { fakeService } from '../test_support/fake_service.js';

const kRoot = new URL('..', import.meta.url).pathname;

/** Starts a program and collects what it says, line by line. */
function run(program, ...options) {
  const child = spawn(process.execPath, [`${kRoot}${program}`, ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  after(() => child.kill('SIGKILL'));
  const lines = [];
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  const exited = once(child, 'close').then(([code]) => code);
  return { child, lines, exited };
}

const platforms = run('main.js', '--bizoholic-port', '0', '--bizosaas-port', '0', '--coreldove-port', '0');
await eventually(() => platforms.lines.length === 3, { deadlineMs: 10_000 });
const ready = platforms.lines.map((line) => JSON.parse(line));
const addresses = Object.fromEntries(ready.map(({ platform, url }) => [platform, url]));
const service = await fakeService(addresses);
const stageOptions = [...Object.entries(addresses), ['service', service.url]]
  .flatMap(([name, url]) => [`--${name}`, url]);

test('The story ends well when the service does its work', async () => {
  const story = run('scenario.js', ...stageOptions);
  assert.equal(await story.exited, 0, story.lines.join('\n'));
  assert.equal(story.lines.at(-1), 'All platforms hold the same truth.');
  assert.ok(story.lines.some((line) => /^ {3}coreldove +VXNlcjox +Priya Sharma/.test(line)), story.lines.join('\n'));
});

test('The story fails when the platforms do not agree', async () => {
  const rule = { match: { entity: 'campaign', verb: 'create' }, status: 200 }; // says yes, and does nothing
  await fetch(`${addresses.bizosaas}/_control/misbehave`, { method: 'POST', body: JSON.stringify(rule) });
  const story = run('scenario.js', ...stageOptions, '--deadline', '0.2');
  assert.equal(await story.exited, 1);
  assert.ok(story.lines.some((line) => line.includes('FAILED: not within 0.2 s: bizosaas should hold one campaign')));
  await fetch(`${addresses.bizosaas}/_control/misbehave`, { method: 'DELETE' });
});

test('With --repeat the story goes on until it is told to stop', async () => {
  const story = run('scenario.js', ...stageOptions, '--repeat', '--pace', '0.01');
  await eventually(() => story.lines.some((line) => line.includes('new phone number')), { deadlineMs: 20_000 });
  story.child.kill('SIGTERM');
  assert.equal(await story.exited, 0, story.lines.join('\n'));
});

test('The platforms stop cleanly and at once, even with a request hanging', async () => {
  const rule = { hang: true };
  await fetch(`${addresses.bizoholic}/_control/misbehave`, { method: 'POST', body: JSON.stringify(rule) });
  const hanging = fetch(`${addresses.bizoholic}/api/sync/lead/create`, { method: 'POST', body: '{}' });
  await eventually(async () => {
    const response = await fetch(`${addresses.bizoholic}/_control/history`);
    return (await response.json()).entries.at(-1)?.misbehaved === 'hang';
  });
  platforms.child.kill('SIGTERM');
  await assert.rejects(hanging);
  assert.equal(await platforms.exited, 0);
});

test('The token towards the service comes from the environment, where no option names another', async () => {
  const tokens = [];
  const listener = createServer((request, response) => {
    tokens.push(request.headers.authorization);
    request.resume().on('end', () => response.writeHead(201, { 'content-type': 'application/json' }).end('{"event_id":"e"}'));
  });
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  after(() => listener.close());
  process.env.DATA_SYNC_TOKEN = 'of the environment';
  after(() => { delete process.env.DATA_SYNC_TOKEN; });
  for (const words of [[], ['--service-token', 'typed']]) {
    const alone = run('main.js', '--only', 'bizosaas', '--bizosaas-port', '0', '--service', `http://127.0.0.1:${listener.address().port}`, ...words);
    await eventually(() => alone.lines.length === 1, { deadlineMs: 10_000 });
    const deed = { tenant_id: 't', entity: 'user', verb: 'create', data: { user_name: 'Ada' } };
    const answer = await fetch(`${JSON.parse(alone.lines[0]).url}/_control/act`, { method: 'POST', body: JSON.stringify(deed) });
    assert.equal(answer.status, 200, await answer.text());
  }
  assert.deepEqual(tokens, ['Bearer of the environment', 'Bearer typed']);
});

test('An unknown platform is refused', async () => {
  const program = run('main.js', '--only', 'nowhere');
  assert.equal(await program.exited, 2);
});
