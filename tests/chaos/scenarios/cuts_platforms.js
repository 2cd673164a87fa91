export const name = 'cuts-platforms';
export const line = 'A proxy before each target cuts connections in mid-sentence, delays, throttles, and makes nonsense of answers.';

// Only answers, and so that nobody can read them: where nothing but HTTP is spoken, one byte may turn a true sentence into another.
const kWeathers = [
  { cut_share: 0.2 }, { cut_share: 0.05, delay_ms: [0, 200] }, { bytes_per_second: 20_000 },
  { corrupt_share: 0.2, corrupts: 'down', damage: 'head' }, { cut_share: 0.1, corrupt_share: 0.1, corrupts: 'down', damage: 'head', delay_ms: [0, 20] },
];

export async function run(stage) {
  const platforms = await stage.platforms();
  const proxies = [];
  const seen = {};
  for (const [platform, { url }] of Object.entries(platforms)) {
    const proxy = await stage.proxy(url);
    proxies.push(proxy);
    seen[platform] = { url: proxy.before(url).replace(/\/$/, '') };
  }
  const service = stage.service(seen);
  await service.start();
  const hit = (proxy) => proxy.counts.cut + proxy.counts.corrupted + proxy.counts.throttled + proxy.counts.delayed;
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      const [proxy, weather] = [stage.random.pick(proxies.slice(1)), stage.random.pick(kWeathers)];
      await stage.fault(JSON.stringify(weather), async () => {
        const before = hit(proxy);
        proxy.change(weather);
        await stage.until(() => hit(proxy) > before, 'the proxy meets a piece to spoil');
        await stage.load();
        if (stage.random.next() < 0.3) proxy.cutAll();
      }, { countedFrom: 'end' });
      proxy.change({});
    }
  });
  const sum = (what) => proxies.reduce((total, { counts }) => total + counts[what], 0);
  stage.note = `${sum('cut')} cut, ${sum('corrupted')} corrupted, ${sum('delayed')} delayed, ${sum('throttled')} throttled`;
}
