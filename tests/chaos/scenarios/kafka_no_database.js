export const name = 'kafka-no-database';
export const line = 'Kafka and PostgreSQL: the database is away while events are accepted; then it crashes as well, or the service is killed.';

const kAwayMs = [0, 3_000];
const kAlso = ['nothing else', 'a crash of the database', 'kill -9 of the service'];

export async function run(stage) {
  const [kafka, postgres] = await Promise.all([stage.kafka(), stage.postgres()]);
  const proxy = await stage.proxy(postgres.url);
  const service = stage.service(await stage.platforms(), { env: { KAFKA_BROKERS: kafka.brokers, DATABASE_URL: proxy.before(postgres.url) } });
  await service.start();
  let acceptedWithout = 0;
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      const also = stage.random.pick(kAlso);
      await stage.fault(`no database, and ${also}`, async () => {
        proxy.change({ is_closed: true });
        proxy.cutAll();
        const before = stage.acknowledgedEvents.length;
        await stage.recovered('the loss of the database'); // each client: what is accepted now is in Kafka only
        await stage.lasting(kAwayMs);
        acceptedWithout += stage.acknowledgedEvents.length - before;
        if (also === kAlso[1]) await postgres.crash();
        if (also === kAlso[2]) await service.signal('SIGKILL');
        proxy.change({});
        if (also === kAlso[2]) await service.start();
      }, { countedFrom: 'end', healed: () => stage.until(() => stage.caughtUp(service), 'the database has what was accepted without it') });
    }
  });
  if (stage.refusals.length > 0) throw new Error(`no client has to hear that the database is away: ${stage.refusals[0]}`);
  stage.note = `${acceptedWithout} accepted without a database; recovered when it has them`;
}
