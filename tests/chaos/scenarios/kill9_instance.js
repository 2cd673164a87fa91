import { threeInstances } from '../instances.js';

export const name = 'kill9-instance';
export const line = 'PostgreSQL, three instances: one after the other is killed with signal 9; the others take over, and it comes back.';

export async function run(stage) {
  const { instances, addresses, divided } = await threeInstances(stage);
  await stage.underLoad(addresses, async () => {
    while (stage.goesOn) {
      const victim = stage.random.pick(instances);
      await stage.fault('kill -9 of an instance', () => victim.signal('SIGKILL'));
      await victim.start();
      await divided();
    }
  });
}
