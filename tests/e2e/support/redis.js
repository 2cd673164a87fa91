import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { eventually } from '../../../simulators/story/eventually.js';
import { freePort } from './service.js';

/** A Redis server of the test file's own, on a free port, in memory only. */
export class Redis {
  #child;
  #password;

  /** @param {string} [password]  without which it does nothing */
  static async start(password) {
    const redis = new Redis();
    redis.#password = password;
    redis.port = await freePort('127.0.0.1');
    redis.url = `redis://${password ? `:${password}@` : ''}127.0.0.1:${redis.port}/6`;
    await redis.again();
    return redis;
  }

  /** Starts it, empty, where it was. */
  async again() {
    const words = ['--port', this.port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', '/tmp'];
    if (this.#password) words.push('--requirepass', this.#password);
    this.#child = spawn('redis-server', words.map(String), { stdio: 'ignore' });
    await eventually(() => {
      if (this.#child.exitCode !== null) throw new Error(`redis-server ended with ${this.#child.exitCode}`);
      return this.#cli(['ping']).stdout === 'PONG\n';
    }, { everyMs: 20 });
  }

  /** @param {string[]} words  of one command; returns what it answers */
  ask(...words) {
    const { status, stdout, stderr } = this.#cli(words);
    if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
    return stdout.trimEnd();
  }

  lengths() {
    return ['critical', 'high', 'normal', 'low'].map((priority) => Number(this.ask('llen', `events:${priority}`)));
  }

  /** What comes on channels from now on, as it comes; ends when the test does. */
  async subscribe(pattern) {
    const messages = [];
    const child = spawn('redis-cli', [...this.#connection(), 'psubscribe', pattern], { stdio: ['ignore', 'pipe', 'ignore'] });
    const lines = createInterface(child.stdout);
    const subscribed = once(lines, 'line');
    let words = [];
    lines.on('line', (line) => {
      words.push(line);
      if (words[0] !== 'pmessage') words = words.length === 3 ? [] : words;
      else if (words.length === 4) {
        messages.push({ channel: words[2], message: JSON.parse(words[3]) });
        words = [];
      }
    });
    await subscribed;
    return { messages, close: () => child.kill() };
  }

  async kill() {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  /** It answers nothing, and keeps its connections. */
  freeze() {
    this.#child.kill('SIGSTOP');
  }

  thaw() {
    this.#child.kill('SIGCONT');
  }

  async stop() {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }

  #connection() {
    return ['-p', String(this.port), '-n', '6', '--no-auth-warning', ...(this.#password ? ['-a', this.#password] : [])];
  }

  #cli(words) {
    return spawnSync('redis-cli', [...this.#connection(), ...words], { encoding: 'utf8' });
  }
}
