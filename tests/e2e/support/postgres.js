import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const [kScript, kStandbyScript] = ['with_postgres', 'with_standby']
  .map((name) => fileURLToPath(new URL(`../../../scripts/${name}.sh`, import.meta.url)));
// It says where it is, and stays until its input ends.
const kStay = 'echo "$DATASYNC_POSTGRES_URL $DATASYNC_POSTGRES_RESTART $DATASYNC_POSTGRES_PROMOTE"; cat';
let schemas = 0;

/** A PostgreSQL server of the test file's own, on a free port and with nothing in it. */
export class Postgres {
  #child;
  #restart;
  #promote;
  #log = '';

  /**
   * @param {object} [options]
   * @param {boolean} [options.tls]      it speaks TLS, too
   * @param {boolean} [options.standby]  another server has all that it acknowledges, and can take its place
   * @param {string} [options.folder]    where its data lie, instead of the system's folder for what is temporary
   * @param {string} [options.settings]  of the server, such as `-c fsync=on`
   * @returns {Promise<Postgres>}
   */
  static async start({ tls = false, standby = false, folder, settings } = {}) {
    const server = new Postgres();
    server.#child = spawn(kScript, [...(standby ? [kStandbyScript] : []), 'sh', '-c', kStay], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: {
        ...process.env, ...(tls && { DATASYNC_POSTGRES_TLS: '1' }), ...(folder && { TMPDIR: folder }),
        ...(settings && { DATASYNC_POSTGRES_OPTIONS: settings }),
      },
    });
    server.#child.stderr.on('data', (text) => { server.#log += text; });
    const gone = once(server.#child, 'close').then(() => { throw new Error(`no PostgreSQL server: ${server.#log}`); });
    gone.catch(() => {}); // later it may go
    const [line] = await Promise.race([once(createInterface(server.#child.stdout), 'line'), gone]);
    [server.url, server.#restart, server.#promote] = line.split(' ');
    return server;
  }

  /** The address of a new schema, for a database of the test's own. */
  schema() {
    schemas += 1;
    this.sql(`CREATE SCHEMA s${schemas}`);
    return { name: `s${schemas}`, url: `${this.url}?options=-csearch_path%3Ds${schemas}` };
  }

  /** Runs a statement as its owner; returns its rows as lines. */
  sql(statement) {
    const { status, stdout, stderr } = spawnSync('psql', ['--no-psqlrc', '-qAt', '-c', statement, this.url], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${statement}: ${stderr}`);
    return stdout.split('\n').filter((line) => line !== '');
  }

  /** Ends the server's side of all connections of the service; how many there were. */
  cutAll() {
    return this.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'data-sync'").length;
  }

  /** Follows its log as a synchronous standby would, and keeps it in a folder. */
  receiver() {
    const folder = mkdtempSync(join(tmpdir(), 'receiver-'));
    const words = ['--directory', folder, '--dbname', this.url, '--synchronous', '--no-loop'];
    const child = spawn('pg_receivewal', words, { stdio: 'ignore' });
    return { folder, stop: () => child.kill() };
  }

  /** Its first process is there; it may have ended by itself. */
  get alive() {
    try {
      const [pid] = readFileSync(join(dirname(this.#restart), 'data', 'postmaster.pid'), 'utf8').split('\n');
      return process.kill(Number(pid), 0);
    } catch (error) {
      if (error.code === 'ENOENT' || error.code === 'ESRCH') return false;
      throw error;
    }
  }

  /** The server crashes, if it has not ended already, and starts again. */
  crash() {
    return this.#run(this.#restart, 'does not start again');
  }

  /** The server crashes for good, and its standby takes its place. */
  promote() {
    return this.#run(this.#promote, 'has no successor');
  }

  async #run(command, failure) {
    const child = spawn(command, { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { this.#log += text; });
    const [code] = await once(child, 'exit');
    if (code !== 0) throw new Error(`the server ${failure}: ${this.#log}`);
  }

  async stop() {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
  }
}
