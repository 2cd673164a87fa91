import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root folder. */
export const root = fileURLToPath(new URL('../../../', import.meta.url));

const kFiles = ['deploy-data-sync.sh', 'docker-compose.bizosaas-platform.yml', '.env.example', 'deploy'];
// All that the script needs of a machine, so that no Docker that is on this one is ever asked.
const kTools = ['awk', 'base64', 'bash', 'basename', 'cat', 'curl', 'dirname', 'find', 'grep', 'head', 'id', 'mktemp', 'mv', 'od',
  'readlink', 'rm', 'sed', 'sleep', 'tail', 'tr', 'wc'];
const kMsMax = 60_000;

/** @param {string} path  from the root */
export function read(path) {
  return readFileSync(join(root, path), 'utf8');
}

/** A copy of what a deployment consists of, in a folder of its own, on a machine with a stand-in for Docker. */
export class Deployment {
  folder = mkdtempSync(join(tmpdir(), 'data-sync-deploy-'));
  #tools = join(this.folder, 'tools');
  #fake = join(this.folder, 'fake');

  /** @param {string[]} docker  the commands of Docker's that there are */
  constructor(docker = ['docker']) {
    for (const file of kFiles) cpSync(join(root, file), join(this.folder, file), { recursive: true });
    mkdirSync(this.#tools);
    mkdirSync(this.#fake);
    for (const tool of kTools) {
      const { stdout } = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' });
      symlinkSync(stdout.trim(), join(this.#tools, tool));
    }
    for (const name of docker) {
      cpSync(join(root, 'tests/deploy/support/fake_docker.sh'), join(this.#tools, name));
      chmodSync(join(this.#tools, name), 0o755);
    }
  }

  /** How the stand-in answers; see its file. */
  docker(answer, content = '') {
    writeFileSync(join(this.#fake, answer), content);
  }

  write(file, content, mode = 0o600) {
    writeFileSync(join(this.folder, file), content, { mode });
  }

  read(file) {
    return readFileSync(join(this.folder, file), 'utf8');
  }

  path(file) {
    return join(this.folder, file);
  }

  /** What the stand-in was told since the last time, one line a call. */
  calls() {
    const file = join(this.#fake, 'calls');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    rmSync(file, { force: true });
    return lines;
  }

  /** Runs the script from another folder: `{code, out, err}`. */
  async run(words = [], env = {}) {
    const child = spawn(this.path('deploy-data-sync.sh'), words, {
      cwd: tmpdir(),
      env: { PATH: this.#tools, FAKE_DOCKER: this.#fake, HOME: this.folder, ...env },
      timeout: kMsMax,
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text) => { out += text; });
    child.stderr.on('data', (text) => { err += text; });
    const [code, signal] = await once(child, 'close');
    return { code: code ?? signal, out, err };
  }

  /** Deletes all of it. */
  end() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
