export const name = 'standby-promotion';
export const line = 'The PostgreSQL server dies for good, and its synchronous standby takes its place; the service knows both addresses.';

export async function run(stage) {
  const postgres = await stage.postgres({ standby: true });
  const service = stage.service(await stage.platforms(), { env: { DATABASE_URL: postgres.url } });
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    await stage.fault('promotion', () => postgres.promote()); // a pair has one promotion in it
    await stage.load();
  });
}
