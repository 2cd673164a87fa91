#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { platforms } from './platforms.js';
import { startSimulator } from './server/simulator.js';

const kUsage = `node simulators/main.js [options]

Starts the three platforms, and prints one JSON line for each when it is ready.

  --only NAME            only this platform; may be repeated
  --NAME-port N          where it listens, 0 for any free port (${portList()})
  --NAME-token TOKEN     the token that its clients must send
  --service URL          the sync service that hears of what people do here
  --service-token TOKEN  bearer token towards it [DATA_SYNC_TOKEN]
  --host ADDRESS         address to listen on (127.0.0.1)
  --history-size N       calls remembered by each platform (200000)
  --body-limit BYTES     largest request body (1048576)

NAME is ${Object.keys(platforms).join(', ')}.
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    only: { type: 'string', multiple: true },
    service: { type: 'string' },
    'service-token': { type: 'string' },
    host: { type: 'string' },
    'history-size': { type: 'string' },
    'body-limit': { type: 'string' },
    ...Object.fromEntries(Object.keys(platforms).flatMap((name) => [
      [`${name}-port`, { type: 'string' }],
      [`${name}-token`, { type: 'string' }],
    ])),
  },
});
if (values.help) {
  process.stdout.write(kUsage);
  process.exit(0);
}

const names = values.only ?? Object.keys(platforms);
for (const name of names) {
  if (!platforms[name]) fail(`unknown platform ${name}; there are ${Object.keys(platforms).join(', ')}`);
}

const running = [];
for (const name of names) {
  const platform = platforms[name].create({ token: values[`${name}-token`] });
  try {
    const simulator = await startSimulator(platform, {
      port: count(`${name}-port`) ?? platforms[name].port,
      host: values.host,
      service: values.service,
      serviceToken: values['service-token'] ?? (process.env.DATA_SYNC_TOKEN || undefined),
      historySize: count('history-size'),
      bodyBytesMax: count('body-limit'),
    });
    running.push(simulator);
    process.stdout.write(`${JSON.stringify({ platform: name, url: simulator.url })}\n`);
  } catch (error) {
    fail(`${name}: ${error.message}`);
  }
}

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.once(signal, async () => {
    await Promise.all(running.map((simulator) => simulator.stop()));
    process.exit(0);
  });
}

function portList() {
  return Object.entries(platforms).map(([name, { port }]) => `${name} ${port}`).join(', ');
}

/** @returns {number | undefined} the whole number given for an option */
function count(option) {
  if (values[option] === undefined) return undefined;
  const number = Number(values[option]);
  if (!Number.isInteger(number) || number < 0) fail(`--${option} needs a whole number`);
  return number;
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
