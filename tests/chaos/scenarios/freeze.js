export const name = 'freeze';
export const line = 'SQLite: the service is stopped with SIGSTOP, for longer than a delivery may take, and goes on.';

const kFrozenMs = [500, 4_000]; // REQUEST_TIMEOUT is 2 s here

export async function run(stage) {
  const service = stage.service(await stage.platforms());
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      await stage.fault('SIGSTOP', async () => {
        process.kill(service.pid, 'SIGSTOP');
        await stage.lasting(kFrozenMs);
        process.kill(service.pid, 'SIGCONT');
      }, { countedFrom: 'end' });
    }
  });
}
