import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** @param {string} path  from the root */
export function read(path) {
  return readFileSync(join(root, path), 'utf8');
}

/** The files that we wrote, from the root: what git knows, and what it would if it were asked. */
export function ourFiles() {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: root });
  return listed.toString().split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
}

/** The rooms: the folders of src/ that have something in them. */
export function rooms() {
  return readdirSync(join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(root, 'src', entry.name)).length > 0)
    .map((entry) => entry.name);
}
