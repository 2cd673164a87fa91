import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { platforms as descriptions } from '../../simulators/platforms.js';
import { startSimulator } from '../../simulators/server/simulator.js';
import { eventually } from '../../simulators/story/eventually.js';
import { Random } from '../e2e/kill/random.js';
import { Kafka } from '../e2e/support/kafka.js';
import { Postgres } from '../e2e/support/postgres.js';
import { Redis } from '../e2e/support/redis.js';
import { Service } from '../e2e/support/service.js';
import { environmentOf } from '../e2e/support/world.js';
import { judge } from './checker.js';
import { Client } from './clients.js';
import { Proxy } from './proxy.js';

const kSimulators = fileURLToPath(new URL('../../simulators/main.js', import.meta.url));
const kClients = 8;
const kOthersFrom = 1_001;
const kHistorySize = 2_000_000;
const kRecoveryMsMax = 60_000;
const kDrainMsMax = 180_000;
const kEventsBetweenFaults = [10, 120];

/** Retries come after a second each, as often as it takes: this is about what is kept, not about when it is given up. */
const kHasty = { RETRY_ATTEMPTS: '20', BACKOFF_FACTOR: '1', REQUEST_TIMEOUT: '2', LOG_LEVEL: 'info' };

/**
 * What a scenario plays on: it starts processes and servers, has clients write while faults happen, and judges in the end. All
 * that it starts is gone when the scenario is over, however that ends.
 */
export class Stage {
  #undo = [];
  #services = [];
  #simulators = {};
  #clients = [];
  #others = [];
  #seen = {};
  #marks = [];
  #began;
  /** How many faults there were. */
  faults = 0;
  /** @type {import('./checker.js').Verdict | undefined} */
  verdict;
  /** What the table says of it beside the figures. */
  note = '';

  /**
   * @param {object} options
   * @param {string} options.name     of the scenario
   * @param {number} options.seed     of all its choices; not of its timing
   * @param {number} options.seconds  how long faults happen
   * @param {string} options.folder   for logs, and for what speaks against it
   * @param {boolean} [options.keep]  what the judge read, even if nothing is wrong
   */
  constructor({ name, seed, seconds, folder, keep = false }) {
    this.name = name;
    this.seconds = seconds;
    this.folder = folder;
    this.keep = keep;
    this.random = new Random(seed);
    mkdirSync(folder, { recursive: true });
  }

  /** Something to be done when the scenario is over; the last one first. */
  defer(undo) {
    this.#undo.push(undo);
  }

  /** Does all of it, even if some of it fails. */
  async close() {
    const failures = [];
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new Error(failures.map(({ stack }) => stack).join('\n'));
  }

  /** The three simulated platforms, with what the scenario needs to make them misbehave. */
  async platforms() {
    for (const [name, { create }] of Object.entries(descriptions)) {
      this.#simulators[name] = await startSimulator(create({}), { historySize: kHistorySize });
      this.defer(() => this.#simulators[name].stop());
    }
    return this.#simulators;
  }

  /** The same in a process of their own, where the time of their work is not ours. */
  async platformsApart() {
    const ports = Object.keys(descriptions).flatMap((name) => [`--${name}-port`, '0']);
    const child = spawn(process.execPath, [kSimulators, ...ports, '--history-size', String(kHistorySize)], { stdio: ['ignore', 'pipe', 'inherit'] });
    this.defer(async () => {
      const closed = once(child, 'close');
      child.kill('SIGTERM');
      await closed;
    });
    for await (const line of createInterface(child.stdout)) {
      const { platform, url } = JSON.parse(line);
      this.#simulators[platform] = { url };
      if (Object.keys(this.#simulators).length === Object.keys(descriptions).length) return this.#simulators;
    }
    throw new Error('the simulated platforms do not start');
  }

  /** @param {string} path  of a platform's control API */
  async control(platform, path, body, method = body ? 'POST' : 'GET') {
    const answer = await fetch(`${this.#simulators[platform].url}/_control/${path}`, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${platform}: ${await answer.text()}`);
    return answer.json();
  }

  misbehave(platform, rule) {
    return this.control(platform, 'misbehave', rule);
  }

  behave(platform) {
    return this.control(platform, 'misbehave', undefined, 'DELETE');
  }

  /** A service between these platforms, not started yet. */
  service(platforms, { env = {}, ...more } = {}) {
    const service = new Service({
      // An address of its own, so that no client ever takes another service, which got a port that this one has lost, for it.
      host: `127.${1 + ((process.pid >> 16) & 127)}.${(process.pid >> 8) & 255}.${process.pid & 255}`,
      env: { ...environmentOf(platforms), ...kHasty, ...env },
      logFile: join(this.folder, `service-${this.#services.length + 1}.log`),
      ...more,
    });
    this.#services.push(service);
    this.defer(async () => {
      if (service.alive) service.signal('SIGCONT');
      await service.stop();
    });
    return service;
  }

  async postgres(options) {
    const server = await Postgres.start(options);
    this.defer(() => server.stop());
    return server;
  }

  async kafka() {
    const broker = await Kafka.start();
    this.defer(() => broker.stop());
    return broker;
  }

  async redis() {
    const server = await Redis.start();
    this.defer(() => server.stop());
    return server;
  }

  async proxy(url) {
    const { hostname, port } = new URL(url);
    const proxy = await Proxy.start({ host: hostname, port: Number(port) }, new Random(this.random.between(0, 2 ** 32 - 1)));
    this.defer(() => proxy.stop());
    return proxy;
  }

  /** There is time for one more fault; there always is for the first. */
  get goesOn() {
    return this.faults === 0 || performance.now() - this.#began < this.seconds * 1000;
  }

  /**
   * Clients write while `deed` is done, and until each of them was acknowledged something after it; then all that was acknowledged
   * is waited for, and judged.
   *
   * @param {() => string[]} addresses  where the services are right now
   * @param {() => Promise<void>} deed
   * @param {{count?: number}} [options]
   */
  async underLoad(addresses, deed, { count = kClients } = {}) {
    const over = new AbortController();
    this.#clients = Array.from({ length: count }, (_, i) => new Client(i + 1, `${this.name}-${i + 1}`, addresses, over.signal));
    const running = Promise.all(this.#clients.map((client) => client.run()));
    running.catch(() => {}); // heard below, or of no interest after another failure
    try {
      await this.recovered('the start');
      this.begin();
      await deed();
      await this.recovered('the last fault');
      over.abort();
      await running;
    } finally {
      over.abort();
      for (const client of this.#clients) client.abandon();
    }
    await this.settle();
  }

  /**
   * Makes one fault under load, when a random number of events has been acknowledged, and waits until all clients have recovered.
   *
   * @param {string} what
   * @param {() => Promise<void>} deed  resolves when nothing more is done: the process is there again, or gone for good
   * @param {object} [options]
   * @param {'begin' | 'end'} [options.countedFrom]  from when on the recovery is counted; from its end, where the fault lasts as long as
   *   the scenario wants
   * @param {() => Promise<void>} [options.healed]   resolves when what no client sees is whole again, too
   */
  async fault(what, deed, { countedFrom = 'begin', healed } = {}) {
    await this.load();
    const began = performance.now();
    await deed();
    const over = performance.now();
    this.faults += 1;
    const mark = { what: `${what} (fault ${this.faults})`, at_ms: countedFrom === 'begin' ? began : over, over_ms: over };
    this.#marks.push(mark);
    if (healed) {
      await healed();
      mark.healed_ms = performance.now();
    }
    await this.recovered(what);
  }

  /** Waits until some more events are acknowledged, so that a fault meets all that can be under way. */
  async load([least, most] = kEventsBetweenFaults) {
    const wanted = this.#acknowledged + this.random.between(least, most);
    await eventually(() => this.#acknowledged >= wanted, { deadlineMs: kRecoveryMsMax, explain: () => this.#whyNot('nothing more is acknowledged') });
  }

  /** Waits until each client was acknowledged an event that was begun after now. */
  async recovered(what) {
    const from = performance.now();
    await eventually(() => this.#clients.every(({ told }) => told.at(-1)?.begun_ms >= from), {
      deadlineMs: kRecoveryMsMax, explain: () => this.#whyNot(`no recovery from ${what}`),
    });
  }

  /** The time for faults begins. */
  begin() {
    this.#began = performance.now();
  }

  /**
   * Waits until each event has arrived at one of the platforms; returns how long each took to get there, in milliseconds.
   *
   * @param {string[]} platforms
   * @param {string[]} ids                events
   * @param {Map<string, number>} sentAt  event → when it was sent, in milliseconds since 1970
   */
  async delivered(platforms, ids, sentAt) {
    const wanted = new Set(ids);
    const times = new Map();
    await this.until(async () => {
      for (const platform of platforms) {
        const { entries } = await this.control(platform, `history?since=${this.#seen[platform] ?? 0}`);
        for (const { sequence, idempotency_key: id, arrived_ms: at } of entries) {
          this.#seen[platform] = sequence;
          if (wanted.has(id) && !times.has(id)) times.set(id, at - sentAt.get(id));
        }
      }
      return times.size === wanted.size;
    }, 'all is delivered');
    return [...times.values()];
  }

  /** Waits for what is to happen. */
  until(ask, what) {
    return eventually(ask, { deadlineMs: kRecoveryMsMax, explain: () => this.#whyNot(`waited until ${what}`) });
  }

  /** Keeps a state for a random time between `least` and `most` milliseconds: how long a fault lasts, not a wait for something. */
  async lasting([least, most]) {
    await delay(this.random.between(least, most));
  }

  /** A client whose events the scenario sends itself, and writes down in its `told`: judged as all are, but not waited for. */
  other(Kind = Client) {
    this.#others.push(new Kind(kOthersFrom + this.#others.length, `${this.name}-other-${this.#others.length + 1}`, () => [], undefined));
    return this.#others.at(-1);
  }

  get #acknowledged() {
    return this.#clients.reduce((sum, { count }) => sum + count, 0);
  }

  /** What clients were answered that they did not ask for. */
  get refusals() {
    return this.#clients.flatMap(({ refused }) => refused);
  }

  /** The events that clients were told are safe, as they were sent. */
  get acknowledgedEvents() {
    return this.#clients.flatMap(({ told }) => told.map(({ change }) => change));
  }

  #whyNot(what) {
    const stands = this.#clients.map(({ name, count, refused, broken }) => `${name} ${count} ${refused.at(-1) ?? ''} ${broken.at(-1) ?? ''}`);
    return `${what}: ${stands.join('; ')}`;
  }

  /** Waits until no service has anything left to do, and judges what came of it all. */
  async settle() {
    for (const name of Object.keys(this.#simulators)) await this.behave(name);
    try {
      await this.idle();
    } finally {
      await this.#judge(); // what has not arrived by then is lost, for all that anybody can tell
    }
  }

  /**
   * Whether all that was accepted so far is in the service's store. Its word is only what is waited for: were it wrong, the judge
   * would miss an event.
   */
  async caughtUp(service) {
    const answer = await fetch(`${service.url}/sync/events/nobody-sent-it`);
    await answer.arrayBuffer();
    return answer.status === 404; // 503 while anything might still come
  }

  async idle() {
    let status;
    const isIdle = async (service) => {
      if (!await this.caughtUp(service)) {
        status = 'what was accepted is not in the store';
        return false;
      }
      status = await (await fetch(`${service.url}/sync/status`)).json();
      return status.queue_size + status.processing + status.pending + status.retry === 0;
    };
    const deadline = performance.now() + kDrainMsMax;
    for (const service of this.#services.filter(({ alive }) => alive)) {
      await eventually(() => isIdle(service), {
        deadlineMs: deadline - performance.now(), everyMs: 100, explain: () => `something is still under way: ${JSON.stringify(status)}`,
      });
    }
  }

  async #judge() {
    const memories = {
      told: [...this.#clients, ...this.#others].flatMap(({ memory }) => memory), histories: {}, states: {}, forgotten: {},
      marks: this.#marks, recovering: this.#clients.map(({ name }) => name),
    };
    for (const name of Object.keys(this.#simulators)) {
      const { entries, dropped } = await this.control(name, 'history');
      memories.histories[name] = entries;
      memories.forgotten[name] = dropped;
      memories.states[name] = (await this.control(name, 'state')).records;
    }
    this.verdict = judge(memories);
    if (this.keep || this.verdict.faults.length > 0) writeFileSync(join(this.folder, 'memories.json'), JSON.stringify(memories));
  }
}
