import { health } from '../../e2e/support/instances.js';

export const name = 'redis-faults';
export const line = 'Redis is flushed, killed and started empty, or stopped with SIGSTOP: no client may notice, and it shows the queue again.';

const kStray = Array(1_000).fill('stray');

export async function run(stage) {
  const redis = await stage.redis();
  const service = stage.service(await stage.platforms(), { env: { REDIS_URL: redis.url } });
  await service.start();
  const isTold = async (word) => (await health(service)).services.redis === word;
  const isAway = async () => {
    await stage.until(() => isTold('disconnected'), 'the service says that Redis is away');
    await stage.recovered('the loss of Redis'); // each client
  };
  const faults = {
    'a flush': async () => { redis.ask('flushall'); },
    'kill -9 of Redis': async () => {
      await redis.kill();
      await isAway();
      await redis.again();
    },
    'SIGSTOP of Redis': async () => {
      redis.freeze();
      await isAway().finally(() => redis.thaw());
    },
  };
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn) {
      const what = stage.random.pick(Object.keys(faults));
      await stage.fault(what, faults[what], {
        countedFrom: 'end',
        async healed() {
          await stage.until(() => isTold('healthy'), 'the service says that Redis is there');
          redis.ask('rpush', 'events:low', ...kStray); // these stay, where nobody brings the lists to the depth
          await stage.until(() => redis.ask('llen', 'events:low') === '0', 'the lists are brought to the depth');
          await stage.until(() => showsTheQueue(redis, service), 'the lists are as long as the queue');
        },
      });
    }
  });
  if (stage.refusals.length > 0) throw new Error(`no client has to hear of Redis: ${stage.refusals[0]}`);
  await stage.until(() => redis.lengths().every((length) => length === 0), 'the lists are empty, as the queue is');
  stage.note = 'recovered when /health and the lists are right';
}

async function showsTheQueue(redis, service) {
  const depth = async () => (await (await fetch(`${service.url}/sync/status`)).json()).queue_size;
  const before = await depth();
  const shown = redis.lengths().reduce((sum, length) => sum + length, 0);
  return shown === before && shown === await depth();
}
