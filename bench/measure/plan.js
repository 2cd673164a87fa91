import { resolve } from 'node:path';

import { Program } from './programs.js';

/**
 * One pass over a subject. Returns its figures by name; each name is a row of the table in `table.js`.
 *
 * @typedef {object} Scale
 * @property {number} records   known records
 * @property {number} seconds   of each run by time
 * @property {number} bulkRequests  of a hundred events each
 */

/** Events one by one: accepted, and delivered one by one. */
export async function measureSingle(subject, build, scale) {
  const run = new Runs(subject, build, scale);
  await run.makeKnownRecords();
  const figures = {};
  for (const kind of ['known', 'new']) {
    const bytesBefore = subject.dataBytes();
    const eventsBefore = run.events;
    for (const connections of [1, 16, 64, 512]) {
      const { load, deliveredPerSecond } = await run.send({ kind, connections, seconds: scale.seconds });
      figures[`accept ${kind} ${connections}`] = load.requests_per_second;
      figures[`accept p99 ${kind} ${connections}`] = load.latency_us.p99 / 1000;
      if (connections >= 64) figures[`delivered ${kind} ${connections}`] = deliveredPerSecond;
    }
    for (const rate of [200, 10_000]) {
      const { load, cpuUsPerEvent, apartUsPerEvent, latencyUs } = await run.send({ kind, connections: 64, rate, seconds: scale.seconds });
      // What can't keep up has no latency: its queue only grows.
      const keptUp = load.requests_per_second > 0.95 * rate;
      figures[`latency p50 ${kind} ${rate}`] = keptUp ? latencyUs.p50 / 1000 : NaN;
      figures[`latency p99 ${kind} ${rate}`] = keptUp ? latencyUs.p99 / 1000 : NaN;
      if (rate !== 10_000) continue;
      figures[`cpu ${kind}`] = cpuUsPerEvent;
      for (const [whose, us] of Object.entries(apartUsPerEvent)) figures[`${whose} ${kind}`] = us;
    }
    figures[`disk ${kind}`] = (subject.dataBytes() - bytesBefore) / (run.events - eventsBefore);
  }
  figures.resident = subject.program.residentBytesMax() / 2 ** 20;
  return figures;
}

/** Requests a second, where what a conflict costs is measured. */
const kRivalRequests = 40;

/** Events by the hundred: accepted so, and delivered so. */
export async function measureBulk(subject, build, scale) {
  const run = new Runs(subject, build, scale);
  await run.makeKnownRecords();
  const figures = {};
  for (const kind of ['known', 'new']) {
    const { cpuUsPerEvent, apartUsPerEvent, deliveredPerSecond } = await run.send({ kind, connections: 4, requests: scale.bulkRequests, batch: 100 });
    figures[`delivered ${kind} bulk`] = deliveredPerSecond;
    figures[`cpu ${kind} bulk`] = cpuUsPerEvent;
    for (const [whose, us] of Object.entries(apartUsPerEvent)) figures[`${whose} ${kind} bulk`] = us;
  }
  for (const writers of ['solo', 'rivals']) {
    const { cpuUsPerEvent, load, conflicts } = await run.send({ kind: 'known', connections: 4, requests: run.twoTurns, rate: kRivalRequests, batch: 100, writers });
    if (!Number.isNaN(conflicts) && conflicts !== (writers === 'rivals' ? load.events : 0)) {
      throw new Error(`${conflicts} conflicts in ${load.events} events of ${writers} writers`);
    }
    figures[`cpu ${writers} bulk`] = cpuUsPerEvent;
  }
  figures['resident bulk'] = subject.program.residentBytesMax() / 2 ** 20;
  return figures;
}

/** Runs the load generator again and again against one subject, with events and records that never come twice. */
class Runs {
  #subject;
  #build;
  #scale;
  #nextNew = 0;
  events = 0;

  constructor(subject, build, scale) {
    this.#subject = subject;
    this.#build = build;
    this.#scale = scale;
  }

  /** Requests of a hundred events that change each known record twice. */
  get twoTurns() {
    return Math.ceil(this.#scale.records / 100) * 2;
  }

  makeKnownRecords() {
    return this.send({ kind: 'new', connections: 4, requests: Math.ceil(this.#scale.records / 100), batch: 100 });
  }

  /** Sends, waits until all is delivered, and tells what it cost. */
  async send({ kind, connections, rate, requests, seconds, batch, writers }) {
    const { program, sinks, url, apart = {} } = this.#subject;
    await sinks.clear();
    const conflictsBefore = await this.#subject.conflicts();
    const cpuBefore = program.cpuSeconds();
    const apartBefore = Object.entries(apart).map(([whose, seconds]) => [whose, seconds()]);
    const load = await this.#load({ url, kind, connections, rate, requests, seconds, batch, writers });
    await this.#subject.drained(load.events);
    const reports = await sinks.reports();
    const cpuUsPerEvent = (program.cpuSeconds() - cpuBefore) * 1e6 / load.events;
    const apartUsPerEvent = Object.fromEntries(apartBefore.map(([whose, before]) => [whose, (apart[whose]() - before) * 1e6 / load.events]));
    const lastUs = Math.max(...reports.map((report) => report.last_us));
    this.events += load.events;
    if (kind === 'new') this.#nextNew += load.events;
    return {
      load,
      cpuUsPerEvent,
      apartUsPerEvent,
      conflicts: (await this.#subject.conflicts()) - conflictsBefore,
      deliveredPerSecond: load.events * 1e6 / (lastUs - load.began_us),
      latencyUs: worst(reports.map((report) => report.latency_us)),
    };
  }

  async #load({ url, kind, connections, rate, requests, seconds, batch, writers }) {
    const options = {
      url, connections, rate, requests, seconds, batch, writers,
      form: batch ? 'array' : 'single',
      known: kind === 'known' ? 1 : 0,
      records: this.#scale.records,
      'first-new': this.#nextNew,
      'first-number': this.events, // a number that came before would be no change, and never arrive
    };
    const args = Object.entries(options).filter(([, value]) => value !== undefined)
      .flatMap(([name, value]) => [`--${name}`, String(value)]);
    const load = JSON.parse(await new Program(resolve(this.#build, 'bench_load'), args).output());
    const good = (load.statuses[200] ?? 0) + (load.statuses[201] ?? 0);
    if (good !== load.requests || load.broken + load.unanswered > 0) {
      throw new Error(`the load was not accepted: ${JSON.stringify(load)}`);
    }
    return load;
  }
}

function worst(latencies) {
  return { p50: Math.max(...latencies.map(({ p50 }) => p50)), p99: Math.max(...latencies.map(({ p99 }) => p99)) };
}
