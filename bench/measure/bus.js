import { cpuSecondsOf } from './programs.js';

let places = 0;

/** What the service is told of each of them, in a place that nobody has used; the address is that of the scripts (scripts/with_*.sh). */
const kBuses = {
  kafka: {
    address: 'DATASYNC_KAFKA_BROKERS',
    pid: 'DATASYNC_KAFKA_PID',
    settings: (brokers, place) => ({
      KAFKA_BROKERS: brokers, KAFKA_TOPIC: `bench-${place}.events`, KAFKA_DEAD_LETTER_TOPIC: `bench-${place}.dead-letters`,
    }),
    note: 'The service accepts events into Kafka: one node, which leaves it to the system when its disk has them. Its log is not in the bytes.\n',
  },
  redis: {
    address: 'DATASYNC_REDIS_URL',
    pid: 'DATASYNC_REDIS_PID',
    settings: (url) => ({ REDIS_URL: url }), // who stops leaves nothing there
    note: 'The service tells Redis of its queue and of what happens.\n',
  },
};

export const buses = Object.keys(kBuses);

/** The server of `--bus` beside which this runs. */
export class BusServer {
  #bus;
  #address;
  #pid;

  /** @param {string} name  one of `buses` */
  constructor(name) {
    this.#bus = kBuses[name];
    this.#address = process.env[this.#bus.address];
    this.#pid = Number(process.env[this.#bus.pid]);
    if (!this.#address || !this.#pid) throw new Error(`there is no server: ./dev bench --bus ${name} starts one`);
  }

  /** The settings of one subject, which finds nothing there of those before. */
  settings() {
    places += 1;
    return this.#bus.settings(this.#address, places);
  }

  cpuSeconds() {
    return cpuSecondsOf(this.#pid);
  }

  /** What the table says of it. */
  get note() {
    return this.#bus.note;
  }
}
