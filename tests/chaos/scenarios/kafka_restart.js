export const name = 'kafka-restart';
export const line = 'Events are accepted into Kafka; the broker is killed with signal 9, and starts again with its data.';
export const isLong = true;

export async function run(stage) {
  const kafka = await stage.kafka();
  const service = stage.service(await stage.platforms(), { env: { KAFKA_BROKERS: kafka.brokers } });
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      await stage.fault('kill -9 of the broker', async () => {
        await kafka.kill();
        await kafka.again();
      }, { countedFrom: 'end' }); // how long a broker takes to start is its own affair
    }
  });
  const wrong = stage.refusals.filter((text) => !text.startsWith('503 '));
  if (wrong.length > 0) throw new Error(`a broker that is away is told by 503, but clients got ${wrong[0]}`);
  stage.note = 'recovery from when the broker serves again';
}
