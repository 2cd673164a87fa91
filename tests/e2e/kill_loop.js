#!/usr/bin/env node
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setTimeout as delay } from 'node:timers/promises';

import { platforms as descriptions } from '../../simulators/platforms.js';
import { startSimulator } from '../../simulators/server/simulator.js';
import { eventually } from '../../simulators/story/eventually.js';
import { faultsOf } from './kill/checker.js';
import { Client } from './kill/clients.js';
import { Random } from './kill/random.js';
import { Service } from './support/service.js';

const kUsage = `node tests/e2e/kill_loop.js [options]

Kills the service with signal 9 at random moments while clients change records and platforms misbehave, starts it again on the
same data, and in the end compares what the clients were told with what the platforms got. Ends with 0 only if nothing was
lost, reordered, changed in a repetition or sent back.

  --kills N     how often (50)
  --clients N   how many at once (6)
  --seed N      repeats the choices of an earlier run; not its timing
  --calm        the platforms behave
  --misdeeds N  what a platform does wrong, it does up to N times on end (3)
  --env NAME=VALUE
                a setting of the service, such as RECORD_CACHE=100; may be given several times
  --keep FOLDER after a fault, leaves there the service's data, and the memories that speak against it

Hard: --clients 30 --misdeeds 60 --env RECORD_CACHE=100
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    kills: { type: 'string', default: '50' },
    clients: { type: 'string', default: '6' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    calm: { type: 'boolean' },
    misdeeds: { type: 'string', default: '3' },
    env: { type: 'string', multiple: true, default: [] },
    keep: { type: 'string' },
  },
});
if (values.help) {
  process.stdout.write(kUsage);
  process.exit(0);
}

for (const name of ['kills', 'clients', 'seed', 'misdeeds']) {
  if (!/^[0-9]+$/.test(values[name])) {
    process.stderr.write(`--${name} ${values[name]}: a whole number is wanted\n`);
    process.exit(2);
  }
}

const kTenant = 'kill-loop';
const kDrainMsMax = 180_000;
const kFaultsShown = 20;
const kCallsShown = 30;
const kHolders = { user: ['bizoholic', 'coreldove', 'bizosaas'], lead: ['bizoholic', 'bizosaas'] };
const kMisdeeds = [
  { status: 500 }, { status: 503, retry_after: 1 }, { status: 429, retry_after: 1 }, { drop: true }, { drop: true, when: 'after' },
  { hang: true, when: 'after' }, { latency_ms: 300 }, { latency_ms: 300, when: 'after' }, { garbage: true, when: 'after' },
];

const random = new Random(Number(values.seed));
say(`seed ${values.seed}`);
const simulators = Object.fromEntries(await Promise.all(Object.entries(descriptions).map(
  async ([name, { create }]) => [name, await startSimulator(create({}), { historySize: 2_000_000 })],
)));
const service = new Service({
  host: hostOfThisRun(),
  env: {
    BIZOHOLIC_FRONTEND_URL: simulators.bizoholic.url,
    BIZOSAAS_BRAIN_URL: simulators.bizosaas.url,
    SALEOR_API_URL: `${simulators.coreldove.url}/graphql/`,
    // Retries after a second each, as often as it takes: this is about what is kept, not about when it gives up.
    RETRY_ATTEMPTS: '20', BACKOFF_FACTOR: '1', REQUEST_TIMEOUT: '2', LOG_LEVEL: 'warning',
    ...Object.fromEntries(values.env.map(settingOf)),
  },
});
await service.start();

let failed = true;
try {
  const clients = await killAgainAndAgain(Number(values.kills));
  await drain();
  const memories = await gather(clients);
  failed = report(clients, memories);
  if (failed && values.keep) await keep(memories, values.keep);
} catch (error) {
  say(`${error.stack}\n${service.log}`);
}
await service.stop();
await Promise.all(Object.values(simulators).map((simulator) => simulator.stop()));
process.exit(failed ? 1 : 0);

/** Of several runs at once, one may get a port that another has just lost: no client must mistake the one for the other. */
function hostOfThisRun() {
  return `127.${1 + ((process.pid >> 16) & 127)}.${(process.pid >> 8) & 255}.${process.pid & 255}`;
}

async function killAgainAndAgain(kills) {
  const stopping = new AbortController();
  const clients = Array.from({ length: Number(values.clients) }, (_, i) => new Client({
    name: `w${i + 1}`,
    tenant: kTenant,
    random: new Random(random.between(0, 2 ** 32 - 1)),
    platforms: Object.fromEntries(Object.entries(simulators).map(([name, { url }]) => [name, url])),
    address: () => service.url,
    signal: stopping.signal,
  }));
  const running = Promise.all(clients.map((client) => client.run()));
  running.catch(() => {}); // heard below
  for (let kill = 1; kill <= kills; kill += 1) {
    if (!values.calm) await misbehave();
    await Promise.race([delay(random.between(20, 900)), running]);
    if (!service.alive) throw new Error('the service died by itself');
    await service.signal('SIGKILL');
    await service.start();
    if (kill % 10 === 0 || kill === kills) {
      say(`${kill} kills, ${sum(clients, (client) => client.told.length)} events acknowledged`);
    }
  }
  stopping.abort();
  await running;
  return clients;
}

/** Now and then one platform does one thing wrong, a few times. */
async function misbehave() {
  if (random.next() < 0.4) return;
  const rule = { ...random.pick(kMisdeeds), count: random.between(1, Number(values.misdeeds)), match: { tenant_id: kTenant } };
  await control(random.pick(Object.keys(simulators)), 'misbehave', rule);
}

async function drain() {
  for (const name of Object.keys(simulators)) await control(name, 'misbehave', undefined, 'DELETE');
  let status;
  await eventually(async () => {
    if (!service.alive) throw new Error('the service died by itself');
    status = await (await fetch(`${service.url}/sync/status`)).json();
    return status.queue_size + status.processing + status.pending + status.retry === 0;
  }, { deadlineMs: kDrainMsMax, everyMs: 100, explain: () => `something is still under way: ${JSON.stringify(status)}` });
}

/** @returns {Promise<import('./kill/checker.js').Memories>} */
async function gather(clients) {
  const memories = { told: clients.flatMap(({ told }) => told), histories: {}, states: {}, forgotten: {}, holders: kHolders };
  for (const name of Object.keys(simulators)) {
    const history = await control(name, 'history');
    memories.histories[name] = history.entries;
    memories.forgotten[name] = history.dropped;
    memories.states[name] = (await control(name, `state?tenant_id=${kTenant}`)).records;
  }
  return memories;
}

/** @returns {Promise<any> | boolean} whether something is wrong */
function report(clients, memories) {
  const faults = faultsOf(memories);
  const calls = Object.values(memories.histories).flat().filter(({ outcome }) => outcome !== 'read');
  const keys = new Set(Object.entries(memories.histories)
    .flatMap(([name, history]) => history.map(({ idempotency_key: key }) => `${name} ${key}`)));
  say(`${memories.told.length} events acknowledged, ${sum(clients, (client) => client.resent)} further sendings of them; `
    + `${keys.size} deliveries in ${calls.length} calls`);
  for (const fault of faults.slice(0, kFaultsShown)) say(`FAULT ${fault}`);
  if (faults.length > 0) tellCalls(faults[0], memories);
  say(faults.length === 0 ? 'Nothing was lost, reordered, changed or sent back.' : `${faults.length} faults`);
  return faults.length > 0 || memories.told.length === 0;
}

/** The calls about the record and on the platform that the fault names, as their platform saw them. */
function tellCalls(fault, { histories }) {
  const record = /w\d+-r\d+/.exec(fault)?.[0];
  for (const [platform, history] of Object.entries(histories).filter(([name]) => fault.includes(name))) {
    const told = history.filter(({ data }) => record && JSON.stringify(data ?? null).includes(`"${record}@`));
    for (const call of told.slice(-kCallsShown)) {
      const { arrived_at: at, idempotency_key: key, operation, verb, outcome, applied_order: order, data } = call;
      say(`${platform} ${at} ${key} ${operation ?? verb} ${outcome} ${order ?? ''} ${JSON.stringify(data)}`);
    }
  }
}

/** What it takes to find out why. */
async function keep(memories, folder) {
  await service.signal('SIGTERM');
  mkdirSync(folder, { recursive: true });
  cpSync(service.folder, join(folder, 'data'), { recursive: true });
  writeFileSync(join(folder, 'memories.json'), JSON.stringify(memories));
  say(`kept in ${folder}`);
}

/** @param {string} text  `NAME=VALUE` */
function settingOf(text) {
  const [name, ...value] = text.split('=');
  if (value.length === 0) throw new Error(`--env ${text}: NAME=VALUE is wanted`);
  return [name, value.join('=')];
}

async function control(name, path, body, method = body ? 'POST' : 'GET') {
  const answer = await fetch(`${simulators[name].url}/_control/${path}`, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${name}: ${await answer.text()}`);
  return answer.json();
}

function sum(list, of) {
  return list.reduce((total, one) => total + of(one), 0);
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
