import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { SmallDisk } from '../../e2e/support/small_disk.js';

export const name = 'postgres-disk-full';
export const line = 'PostgreSQL: its disk runs full under load, by turns also for its log, by which it crashes, and has room again.';
export const isLong = true;

const kMegabytes = 256;
const kFullMs = [200, 2_000];
const kNewLogFile = 'SELECT pg_switch_wal(), txid_current()';
/** A new file takes new room, and not that of an old one. */
const kSettings = '-c wal_recycle=off -c min_wal_size=32MB -c max_wal_size=64MB';

const kCrashed = /closed the connection|because of crash|recovery mode|not yet accepting|starting up|Connection refused/;

export async function run(stage) {
  if (SmallDisk.missing) throw new Error(SmallDisk.missing);
  const folder = mkdtempSync(join(tmpdir(), 'postgres-disk-'));
  stage.defer(() => rmSync(folder, { recursive: true }));
  const disk = SmallDisk.mount(folder, kMegabytes, (undo) => stage.defer(undo));
  const postgres = await stage.postgres({ folder, settings: kSettings });
  const service = stage.service(await stage.platforms(), { env: { DATABASE_URL: postgres.url } });
  await service.start();
  let crashes = 0;
  let starts = 0;
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      const crashed = stage.faults % 2 === 1;
      await stage.fault(crashed ? 'a full disk, and no room for the log' : 'a full disk', async () => {
        const before = stage.refusals.length;
        disk.fill();
        if (crashed) await stage.until(() => !answers(postgres, kNewLogFile), 'the server has no room for its log');
        await stage.until(() => stage.refusals.length > before, 'an event finds no room');
        await stage.lasting(kFullMs);
        disk.free();
        // It starts again by itself, unless it found no room for that either; then whoever looks after it starts it.
        await stage.until(async () => {
          if (postgres.alive) return answers(postgres, 'SELECT 1');
          starts += 1;
          await postgres.crash();
          return true;
        }, 'the server is there again');
        if (crashed) crashes += 1;
      }, { countedFrom: 'end' });
    }
  });
  const wrong = stage.refusals.filter((text) => !text.startsWith('503 '));
  if (wrong.length > 0) throw new Error(`a full disk is told by 503, but clients got ${wrong[0]}`);
  stage.note = `its log had no room ${crashes} times, by which it ended ${starts} times`;
}

/** False where the server has crashed, and is not back yet. */
function answers(postgres, statement) {
  try {
    postgres.sql(statement);
    return true;
  } catch (error) {
    if (kCrashed.test(error.message)) return false;
    if (/No space left/.test(error.message)) return true;
    throw error;
  }
}
