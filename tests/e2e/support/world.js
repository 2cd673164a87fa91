import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';

import { eventually } from '../../../simulators/story/eventually.js';
import { call, simulator } from '../../../simulators/test_support/harness.js';
import { Service } from './service.js';

export { eventually };

/** Retries come at once a second instead of after 1, 2 and 4, and a hanging platform is given up after two seconds. */
const kHasty = { BACKOFF_FACTOR: '1', REQUEST_TIMEOUT: '2', LOG_LEVEL: 'warning' };
const kResting = ['completed', 'failed', 'expired', 'review'];
let tenants = 0;

/** A tenant of its own for each test. */
export function newTenant() {
  tenants += 1;
  return `tenant-${process.pid}-${tenants}`;
}

/**
 * The service between the three simulated platforms, all stopped when the test file is done.
 *
 * @param {object} [options]
 * @param {Record<string, string>} [options.env]  settings of the service
 * @param {string[]} [options.args]
 * @param {string[]} [options.launcher]
 * @param {Record<string, string>} [options.files]   in the folder where it runs
 * @param {Record<string, string>} [options.tokens]  without which a platform answers 401
 */
export async function world({ env = {}, files = {}, tokens = {}, ...more } = {}) {
  const [bizoholic, coreldove, bizosaas] = await Promise.all(
    ['bizoholic', 'coreldove', 'bizosaas'].map((name) => simulator(name, { token: tokens[name] })),
  );
  const service = new Service({ env: { ...environmentOf({ bizoholic, coreldove, bizosaas }), ...kHasty, ...env }, ...more });
  after(() => service.stop());
  for (const [name, text] of Object.entries(files)) writeFileSync(join(service.folder, name), text);
  await service.start();
  return new World({ service, bizoholic, coreldove, bizosaas });
}

/** Where the service finds its platforms. */
export function environmentOf({ bizoholic, coreldove, bizosaas }) {
  return {
    BIZOHOLIC_FRONTEND_URL: bizoholic.url,
    BIZOSAAS_BRAIN_URL: bizosaas.url,
    SALEOR_API_URL: `${coreldove.url}/graphql/`,
  };
}

export class World {
  constructor({ service, bizoholic, coreldove, bizosaas }) {
    this.service = service;
    this.platforms = { bizoholic, coreldove, bizosaas };
    Object.assign(this, this.platforms);
  }

  get(path) {
    return call(`${this.service.url}${path}`, 'GET');
  }

  post(path, body, headers) {
    return call(`${this.service.url}${path}`, 'POST', body, headers);
  }

  /** Sends an event that must be accepted, and returns its id. */
  async send(event, headers) {
    const { status, body } = await this.post('/sync/events', event, headers);
    assert.equal(status, 201, JSON.stringify(body));
    assert.equal(body.status, 'created');
    return body.event_id;
  }

  async event(id) {
    const { status, body } = await this.get(`/sync/events/${id}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body;
  }

  /** Waits until an event has one of the statuses; by default until nothing more will happen to it by itself. */
  async settled(id, statuses = kResting, deadlineMs = 30_000) {
    let last;
    return eventually(async () => {
      last = await this.event(id);
      return statuses.includes(last.status) && last;
    }, { deadlineMs, explain: () => `event is ${JSON.stringify(last)}\n${this.service.log}` });
  }

  /** Sends an event and waits until it has gone well everywhere. */
  async sync(event) {
    const told = await this.settled(await this.send(event));
    assert.equal(told.status, 'completed', JSON.stringify(told));
    return told;
  }

  /** Lets a person change something on a platform, which tells the service; returns the record's id and the event's. */
  async act(platform, tenant, verb, entity, data, more = {}) {
    const deed = { tenant_id: tenant, entity, verb, data, service: this.service.url, ...more };
    const { status, body } = await this.platforms[platform].act(deed);
    assert.equal(status, 200, JSON.stringify(body));
    return { id: body.id, event_id: body.service.body.event_id, event: body.event };
  }

  /** The records of a tenant on a platform. */
  state(platform, tenant, entity) {
    return this.platforms[platform].state(queryOf({ tenant_id: tenant, entity }));
  }

  /** The calls about a tenant that a platform got, all or those about one entity. */
  history(platform, tenant, entity) {
    return this.platforms[platform].history(queryOf({ tenant_id: tenant, entity }));
  }

  /** The one record of a tenant on a platform, as soon as it holds these canonical values. */
  async holds(platform, tenant, entity, values) {
    let records = [];
    return eventually(async () => {
      records = await this.state(platform, tenant, entity);
      return records.length === 1 && sameIn(records[0].canonical, values) && records[0];
    }, {
      explain: () => `${platform} should hold one ${entity} with ${JSON.stringify(values)} and holds `
        + `${JSON.stringify(records.map(({ canonical }) => canonical))}\n${this.service.log}`,
    });
  }

  /** What the service tells of each target of an event: `{bizosaas: 'completed', …}`. */
  results(told) {
    return Object.fromEntries(told.results.map(({ target_platform: target, status }) => [target, status]));
  }

  /** Waits until the service has nothing left to do. */
  async idle() {
    let status;
    await eventually(async () => {
      ({ body: status } = await this.get('/sync/status'));
      return status.queue_size + status.processing + status.pending + status.retry === 0;
    }, { explain: () => JSON.stringify(status) });
  }
}

function queryOf(filter) {
  return new URLSearchParams(Object.entries(filter).filter(([, value]) => value !== undefined)).toString();
}

function sameIn(actual, expected) {
  return Object.entries(expected).every(([name, value]) => {
    try {
      assert.deepEqual(actual[name], value);
      return true;
    } catch {
      return false;
    }
  });
}
