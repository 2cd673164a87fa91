import { createServer } from 'node:http';
import { after } from 'node:test';

import { bizoholic } from '../rest/bizoholic.js';
import { bizosaas } from '../rest/bizosaas.js';
import { names } from '../coreldove/names.js';
import { readBody, sendJson } from '../server/http.js';
import { coreldoveClient } from './coreldove_client.js';
import { call } from './harness.js';

const kRupeesPerDollar = 83;
const kMoney = ['total_amount', 'price', 'budget'];

/**
 * As much of a sync service as the story needs: it takes an event, puts it into canonical names, and delivers the
 * record to the targets at once. No conflicts, no retries, nothing durable.
 *
 * @param {Record<string, string>} addresses  platform → address
 */
export async function fakeService(addresses) {
  const service = new FakeService(addresses);
  const server = createServer(async (request, response) => {
    const event = JSON.parse(await readBody(request, 1 << 20));
    const answer = await service.accept(event).then(
      () => ({ status: 201, body: { event_id: `event-${service.events.length}`, status: 'created' } }),
      (error) => ({ status: 500, body: { detail: error.message } }),
    );
    sendJson(response, answer);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  after(() => server.close());
  return { url: `http://127.0.0.1:${server.address().port}`, events: service.events };
}

class FakeService {
  events = [];
  #addresses;
  #records = new Map(); // "platform id" → {id, fields, links}

  constructor(addresses) {
    this.#addresses = addresses;
  }

  async accept(event) {
    this.events.push(event);
    const [entity] = event.event_type.split('_');
    const source = event.source_platform;
    const { id, ...fields } = renamed(event.data, canonicalNames(source, entity));
    const record = this.#records.get(`${source} ${id}`)
      ?? { id: event.entity_id ?? `canonical-${this.events.length}`, fields: {}, links: { [source]: id } };
    this.#records.set(`${source} ${id}`, record);
    Object.assign(record.fields, fields);
    for (const target of event.target_platforms) await this.#deliver(target, entity, event.tenant_id, record);
  }

  async #deliver(target, entity, tenant, record) {
    const learned = target === 'coreldove'
      ? await this.#toCoreldove(entity, tenant, record)
      : await this.#toRest(target, entity, tenant, record);
    if (learned === undefined) return;
    record.links[target] = learned;
    this.#records.set(`${target} ${learned}`, record);
  }

  async #toRest(target, entity, tenant, record) {
    const verb = record.links[target] ? 'update' : 'create';
    const own = inverted(canonicalNames(target, entity));
    const data = renamed({ id: record.links[target] ?? record.id, ...moneyFor(target, record.fields) }, own);
    const body = { event_type: `${entity}_${verb}d`, data, tenant_id: tenant };
    const answer = await call(`${this.#addresses[target]}/api/sync/${entity}/${verb}`, 'POST', body);
    if (answer.status >= 300) throw new Error(`${target} ${entity}: ${JSON.stringify(answer.body)}`);
    return answer.body.id;
  }

  async #toCoreldove(entity, tenant, { id, fields, links }) {
    if (entity !== 'user') return undefined;
    const { send } = coreldoveClient({ url: this.#addresses.coreldove }, { 'x-tenant-id': tenant });
    const [firstName, ...others] = fields.name.split(' ');
    const input = {
      externalReference: id, email: fields.email, firstName, lastName: others.join(' '),
      metadata: [{ key: 'phone', value: fields.phone }],
    };
    const { user, errors } = links.coreldove
      ? await send('user_update', { id: links.coreldove, input })
      : await send('user_create', { input });
    if (errors.length > 0) throw new Error(JSON.stringify(errors));
    return user.id;
  }
}

/** Own name → canonical name of a platform's entity, with the id. */
function canonicalNames(platform, entity) {
  if (platform === 'coreldove') return names[entity] ?? {};
  const { id, canonical } = { bizoholic, bizosaas }[platform].entities[entity];
  return { ...canonical, [id]: 'id' };
}

/** Dollars for Bizoholic; the others get what there is. */
function moneyFor(target, fields) {
  if (target !== 'bizoholic' || fields.currency !== 'INR') return fields;
  const dollars = kMoney.filter((name) => name in fields).map((name) => [name, fields[name] / kRupeesPerDollar]);
  return { ...fields, ...Object.fromEntries(dollars), currency: 'USD' };
}

function renamed(fields, to) {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [to[name] ?? name, value]));
}

function inverted(map) {
  return Object.fromEntries(Object.entries(map).map(([a, b]) => [b, a]));
}
