import { threeInstances } from '../instances.js';

export const name = 'kafka-everything';
export const line = 'Kafka and PostgreSQL, three instances: broker, database and instances are killed, frozen and cut off, also at once.';
export const isLong = true;

const kLastsMs = [0, 4_000];

export async function run(stage) {
  const kafka = await stage.kafka();
  const { postgres, proxy, instances, divided } = await threeInstances(stage, { env: { KAFKA_BROKERS: kafka.brokers }, isBehindProxy: true });
  const frozen = new Set();
  // Whom it meets, how, and what undoes that; in the order in which they can be there again: an instance needs the others to start.
  const faults = {
    broker: {
      dead: () => [() => kafka.kill(), () => kafka.again()],
      frozen: () => [() => kafka.freeze(), () => kafka.thaw()],
    },
    database: {
      'out of reach': () => [() => {
        proxy.change({ is_closed: true });
        proxy.cutAll();
      }, () => proxy.change({})],
      crashed: () => [() => postgres.crash(), () => {}],
    },
    instance: {
      dead: (one) => [() => one.signal('SIGKILL'), () => one.start()],
      frozen: (one) => [() => {
        process.kill(one.pid, 'SIGSTOP');
        frozen.add(one);
      }, () => {
        process.kill(one.pid, 'SIGCONT');
        frozen.delete(one);
      }],
    },
  };
  // A load balancer notices who is frozen; a client that asked it all the same would only wait.
  const addresses = () => instances.filter((one) => !frozen.has(one)).map(({ url }) => url);
  const healed = async () => {
    await divided();
    await stage.until(() => stage.caughtUp(instances[0]), 'the database has all that was accepted');
  };
  await stage.underLoad(addresses, async () => {
    while (stage.goesOn) {
      const first = stage.random.pick(Object.keys(faults));
      const met = Object.keys(faults).filter((whom) => whom === first || stage.random.next() < 0.4)
        .map((whom) => ({ whom, how: stage.random.pick(Object.keys(faults[whom])) }));
      const deeds = met.map(({ whom, how }) => faults[whom][how](stage.random.pick(instances)));
      await stage.fault(met.map(({ whom, how }) => `${whom} ${how}`).join(', '), async () => {
        for (const [make] of stage.random.next() < 0.5 ? deeds : deeds.toReversed()) await make();
        await stage.lasting(kLastsMs);
        for (const [, undo] of deeds) await undo();
      }, { countedFrom: 'end', healed });
    }
  });
  stage.note = 'recovered when the shards are divided and the database has all';
}
