import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Program, bytesIn, eventually, freePort } from './programs.js';

const kBulkConfig = fileURLToPath(new URL('../bulk.yaml', import.meta.url));
const kDrainMsMax = 120_000;

/**
 * What is measured: the service, or the floor in its place. Both take the same events and have the same two targets.
 *
 * @typedef {object} Subject
 * @property {Program} program
 * @property {string} url
 * @property {string} folder             where its data is
 * @property {Sinks} sinks
 * @property {(expected: number) => Promise<void>} drained  waits until nothing is under way
 * @property {() => Promise<number>} conflicts  so far; NaN where there is no such thing
 * @property {Record<string, () => number>} [apart]  the CPU seconds of servers, where there are any: `server` of the database, `bus`
 * @property {() => Promise<void>} stop  ends it and its sinks, and deletes its data
 *
 * @typedef {object} Where
 * @property {string} build   folder with the programs
 * @property {string} data    folder for the data; on a real disk, or durability costs nothing
 * @property {boolean} bulk   the targets take a hundred events in one request
 * @property {import('./database.js').DatabaseServer} [database]  keeps the service's data; without, a file does
 * @property {import('./bus.js').BusServer} [bus]  where the service is to use one
 */

/** @param {Where} where @returns {Promise<Subject>} */
export async function startService({ build, data, bulk, database, bus }) {
  const folder = mkdtempSync(join(data, 'data-sync-'));
  const sinks = await Sinks.start(build);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const place = database?.place();
  const program = new Program(resolve(build, 'data-sync'), ['serve', ...(bulk ? ['--config', kBulkConfig] : [])], {
    cwd: folder,
    env: {
      PORT: String(port),
      LOG_LEVEL: 'warning',
      ...(place && { DATABASE_URL: place.url }),
      ...bus?.settings(),
      BIZOHOLIC_FRONTEND_URL: sinks.urls[0],
      BIZOSAAS_BRAIN_URL: sinks.urls[1],
      SALEOR_API_URL: 'http://127.0.0.1:9/graphql/', // nobody is there, and nobody is asked
    },
  });
  await eventually(() => {
    if (!program.alive) throw new Error(`the service ended: ${program.words}`);
    return fetch(`${url}/readyz`).then(({ ok }) => ok, () => false);
  }, 20_000, 'the service is ready');
  const idle = async () => {
    const { queue_size: queue, processing, pending, retry } = await (await fetch(`${url}/sync/status`)).json();
    return queue + processing + pending + retry === 0;
  };
  // In a log before the store there may be more, and nobody asks for that again and again: it would be measured as well.
  const caughtUp = async () => (await fetch(`${url}/sync/events/nobody-sent-it`)).status === 404;
  const drained = async () => {
    await eventually(async () => await idle() && await caughtUp() && idle(), kDrainMsMax, 'all is delivered');
    const { events } = await (await fetch(`${url}/sync/events?status=failed&limit=1`)).json();
    if (events.length > 0) throw new Error(`an event failed: ${JSON.stringify(events[0])}`);
  };
  const conflicts = async () => (await (await fetch(`${url}/sync/conflicts?limit=1`)).json()).total;
  const made = {
    ...subject({ program, url, folder, sinks, drained, conflicts }),
    apart: { ...(database && { server: () => database.cpuSeconds() }), ...(bus && { bus: () => bus.cpuSeconds() }) },
  };
  if (!place) return made;
  return {
    ...made,
    dataBytes: place.bytes,
    async stop() {
      await made.stop();
      place.drop();
    },
  };
}

/** @param {Where} where @returns {Promise<Subject>} */
export async function startFloor({ build, data }) {
  const folder = mkdtempSync(join(data, 'floor-'));
  const sinks = await Sinks.start(build);
  const targets = sinks.urls.flatMap((url) => ['--target', url]);
  const program = new Program(resolve(build, 'bench_floor'), [...targets, '--store', join(folder, 'events.db')]);
  const { url } = await program.firstLine();
  const drained = (expected) => eventually(
    async () => (await sinks.reports()).every(({ different }) => different >= expected), kDrainMsMax, 'all is delivered');
  return subject({ program, url, folder, sinks, drained, conflicts: async () => NaN });
}

function subject({ program, url, folder, sinks, drained, conflicts }) {
  return {
    program, url, folder, sinks, drained, conflicts,
    dataBytes: () => bytesIn(folder),
    async stop() {
      await program.stop();
      await sinks.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

/** Two targets in one process. */
class Sinks {
  #program;

  static async start(build) {
    const sinks = new Sinks();
    sinks.#program = new Program(resolve(build, 'bench_sinks'), []);
    sinks.urls = (await sinks.#program.firstLine()).urls;
    return sinks;
  }

  /** What each target got since `clear`. */
  reports() {
    return Promise.all(this.urls.map(async (url) => (await fetch(`${url}/_bench/report`)).json()));
  }

  clear() {
    return Promise.all(this.urls.map((url) => fetch(`${url}/_bench/clear`, { method: 'POST' })));
  }

  stop() {
    return this.#program.stop();
  }
}
