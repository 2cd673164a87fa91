#!/usr/bin/env node
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { castOf } from './story/casts.js';
import { Stage } from './story/stage.js';
import { variations, workflows } from './story/workflows.js';

const kUsage = `node simulators/scenario.js [options]

Plays the three workflows on running simulators and a running service, and tells what each platform then holds. Ends
with 0 only if all agree.

  --service URL       the sync service (http://127.0.0.1:8025)
  --bizoholic URL     (http://127.0.0.1:3008)
  --bizosaas URL      (http://127.0.0.1:8001)
  --coreldove URL     (http://127.0.0.1:8024)
  --tenant ID         (story-<time>)
  --deadline SECONDS  how long the platforms may take to agree (30)
  --repeat            goes on with variations until SIGTERM
  --pace SECONDS      the pause between two rounds of --repeat (2)
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    service: { type: 'string', default: 'http://127.0.0.1:8025' },
    bizoholic: { type: 'string', default: 'http://127.0.0.1:3008' },
    bizosaas: { type: 'string', default: 'http://127.0.0.1:8001' },
    coreldove: { type: 'string', default: 'http://127.0.0.1:8024' },
    tenant: { type: 'string', default: `story-${Date.now().toString(36)}` },
    deadline: { type: 'string', default: '30' },
    repeat: { type: 'boolean' },
    pace: { type: 'string', default: '2' },
  },
});
if (values.help) {
  process.stdout.write(kUsage);
  process.exit(0);
}

const stopping = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stopping.abort());

const telling = Date.now().toString(36);
const stage = new Stage({
  platforms: { bizoholic: values.bizoholic, bizosaas: values.bizosaas, coreldove: values.coreldove },
  service: values.service,
  tenant: values.tenant,
  say,
  signal: stopping.signal,
  deadlineMs: Number(values.deadline) * 1000,
});

let failures = 0;
for (let round = 0; !stopping.signal.aborted; round += 1) {
  await play(round === 0 ? workflows : variations, castOf(round, telling));
  if (!values.repeat) break;
  await delay(Number(values.pace) * 1000, undefined, { signal: stopping.signal }).catch(() => {});
}
if (!values.repeat && failures === 0) say('All platforms hold the same truth.');
process.exitCode = failures === 0 ? 0 : 1;

/** Plays one round. A workflow that fails is told and counted; the next one may still go well. */
async function play(round, cast) {
  for (const workflow of round) {
    try {
      await workflow(stage, cast);
    } catch (error) {
      if (stopping.signal.aborted) return;
      failures += 1;
      say(`   FAILED: ${error.cause?.message ?? error.message}`);
    }
  }
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
