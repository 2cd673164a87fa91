export const name = 'kafka-kill9';
export const line = 'The service is killed with signal 9 while it accepts events into Kafka, and started again on its SQLite file.';
export const isLong = true;

export async function run(stage) {
  const kafka = await stage.kafka();
  const service = stage.service(await stage.platforms(), { env: { KAFKA_BROKERS: kafka.brokers } });
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
