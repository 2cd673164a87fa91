export const name = 'postgres-restart';
export const line = 'PostgreSQL is stopped at once, as in a crash (immediate), and starts again.';

export async function run(stage) {
  const postgres = await stage.postgres();
  const service = stage.service(await stage.platforms(), { env: { DATABASE_URL: postgres.url } });
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) await stage.fault('an immediate restart', () => postgres.crash());
  });
}
