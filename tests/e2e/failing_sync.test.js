/** A disk that does not confirm a write ends the process: what it dropped, nobody knows. Nothing acknowledged is lost by it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newLead } from './support/events.js';
import { failEverySync, missingStrace } from './support/failing_sync.js';
import { Service } from './support/service.js';
import { newTenant, world } from './support/world.js';

const kDiskFailed = 74; // EX_IOERR
const kClients = 16;
const skip = missingStrace();

const w = await world();

function lead(tenant, number) {
  return newLead(tenant, { lead_id: `lead-${number}`, contact_email: `${number}@example.com`, lead_score: number }, { id: `${tenant}-${number}` });
}

async function assertAllThere(tenant, ids) {
  for (const id of ids) assert.equal((await w.settled(id)).status, 'completed', id);
  assert.ok((await w.state('bizosaas', tenant, 'lead')).length >= ids.length);
}

test('A failed fsync ends the process with a clear message, and the event is not acknowledged', { skip }, async () => {
  const tenant = newTenant();
  const ids = [];
  for (let i = 0; i < 5; i += 1) ids.push(await w.send(lead(tenant, i)));
  await w.idle();
  await failEverySync(w.service.pid);
  const answer = await w.post('/sync/events', lead(tenant, 5)).then(({ status }) => status, () => 'closed');
  assert.equal(answer, 'closed');
  assert.deepEqual(await w.service.ended, { code: kDiskFailed, signal: null });
  assert.match(w.service.log, /the disk did not confirm a write .*ending now/);
  await w.service.start();
  await assertAllThere(tenant, ids);
  const { status } = await w.post('/sync/events', lead(tenant, 5));
  assert.ok([200, 201].includes(status), 'it may have been written, and counts once');
});

test('Under load, all that was acknowledged before the disk failed is there after a restart', { skip }, async () => {
  const tenant = newTenant();
  const acknowledged = [];
  await failEverySync(w.service.pid, 40);
  let number = 0;
  const client = async () => {
    for (;;) {
      const event = lead(tenant, number);
      number += 1;
      const status = await w.post('/sync/events', event).then((answer) => answer.status, () => 'closed');
      if (status !== 201) return assert.equal(status, 'closed');
      acknowledged.push(event.id);
    }
  };
  await Promise.all(Array.from({ length: kClients }, client));
  assert.deepEqual(await w.service.ended, { code: kDiskFailed, signal: null });
  await w.service.start();
  assert.ok(acknowledged.length > kClients, `only ${acknowledged.length} were acknowledged`);
  await assertAllThere(tenant, acknowledged);
});

test('A disk that confirms nothing keeps it from starting', { skip }, async () => {
  const launcher = ['strace', '-D', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync,fdatasync', '-e', 'inject=fsync,fdatasync:error=EIO'];
  const service = new Service({ env: {}, launcher });
  await assert.rejects(service.start(), /ended at once/);
  assert.deepEqual(await service.ended, { code: kDiskFailed, signal: null });
  assert.match(service.log, /the disk did not confirm a write/);
  await service.stop();
});
