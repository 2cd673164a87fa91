import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kSource = fileURLToPath(new URL('wall_clock.c', import.meta.url));
const kSecondsOfADay = 86_400;
let library;

/** The environment in which a service believes that it is so many days ago; 0 is today, without any trick. */
export function daysAgo(days) {
  if (days === 0) return {};
  if (library === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'data-sync-clock-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    library = join(folder, 'wall_clock.so');
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, kSource]);
  }
  return { LD_PRELOAD: library, CLOCK_OFFSET_SECONDS: String(-days * kSecondsOfADay) };
}
