import { join } from 'node:path';
import { execFileSync } from 'node:child_process';

import { SmallDisk } from '../../e2e/support/small_disk.js';

export const name = 'disk-full';
export const line = 'SQLite: the disk runs full under load, stays so for a while, and has room again.';

const kMegabytes = 64;
const kFullMs = [200, 2_000];

export async function run(stage) {
  const service = stage.service(await stage.platforms());
  const { fill, free } = diskOf(stage, service);
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      await stage.fault('a full disk', async () => {
        const before = stage.refusals.length;
        fill();
        await stage.until(() => stage.refusals.length > before, 'an event finds no room');
        await stage.lasting(kFullMs);
        free();
      }, { countedFrom: 'end' });
    }
  });
  const wrong = stage.refusals.filter((text) => !text.startsWith('503 '));
  if (wrong.length > 0) throw new Error(`a full disk is told by 503, but clients got ${wrong[0]}`);
}

/** A small file system where one may be mounted, else a limit on the size of files: a full disk for who writes. */
function diskOf(stage, service) {
  if (SmallDisk.missing) {
    const limit = (size) => execFileSync('prlimit', ['--pid', String(service.pid), `--fsize=${size}:unlimited`]);
    return { fill: () => limit(4096), free: () => limit('unlimited') };
  }
  const disk = SmallDisk.mount(join(service.folder, 'data'), kMegabytes, (undo) => stage.defer(undo));
  return { fill: () => disk.fill(), free: () => disk.free() };
}
