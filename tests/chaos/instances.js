import { divided } from '../e2e/support/instances.js';

/** Three instances on one PostgreSQL database, each with its equal part of the work, and with settings that are the scenario's. */
export async function threeInstances(stage, env = {}) {
  const postgres = await stage.postgres();
  const platforms = await stage.platforms();
  const instances = [];
  for (let i = 0; i < 3; i += 1) instances.push(stage.service(platforms, { env: { ...env, DATABASE_URL: postgres.url } }));
  for (const instance of instances) await instance.start();
  await divided(instances);
  return { postgres, platforms, instances, addresses: () => instances.map(({ url }) => url), divided: (list = instances) => divided(list) };
}
