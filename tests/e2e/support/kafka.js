import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { Kafka as Client, Partitioners, logLevel } from 'kafkajs';

import { eventually } from '../../../simulators/story/eventually.js';

const kScript = fileURLToPath(new URL('../../../scripts/with_kafka.sh', import.meta.url));
// It says where it is, and stays until its input ends.
const kStay = 'echo "$DATASYNC_KAFKA_BROKERS $DATASYNC_KAFKA_SERVER"; cat';
const kAll = -1; // all replicas, of which there is one
let groups = 0;

/** A Kafka broker of the test file's own, on a free port and without topics, and what other programs do with it. */
export class Kafka {
  #child;
  #server;
  #client;
  #log = '';

  static async start() {
    const kafka = new Kafka();
    kafka.#child = spawn(kScript, ['sh', '-c', kStay], { stdio: ['pipe', 'pipe', 'pipe'] });
    kafka.#child.stderr.on('data', (text) => { kafka.#log += text; });
    const gone = once(kafka.#child, 'close').then(() => { throw new Error(`no Kafka broker: ${kafka.#log}`); });
    gone.catch(() => {}); // later it may go
    const [line] = await Promise.race([once(createInterface(kafka.#child.stdout), 'line'), gone]);
    [kafka.brokers, kafka.#server] = line.split(' ');
    kafka.#client = new Client({ clientId: 'test', brokers: [kafka.brokers], logLevel: logLevel.NOTHING });
    return kafka;
  }

  /** @param {Record<string, string>} [options.settings]  of the topic, such as `retention.ms` */
  async createTopic(topic, { partitions = 1, settings = {} } = {}) {
    const configEntries = Object.entries(settings).map(([name, value]) => ({ name, value }));
    await this.#asAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }] }));
  }

  /** Another topic of the same name, with nothing in it. */
  async remakeTopic(topic, options) {
    await this.#asAdmin((admin) => admin.deleteTopics({ topics: [topic] }));
    await eventually(() => this.createTopic(topic, options).then(() => true, () => false));
  }

  /** The offset behind the last message of each partition: how many it has had, if none was part of a transaction. */
  async lengths(topic) {
    const offsets = await this.#asAdmin((admin) => admin.fetchTopicOffsets(topic));
    return offsets.sort((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
  }

  /**
   * Appends messages, and returns when the broker has acknowledged them.
   *
   * @param {{key?: string, value: string | null, headers?: Record<string, string>, partition?: number}[]} messages
   */
  async produce(topic, messages) {
    const producer = this.#client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await whileConnected(producer, () => producer.send({ topic, messages, acks: kAll }));
  }

  /** The oldest `count` messages of a topic, as soon as it has them. Those of a partition are in order. */
  async consume(topic, count, { deadlineMs } = {}) {
    const { messages, close } = await this.follow(topic);
    try {
      await eventually(() => messages.length >= count, { deadlineMs, explain: () => `${messages.length} of ${count} messages of ${topic}` });
    } finally {
      await close();
    }
    return messages.slice(0, count);
  }

  /**
   * What a topic has and what comes to it, as it comes, until it is closed.
   *
   * @returns {Promise<{messages: {partition: number, offset: number, key?: string, value?: string, headers: Record<string, string>}[],
   *   close: () => Promise<void>}>}
   */
  async follow(topic) {
    groups += 1;
    const consumer = this.#client.consumer({ groupId: `test-${process.pid}-${groups}`, maxWaitTimeInMs: 50 });
    const messages = [];
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ partition, message }) => { messages.push(readable(partition, message)); } });
    return { messages, close: () => consumer.disconnect() };
  }

  /** It dies as it stands. */
  kill() {
    return this.#tell('signal', 'KILL');
  }

  /** It starts where it was, with its data. */
  again() {
    return this.#tell('start');
  }

  /** It answers nothing, and keeps its connections. */
  freeze() {
    return this.#tell('signal', 'STOP');
  }

  thaw() {
    return this.#tell('signal', 'CONT');
  }

  async stop() {
    const closed = once(this.#child, 'close');
    this.#child.stdin.end();
    await closed;
  }

  async #tell(...words) {
    const child = spawn(this.#server, words, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text) => { said += text; });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error(`the broker does not ${words.join(' ')}: ${said}`);
  }

  #asAdmin(deed) {
    const admin = this.#client.admin();
    return whileConnected(admin, () => deed(admin));
  }
}

async function whileConnected(client, deed) {
  await client.connect();
  try {
    return await deed();
  } finally {
    await client.disconnect();
  }
}

/** A message with texts instead of bytes. */
function readable(partition, { offset, key, value, headers = {} }) {
  return {
    partition,
    offset: Number(offset),
    key: key?.toString(),
    value: value?.toString(),
    headers: Object.fromEntries(Object.entries(headers).map(([name, bytes]) => [name, bytes.toString()])),
  };
}
