import { threeInstances } from '../instances.js';

export const name = 'kafka-instances';
export const line = 'Kafka and PostgreSQL, three instances: one after the other is killed with signal 9; any accepts for it, and it comes back.';
export const isLong = true;

export async function run(stage) {
  const kafka = await stage.kafka();
  const { instances, addresses, divided } = await threeInstances(stage, { env: { KAFKA_BROKERS: kafka.brokers } });
  await stage.underLoad(addresses, async () => {
    while (stage.goesOn) {
      const victim = stage.random.pick(instances);
      await stage.fault('kill -9 of an instance', () => victim.signal('SIGKILL'));
      await victim.start();
      await divided();
    }
  });
}
