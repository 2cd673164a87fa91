import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const kSource = fileURLToPath(new URL('wall_clock.c', import.meta.url));
const kSecondsOfADay = 86_400;
let folder;

/** The folder with the library in it, which is built for the first that needs it. */
function built() {
  if (folder === undefined) {
    folder = mkdtempSync(join(tmpdir(), 'data-sync-clock-'));
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', join(folder, 'wall_clock.so'), kSource]);
  }
  return folder;
}

/** The environment in which a service believes that it is so many days ago; 0 is today, without any trick. */
export function daysAgo(days) {
  if (days === 0) return {};
  return { LD_PRELOAD: join(built(), 'wall_clock.so'), CLOCK_OFFSET_SECONDS: String(-days * kSecondsOfADay) };
}

/** A wall clock that jumps while services that were started in its `env` run. */
export class JumpingClock {
  #file;
  #name;

  constructor() {
    this.#name = join(mkdtempSync(join(built(), 'jumping-')), 'offset');
    this.#file = openSync(this.#name, 'wx');
    this.set(0);
  }

  get env() {
    return { LD_PRELOAD: join(built(), 'wall_clock.so'), CLOCK_OFFSET_FILE: this.#name };
  }

  /** From now on it goes so many seconds before (or, below zero, behind) the true time. */
  set(seconds) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(seconds));
    writeSync(this.#file, bytes, 0, bytes.length, 0);
  }

  close() {
    closeSync(this.#file);
  }
}
