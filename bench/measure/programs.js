import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const kStartMsMax = 20_000;
const kStopMsMax = 15_000;
const kTicksPerSecond = 100; // what Linux counts CPU time in, on every machine of ours

/** A child process that can be measured from outside. */
export class Program {
  #child;
  #words = '';

  constructor(file, args, { cwd, env } = {}) {
    this.#child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.lines = createInterface({ input: this.#child.stdout });
    this.#child.stderr.on('data', (data) => { this.#words = (this.#words + data).slice(-4000); });
    this.ended = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }));
  }

  /** The first line that it prints, as JSON. */
  async firstLine() {
    const line = await within(kStartMsMax, Promise.race([
      once(this.lines, 'line').then(([text]) => text),
      this.ended.then(() => { throw new Error(`ended at once: ${this.#words}`); }),
    ]));
    return JSON.parse(line);
  }

  /** What it printed, when it is done. Errors: with its own words if it did not end well. */
  async output() {
    const lines = [];
    this.lines.on('line', (line) => lines.push(line));
    const { code } = await this.ended;
    if (code !== 0) throw new Error(this.#words);
    return lines.join('\n');
  }

  get alive() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get words() {
    return this.#words;
  }

  cpuSeconds() {
    return cpuSecondsOf(this.#child.pid);
  }

  /** The most memory that it ever had resident. */
  residentBytesMax() {
    const [, kilobytes] = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8').match(/^VmHWM:\s+(\d+) kB/m);
    return Number(kilobytes) * 1024;
  }

  async stop() {
    this.#child.kill('SIGTERM');
    await within(kStopMsMax, this.ended).catch(() => {
      this.#child.kill('SIGKILL');
      return this.ended;
    });
  }
}

/** CPU time of a process so far, user and system, of all its threads. */
export function cpuSecondsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  return (Number(fields[11]) + Number(fields[12])) / kTicksPerSecond;
}

export async function within(milliseconds, promise) {
  const abort = new AbortController();
  const timeout = delay(milliseconds, undefined, { signal: abort.signal })
    .then(() => { throw new Error(`not within ${milliseconds / 1000} s`); });
  timeout.catch(() => {});
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    abort.abort();
  }
}

/** Asks again and again until the answer is truthy, and returns it. */
export async function eventually(ask, milliseconds, what) {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > deadline) throw new Error(`not within ${milliseconds / 1000} s: ${what}`);
    await delay(20);
  }
}

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export function bytesIn(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .map((entry) => (entry.isDirectory() ? bytesIn(join(folder, entry.name)) : statSync(join(folder, entry.name)).size))
    .reduce((sum, bytes) => sum + bytes, 0);
}
