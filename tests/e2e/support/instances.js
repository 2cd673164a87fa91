import { eventually } from '../../../simulators/story/eventually.js';

const kShards = 256;

export async function health(service) {
  const answer = await fetch(`${service.url}/health`);
  return answer.json();
}

/** Waits until these instances, and no others, see each other with equal parts of all shards. */
export async function divided(services, deadlineMs = 20_000) {
  let seen;
  await eventually(async () => {
    seen = await Promise.all(services.map(async (service) => (await health(service)).instances));
    return seen.every((list) => list.length === services.length && list.every(({ state }) => state === 'alive')
      && list.reduce((sum, { shards }) => sum + shards, 0) === kShards
      && list.every(({ shards }) => Math.abs(shards - kShards / services.length) < 1));
  }, { deadlineMs, explain: () => `${JSON.stringify(seen)}\n${services.map(({ log }) => log).join('\n')}` });
}
