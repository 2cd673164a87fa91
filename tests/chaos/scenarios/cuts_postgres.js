export const name = 'cuts-postgres';
export const line = 'A proxy before PostgreSQL cuts, delays, throttles and corrupts, under TLS as over any network that is not trusted.';

const kWeathers = [
  { cut_share: 0.02 }, { cut_share: 0.01, delay_ms: [0, 20] }, { bytes_per_second: 2_000_000 },
  { corrupt_share: 0.01 }, { corrupt_share: 0.01, cut_share: 0.01, delay_ms: [0, 5] },
];

export async function run(stage) {
  const postgres = await stage.postgres({ tls: true });
  const proxy = await stage.proxy(postgres.url);
  const service = stage.service(await stage.platforms(), { env: { DATABASE_URL: `${proxy.before(postgres.url)}?sslmode=require` } });
  await service.start();
  const { counts } = proxy;
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      const weather = stage.random.pick(kWeathers);
      const hits = () => (weather.cut_share ? counts.cut : 0) + (weather.corrupt_share ? counts.corrupted : 0)
        + (weather.bytes_per_second ? counts.throttled : 0);
      await stage.fault(JSON.stringify(weather), async () => {
        const before = hits();
        proxy.change(weather);
        await stage.until(() => hits() > before, 'the proxy meets a piece to spoil');
        await stage.load();
        if (stage.random.next() < 0.3) proxy.cutAll();
        proxy.change({});
      }, { countedFrom: 'end' });
    }
  });
  stage.note = `${counts.cut} cut, ${counts.corrupted} corrupted, ${counts.delayed} delayed, ${counts.throttled} throttled`;
}
