import { threeInstances } from '../instances.js';

export const name = 'freeze-instance';
export const line = 'PostgreSQL, three instances: one is stopped with SIGSTOP until the others have its work; then it wakes up.';
export const isLong = true;

export async function run(stage) {
  const { instances, divided } = await threeInstances(stage);
  let frozen;
  // A load balancer goes on asking it for as long as it takes to notice; who is asked and does not answer costs a client 4 s.
  await stage.underLoad(() => instances.filter((one) => one !== frozen).map(({ url }) => url), async () => {
    while (stage.goesOn) {
      const victim = stage.random.pick(instances);
      await stage.fault('SIGSTOP of an instance', async () => { process.kill(victim.pid, 'SIGSTOP'); });
      frozen = victim;
      await divided(instances.filter((one) => one !== victim));
      await stage.load();
      process.kill(victim.pid, 'SIGCONT');
      await divided();
      frozen = undefined;
    }
  });
}
