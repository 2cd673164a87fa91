import { event } from '../../e2e/support/events.js';

export const name = 'poison-events';
export const line = 'Among the others come events that are invalid, huge, or refused for good by their target: they alone end as dead letters.';

const kHugeBytes = 2 << 20; // over BODY_BYTES
const kPoisonousEntity = 'campaign';

export async function run(stage) {
  const service = stage.service(await stage.platforms());
  await service.start();
  // In the lane of an ordinary client, so that it is in the way of others if it can be.
  const tenant = `${name}-1`;
  await stage.misbehave('bizosaas', {
    match: { tenant_id: tenant, entity: kPoisonousEntity }, refuse_field: { field: 'budget', message: 'no such budget', code: 'INVALID' },
  });
  const dead = [];
  const counts = { invalid: 0, huge: 0, refused: 0 };
  const good = (i) => event('bizoholic', `${kPoisonousEntity}_created`, tenant, { campaign_id: `k-${i}`, campaign_name: 'Spring' }, {
    id: `${tenant}-poison-${i}`, target_platforms: ['bizosaas'],
  });
  const poisons = {
    invalid: (i) => [{ ...good(i), source_platform: ['nobody'] }, 422],
    huge: (i) => [{ ...good(i), data: { campaign_id: `k-${i}`, campaign_name: 'x'.repeat(kHugeBytes) } }, 413],
    refused: (i) => [good(i), 201],
  };
  await stage.underLoad(() => [service.url], async () => {
    while (stage.goesOn || dead.length === 0) {
      const kind = stage.random.pick(Object.keys(poisons));
      const [poison, expected] = poisons[kind](stage.faults);
      await stage.fault(`an event that is ${kind}`, async () => {
        const answer = await fetch(`${service.url}/sync/events`, {
          method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(poison),
        });
        if (answer.status !== expected) throw new Error(`an event that is ${kind} was answered ${answer.status} ${await answer.text()}`);
        counts[kind] += 1;
        if (kind === 'refused') dead.push((await answer.json()).event_id);
        else await answer.arrayBuffer();
      }, { countedFrom: 'end' });
    }
    // While its target still refuses it.
    for (const id of dead) {
      let told;
      await stage.until(async () => {
        told = await (await fetch(`${service.url}/sync/events/${id}`)).json();
        return told.status === 'failed';
      }, `${id} becomes a dead letter`).catch((error) => { throw new Error(`${error.message}: ${JSON.stringify(told)}`); });
      if (told.results[0].attempts !== 1) throw new Error(`what was refused for good was asked ${told.results[0].attempts} times`);
    }
  });
  if (stage.refusals.length > 0) throw new Error(`poison reached another client: ${stage.refusals[0]}`);
  stage.note = `${counts.invalid} invalid, ${counts.huge} huge, ${dead.length} dead letters`;
}
