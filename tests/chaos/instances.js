import { divided } from '../e2e/support/instances.js';

/**
 * Three instances on one PostgreSQL database, each with its equal part of the work.
 *
 * @param {import('./stage.js').Stage} stage
 * @param {{env?: Record<string, string>, isBehindProxy?: boolean}} [options]  settings of the instances; whether they reach the
 *   database through a proxy
 */
export async function threeInstances(stage, { env = {}, isBehindProxy = false } = {}) {
  const postgres = await stage.postgres();
  const proxy = isBehindProxy ? await stage.proxy(postgres.url) : undefined;
  const url = proxy?.before(postgres.url) ?? postgres.url;
  const platforms = await stage.platforms();
  const instances = [];
  for (let i = 0; i < 3; i += 1) instances.push(stage.service(platforms, { env: { ...env, DATABASE_URL: url } }));
  for (const instance of instances) await instance.start();
  await divided(instances);
  return { postgres, proxy, instances, addresses: () => instances.map((one) => one.url), divided: (list = instances) => divided(list) };
}
