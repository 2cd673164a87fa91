import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { eventually } from '../../../simulators/story/eventually.js';

/** The built program. */
export const kBinary = process.env.DATA_SYNC_BINARY
  ? resolve(process.env.DATA_SYNC_BINARY)
  : fileURLToPath(new URL('../../../build/release/data-sync', import.meta.url));
const kReadyMsMax = 30_000;
const kLogCharactersMax = 20_000;

/**
 * The service as a process, with a data folder that outlives it: started again, it goes on where it was.
 */
export class Service {
  #env;
  #args;
  #launcher;
  #host;
  #logFile;
  #child;
  #ended;
  #log = '';

  /**
   * @param {object} options
   * @param {Record<string, string>} options.env  addresses of the platforms, and settings
   * @param {string[]} [options.args]             behind `serve`
   * @param {string} [options.host]               a loopback address, where other services shall never get its port
   * @param {string} [options.logFile]            gets all that it writes, of all its runs
   * @param {string[]} [options.launcher]         before the program: a command that becomes it, as `prlimit` does
   */
  constructor({ env, args = [], host, launcher = [], logFile }) {
    if (!existsSync(kBinary)) throw new Error(`${kBinary} is not built: ./dev build`);
    this.#env = env;
    this.#args = args;
    this.#host = host;
    this.#launcher = launcher;
    this.#logFile = logFile;
    this.folder = mkdtempSync(join(tmpdir(), 'data-sync-e2e-'));
    process.once('exit', this.#killAtExit);
  }

  /**
   * Starts it on the port that it had, the one of `env`, or else a free one, and waits until it takes events.
   *
   * @param {Record<string, string>} [env]  for this run only
   */
  async start(env = {}) {
    const host = this.#host ?? '127.0.0.1';
    this.port = Number(env.PORT ?? this.port ?? await freePort(host));
    this.url = `http://${host}:${this.port}`;
    const [program, ...words] = [...this.#launcher, kBinary, 'serve', ...this.#args];
    this.#child = spawn(program, words, {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH, ...(this.#host && { LISTEN_ADDRESS: this.#host }), ...this.#env, ...env, PORT: String(this.port),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (text) => {
        this.#log = (this.#log + text).slice(-kLogCharactersMax);
        if (this.#logFile) appendFileSync(this.#logFile, text);
      });
    }
    this.#ended = once(this.#child, 'close').then(([code, signal]) => ({ code, signal }));
    await eventually(() => {
      if (!this.alive) throw new Error(`the service ended at once:\n${this.#log}`);
      return fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false);
    }, { deadlineMs: kReadyMsMax, explain: () => `the service is not ready:\n${this.#log}` });
    return this;
  }

  get alive() {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last that it wrote. */
  get log() {
    return this.#log;
  }

  get pid() {
    return this.#child.pid;
  }

  /** Resolves with `{code, signal}` when the process is gone. */
  get ended() {
    return this.#ended;
  }

  signal(name) {
    this.#child.kill(name);
    return this.#ended;
  }

  /** Ends it for good, and deletes its data. */
  async stop() {
    if (this.alive) {
      const killer = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
      await this.signal('SIGTERM');
      clearTimeout(killer);
    }
    process.off('exit', this.#killAtExit);
    rmSync(this.folder, { recursive: true, force: true });
  }

  // A test that fails hard must not leave a service behind.
  #killAtExit = () => {
    if (this.alive) this.#child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  };
}

export async function freePort(host) {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
