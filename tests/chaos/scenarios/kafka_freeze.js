export const name = 'kafka-freeze';
export const line = 'Events are accepted into Kafka; the broker is stopped with SIGSTOP for up to some seconds, and goes on.';
export const isLong = true;

const kFrozenMs = [200, 6_000]; // clients give up after four seconds, and send it again

export async function run(stage) {
  const kafka = await stage.kafka();
  const service = stage.service(await stage.platforms(), { env: { KAFKA_BROKERS: kafka.brokers } });
  await service.start();
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      await stage.fault('SIGSTOP of the broker', async () => {
        await kafka.freeze();
        await stage.lasting(kFrozenMs);
        await kafka.thaw();
      }, { countedFrom: 'end' });
    }
  });
  const wrong = stage.refusals.filter((text) => !text.startsWith('503 '));
  if (wrong.length > 0) throw new Error(`a broker that does not answer is told by 503, but clients got ${wrong[0]}`);
}
