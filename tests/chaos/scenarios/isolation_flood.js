import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { goFirst, measure } from '../isolation.js';
import { Pacer } from '../pacer.js';

export const name = 'isolation-flood';
export const line = 'One tenant sends twenty times its share: how much later are the others\' events delivered than in calm spells?';
export const isLong = true;

const kClients = 9; // and the one that floods
const kPerSecondEach = 20;
const kTimesItsShare = 20;
const kSpellSeconds = 1;

/**
 * In calm spells the flood goes through a second service to the same targets. So the machine, the clients and the targets have the
 * same work in both, and what differs is only whose service it is that has to keep the tenants apart.
 */
export async function run(stage) {
  goFirst(stage);
  const platforms = await stage.platformsApart();
  const [service, twin] = [stage.service(platforms), stage.service(platforms)];
  await Promise.all([service.start(), twin.start()]);
  const pacer = new Pacer(service.url, Array.from({ length: kClients }, () => stage.other()));
  stage.defer(() => pacer.stop());
  const floods = [service, twin].map(({ url }) => floodOf(stage, url));

  await measure(stage, {
    async spell(kind) {
      const times = kind === 'bad' ? [kTimesItsShare, 1] : [1, kTimesItsShare];
      const flooding = floods.map((flood, i) => flood(times[i] * kPerSecondEach));
      const ids = await pacer.run(kPerSecondEach * kClients, kSpellSeconds);
      for (const refused of await Promise.all(flooding)) pacer.refused.push(...refused);
      return stage.delivered(['bizosaas'], ids, pacer.sentAt);
    },
  });
  if (pacer.refused.length > 0) throw new Error(`an event was refused: ${pacer.refused[0]}`);
  await stage.settle();
}

/** Something that floods a service for a spell, and returns what was refused. */
function floodOf(stage, url) {
  const client = stage.other();
  const worker = new Worker(new URL('../flood_worker.js', import.meta.url), { workerData: { url, number: client.number, tenant: client.tenant } });
  stage.defer(() => worker.terminate());
  return async (perSecond) => {
    worker.postMessage({ perSecond, seconds: kSpellSeconds });
    const [{ told, refused }] = await once(worker, 'message');
    client.told.push(...told);
    return refused;
  };
}
