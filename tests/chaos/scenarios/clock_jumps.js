import { JumpingClock } from '../../e2e/support/wall_clock.js';

export const name = 'clock-jumps';
export const line = 'The wall clock of a running service jumps to and fro, by seconds and by hours; now and then it is killed, too.';

const kJumpsSeconds = [-2, 2, -60, 60, -3_600, 3_600, -4 * 3_600, 4 * 3_600];

const kNearSeconds = 1.5;

/** How many seconds the service believes to be ahead of us. */
async function ahead(service) {
  const { timestamp } = await (await fetch(`${service.url}/health`)).json();
  return (Date.parse(timestamp) - Date.now()) / 1000;
}

export async function run(stage) {
  const clock = new JumpingClock();
  stage.defer(() => clock.close());
  const service = stage.service(await stage.platforms(), { env: clock.env });
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      const seconds = stage.random.pick(kJumpsSeconds);
      await stage.fault(`a jump to ${seconds} s`, async () => {
        clock.set(seconds);
        await stage.until(async () => Math.abs(await ahead(service) - seconds) < kNearSeconds, 'the service sees another time');
        if (stage.random.next() < 0.2) {
          await service.signal('SIGKILL');
          await service.start();
        }
      }, { countedFrom: 'end' });
    }
  });
}
