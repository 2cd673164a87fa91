#!/usr/bin/env node
import { cpus, loadavg } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { play } from './play.js';
import { scenarios } from './scenarios.js';
import { tableOf } from './table.js';

const kUsage = `./dev chaos [scenario…] [options]

Runs the built service, real servers and simulated platforms while everything around it fails, and prints one table. What was
lost, applied twice or out of order is found in the clients' and the targets' own memories. Ends with 0 only if there is none of
it, and each scenario did its faults.

  --seed N       repeats the choices of an earlier run; not its timing
  --seconds N    how long each scenario makes faults (20)
  --short        a few seconds of each scenario that needs no more
  --list         the scenarios
  --logs FOLDER  where logs go, and what speaks against a run (build/chaos)
  --keep         keeps them of what went well, too

${scenarios.map(({ name, line }) => `  ${name.padEnd(18)} ${line}`).join('\n')}
`;
const kSecondsOfTheShortForm = 2;
const kProblemsShown = 10;

const { values, positionals } = parsed();
if (values.help || values.list) {
  process.stdout.write(values.help ? kUsage : `${scenarios.map(({ name, line }) => `${name.padEnd(18)} ${line}`).join('\n')}\n`);
  process.exit(0);
}
const unknown = positionals.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) refuse(`there is no scenario ${unknown.join(', ')}; there are ${scenarios.map(({ name }) => name).join(', ')}`);
for (const name of ['seed', 'seconds']) if (!/^[0-9]{1,9}$/.test(values[name])) refuse(`--${name} ${values[name]}: a whole number is wanted`);

// Servers, mounted disks and frozen processes must not stay behind.
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => interrupted.abort());

const chosen = scenarios.filter(({ name, isLong }) => (positionals.length > 0 ? positionals.includes(name) : !(values.short && isLong)));
const options = { seed: Number(values.seed), seconds: seconds(), logs: resolve(values.logs), keep: values.keep, signal: interrupted.signal };
say(`seed ${values.seed}`);
const rows = [];
for (const scenario of chosen) {
  if (interrupted.signal.aborted) break;
  const row = await play(scenario, options);
  rows.push(row);
  say(`${row.name}: ${row.faults_made} faults, ${row.verdict?.events ?? '?'} events, ${row.seconds.toFixed(0)} s${row.problems.length > 0 ? ', FAILED' : ''}`);
}

say(`\n${tableOf(rows)}\n`);
say(`On ${cpus().length} cores, which the clients, the targets and the servers share; load ${loadavg().map((value) => value.toFixed(1)).join(' ')}.
Recovery: until each client was acknowledged an event that it began after the fault, and what no client sees was whole again, too.
Duplicates: told again under the same key, and changed nothing.`);
const failed = rows.filter(({ problems }) => problems.length > 0);
for (const { name, problems, folder } of failed) {
  say(`\n${name}: FAILED`);
  for (const problem of problems.slice(0, kProblemsShown)) say(`  ${problem}`);
  if (problems.length > kProblemsShown) say(`  and ${problems.length - kProblemsShown} more`);
  say(`  logs: ${folder}\n  again: ./dev chaos ${name} --seed ${values.seed} --seconds ${seconds()}`);
}
process.exit(failed.length > 0 ? 1 : 0);

function seconds() {
  return values.short ? kSecondsOfTheShortForm : Number(values.seconds);
}

function parsed() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean' },
        list: { type: 'boolean' },
        short: { type: 'boolean' },
        seed: { type: 'string', default: String(Date.now() % 1_000_000) },
        seconds: { type: 'string', default: '20' },
        keep: { type: 'boolean' },
        logs: { type: 'string', default: 'build/chaos' },
      },
    });
  } catch (error) {
    return refuse(error.message);
  }
}

function refuse(why) {
  process.stderr.write(`./dev chaos: ${why}\n`);
  process.exit(2);
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
