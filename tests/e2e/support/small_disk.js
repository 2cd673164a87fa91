import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';

/**
 * A file system of its own for a folder, small enough to be filled: a tmpfs, which only root may mount.
 */
export class SmallDisk {
  #folder;

  /**
   * @param {string} folder  made if it is not there
   * @param {number} megabytes
   * @param {(undo: () => void) => void} [atEnd]  when to unmount it: by default when the test file is done
   */
  static mount(folder, megabytes, atEnd = after) {
    mkdirSync(folder, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'data-sync-test', folder], { stdio: 'pipe' });
    const disk = new SmallDisk();
    disk.#folder = folder;
    // Lazily: a service that has failed the test may still hold files there.
    atEnd(() => execFileSync('umount', ['--lazy', folder]));
    return disk;
  }

  /** Why it can't be had here, or `false`. */
  static get missing() {
    if (process.getuid() !== 0) return 'only root may mount the small file system that it fills';
    try {
      execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'data-sync-test', '/mnt'], { stdio: 'pipe' });
      return false;
    } catch (error) {
      return `no file system can be mounted here: ${error.stderr ?? error.message}`;
    }
  }

  get #ballast() {
    return join(this.#folder, 'ballast');
  }

  /** Takes all the room that is left. */
  fill() {
    const file = openSync(this.#ballast, 'a');
    try {
      for (let size = 1 << 20; size > 0; size = Math.floor(size / 2)) {
        try {
          while (writeSync(file, Buffer.alloc(size)) === size);
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error;
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives it back. */
  free() {
    rmSync(this.#ballast, { force: true });
  }
}
