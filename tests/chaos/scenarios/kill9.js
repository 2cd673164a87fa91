export const name = 'kill9';
export const line = 'SQLite: the service is killed with signal 9, and started again on its file.';

export async function run(stage) {
  const service = stage.service(await stage.platforms());
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      await stage.fault('kill -9', async () => {
        await service.signal('SIGKILL');
        await service.start();
      });
    }
  });
}
