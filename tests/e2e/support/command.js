import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { kBinary } from './service.js';

const kMsMax = 30_000;

/**
 * A run of a `data-sync` command, as a person or a script would make it.
 *
 * @param {string[]} words
 * @param {object} [options]
 * @param {string} [options.cwd]
 * @param {Record<string, string>} [options.env]  besides PATH
 * @param {string} [options.input]                what it reads on standard input
 */
export class Command {
  #child;
  out = '';
  err = '';

  constructor(words, { cwd, env = {}, input = '' } = {}) {
    this.#child = spawn(kBinary, words, { cwd, env: { PATH: process.env.PATH, ...env }, timeout: kMsMax });
    this.#child.stdout.on('data', (text) => { this.out += text; });
    this.#child.stderr.on('data', (text) => { this.err += text; });
    this.#child.stdin.on('error', () => {}); // it may end before it has read all
    this.#child.stdin.end(input);
    this.ended = once(this.#child, 'close').then(([code, signal]) => ({ code: code ?? signal, out: this.out, err: this.err }));
  }

  signal(name) {
    this.#child.kill(name);
    return this.ended;
  }
}

/** Runs it to its end: `{code, out, err}`. */
export function run(words, options) {
  return new Command(words, options).ended;
}
