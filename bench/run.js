#!/usr/bin/env node
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';

import { BusServer, buses } from './measure/bus.js';
import { DatabaseServer } from './measure/database.js';
import { measureBulk, measureSingle } from './measure/plan.js';
import { startFloor, startService } from './measure/subjects.js';
import { figuresOf, tableOf } from './measure/table.js';

const kUsage = `node bench/run.js [options]

Measures the service and the floor in turns, and prints the median of all passes.

  --store NAME   where the service keeps its data: sqlite, or postgres, whose CPU is told apart (sqlite)
  --bus NAME     kafka, into which the service accepts events, or redis, which it tells of its queue; its CPU is told apart (neither)
  --passes N     how often each is measured (3)
  --quick        one short pass, to see that all of it works; its figures mean nothing
  --json FILE    the figures of every pass too
  --build DIR    where the programs are (build/release)
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    store: { type: 'string', default: 'sqlite' },
    bus: { type: 'string' },
    passes: { type: 'string', default: '3' },
    quick: { type: 'boolean' },
    json: { type: 'string' },
    build: { type: 'string', default: 'build/release' },
  },
});
if (values.help) {
  process.stdout.write(kUsage);
  process.exit(0);
}

if (!['sqlite', 'postgres'].includes(values.store)) refuse(`there is no store '${values.store}'`);
if (values.bus !== undefined && !buses.includes(values.bus)) refuse(`there is no bus '${values.bus}'; there are ${buses.join(' and ')}`);
const bus = values.bus && new BusServer(values.bus);
const database = values.store === 'postgres' ? new DatabaseServer() : undefined;
const scale = values.quick
  ? { records: 1000, seconds: 0.5, bulkRequests: 20 }
  : { records: 10_000, seconds: 4, bulkRequests: 500 };
const passes = values.quick ? 1 : Number(values.passes);
const data = `${values.build}/bench-data`;
mkdirSync(data, { recursive: true });

const measured = { service: [], floor: [] };
for (let pass = 1; pass <= passes; pass += 1) {
  for (const [name, start] of [['service', startService], ['floor', startFloor]]) {
    process.stderr.write(`pass ${pass} of ${passes}: ${name}\n`);
    measured[name].push({
      ...await measure(start, { bulk: false }, measureSingle),
      ...await measure(start, { bulk: true }, measureBulk),
    });
  }
}

const figures = figuresOf(measured.service, measured.floor);
const machine = { cpu: cpus()[0].model, cores: cpus().length };
process.stdout.write(`${tableOf(figures)}\n\nMedian of ${passes} on ${machine.cores} cores (${machine.cpu}), which the service `
  + 'shares with the load generator and the targets. Floor: the\nleast program that does the same (bench/floor/relay.h), measured in turns '
  + 'with the service.\n'
  + (database ? 'The service keeps its data in PostgreSQL, the floor in an SQLite file.\n' : '')
  + (bus?.note ?? ''));
if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, store: values.store, bus: values.bus, passes, scale, figures }, undefined, 2)}\n`);

async function measure(start, { bulk }, plan) {
  const subject = await start({ build: values.build, data, bulk, database, bus });
  try {
    return await plan(subject, values.build, scale);
  } finally {
    await subject.stop();
  }
}

function refuse(why) {
  process.stderr.write(`${why}\n`);
  process.exit(2);
}
