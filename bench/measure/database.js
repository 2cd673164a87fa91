import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

const kTicksPerSecond = 100; // as in programs.js
let schemas = 0;

/** The PostgreSQL server beside which this runs (scripts/with_postgres.sh). */
export class DatabaseServer {
  #url = process.env.DATASYNC_POSTGRES_URL;
  #pid = Number(process.env.DATASYNC_POSTGRES_PID);

  constructor() {
    if (!this.#url || !this.#pid) throw new Error('there is no server: ./dev bench --store postgres starts one');
  }

  /** A place for one subject's data: empty, and gone when it is dropped. */
  place() {
    schemas += 1;
    const name = `bench_${schemas}`;
    this.#sql(`CREATE SCHEMA ${name}`);
    return {
      url: `${this.#url}?options=-csearch_path%3D${name}`,
      bytes: () => Number(this.#sql(`SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class WHERE relkind = 'r' AND relnamespace = '${name}'::regnamespace`)),
      drop: () => this.#sql(`SET client_min_messages = warning; DROP SCHEMA ${name} CASCADE; CHECKPOINT`),
    };
  }

  /** CPU time so far, of all its processes, also of those that have ended. */
  cpuSeconds() {
    const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(timesOf);
    const ticks = processes.reduce((sum, process) => {
      if (process?.pid === this.#pid) return sum + process.own + process.ended;
      return process?.parent === this.#pid ? sum + process.own : sum;
    }, 0);
    return ticks / kTicksPerSecond;
  }

  #sql(statement) {
    const { status, stdout, stderr } = spawnSync('psql', ['--no-psqlrc', '-qAt', '-v', 'ON_ERROR_STOP=1', '-c', statement, this.#url], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return stdout.trim();
  }
}

function timesOf(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ').map(Number);
    return { pid: Number(pid), parent: fields[1], own: fields[11] + fields[12], ended: fields[13] + fields[14] };
  } catch {
    return undefined; // it has ended meanwhile
  }
}
