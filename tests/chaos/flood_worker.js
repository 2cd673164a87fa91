/** A tenant that floods, in a thread of its own, so that it takes no time from who measures. */
import { parentPort, workerData } from 'node:worker_threads';

import { Client } from './clients.js';
import { Pacer } from './pacer.js';

const { url, number, tenant } = workerData;
const client = new Client(number, tenant, () => [], undefined);
const pacer = new Pacer(url, [client]);

parentPort.on('message', async ({ perSecond, seconds }) => {
  await pacer.run(perSecond, seconds);
  parentPort.postMessage({ told: client.told.splice(0), refused: pacer.refused.splice(0) });
});
