import { execFileSync, spawn } from 'node:child_process';
import { after } from 'node:test';

import { eventually } from '../../../simulators/story/eventually.js';

/** Why strace can't make calls of a process fail here, or `false`. */
export function missingStrace() {
  try {
    execFileSync('strace', ['-qq', '-e', 'inject=fsync:error=EIO', '-e', 'trace=fsync', '-o', '/dev/null', 'true'], { stdio: 'pipe' });
    return false;
  } catch (error) {
    return `strace can't be used here: ${error.stderr || error.message}`;
  }
}

/**
 * From now on the disk of a running process confirms nothing: every fsync fails with an I/O error.
 *
 * @param {number} pid
 * @param {number} [first]  how many succeed before, and 1
 */
export async function failEverySync(pid, first = 1) {
  const inject = `inject=fsync,fdatasync:error=EIO:when=${first}+`;
  const strace = spawn('strace', ['-f', '-e', 'trace=fsync,fdatasync', '-e', inject, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  after(() => strace.kill());
  let said = '';
  strace.stderr.on('data', (text) => { said += text; });
  await eventually(() => {
    if (strace.exitCode !== null) throw new Error(`strace ended: ${said}`);
    return said.includes(' attached');
  }, { explain: () => said });
}
