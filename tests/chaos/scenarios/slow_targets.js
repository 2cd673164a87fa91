export const name = 'slow-targets';
export const line = 'Targets are slow, hang, fail, cut off and talk nonsense, before and after they have done what they were asked.';

const kMisdeeds = [
  { latency_ms: 300 }, { latency_ms: 300, when: 'after' }, { hang: true }, { hang: true, when: 'after' }, { status: 500 },
  { status: 503, retry_after: 1 }, { status: 429, retry_after: 1 }, { drop: true }, { drop: true, when: 'after' }, { garbage: true, when: 'after' },
];

export async function run(stage) {
  const service = stage.service(await stage.platforms());
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      const [platform, misdeed] = [stage.random.pick(['bizosaas', 'coreldove']), stage.random.pick(kMisdeeds)];
      const count = stage.random.between(1, 12);
      await stage.fault(`${platform} ${JSON.stringify(misdeed)}`, async () => {
        await stage.misbehave(platform, { ...misdeed, count });
        // None is left of a rule that has spoiled all that it may.
        const hasMet = async () => (await stage.control(platform, 'misbehave')).rules.every(({ count: left }) => left < count);
        await stage.until(hasMet, 'the target meets a request to spoil');
      }, { countedFrom: 'end' });
    }
  });
  if (stage.refusals.length > 0) throw new Error(`no client has to hear of a slow target: ${stage.refusals[0]}`);
}
