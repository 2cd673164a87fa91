/** Rates of exchange from a source: they are used while they are good, kept while it is away, and never trusted. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { run } from './support/command.js';
import { event } from './support/events.js';
import { RateSource } from './support/rate_source.js';
import { daysAgo } from './support/wall_clock.js';
import { eventually, newTenant, world } from './support/world.js';

const kDaysUntilTooOld = 8;  // a week is allowed

const source = await new RateSource().start();
const w = await world({
  args: ['--config', 'config.yaml'],
  env: { RATES_KEY: 'key-of-the-source', LOG_LEVEL: 'info' },
  files: { 'config.yaml': configOf() },
});

function configOf(more = '') {
  return `
rates:
  source:
    address: ${source.url}/latest?token=\${RATES_KEY}
    api_key: \${RATES_KEY}
    api_key_header: X-Rates-Key
    base_pointer: /base
    interval_seconds: 1
    timeout_seconds: 20
${more}`;
}

async function rates() {
  return (await w.get('/sync/status')).body.rates;
}

/** Waits until the state of the rates is so. */
function ratesAre(wanted) {
  let last;
  return eventually(async () => {
    last = await rates();
    return wanted(last) && last;
  }, { explain: () => `${JSON.stringify(last)}\n${w.service.log}` });
}

let orders = 0;

/** One of the numbers for Prometheus: its value by what its labels say. */
async function gauge(name) {
  const text = await (await fetch(`${w.service.url}/metrics`)).text();
  assert.match(text, new RegExp(`^# TYPE ${name} gauge$`, 'm'));
  const found = {};
  for (const [, labels, value] of text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\S+)$`, 'gm'))) {
    found[labels.replaceAll('"', '').replaceAll('source=', '').replaceAll('currency=', '')] = Number(value);
  }
  return found;
}

/** An order of 9,000 rupees; what becomes of it at bizoholic, in dollars. */
async function order(total = 9000) {
  orders += 1;
  const tenant = newTenant();
  const id = await w.send(event('coreldove', 'order_created', tenant, {
    order_id: `o-${orders}`, order_number: `${orders}`, order_total: total,
  }));
  return { tenant, id };
}

async function dollarsOf(total) {
  const { tenant } = await order(total);
  return eventually(async () => (await w.state('bizoholic', tenant, 'order'))[0]?.canonical.total_amount ?? false, { explain: () => w.service.log });
}

function timesIn(words) {
  return w.service.log.split(words).length - 1;
}

async function reload(text) {
  const before = timesIn('configuration reloaded');
  writeFileSync(join(w.service.folder, 'config.yaml'), text);
  process.kill(w.service.pid, 'SIGHUP');
  await eventually(() => timesIn('configuration reloaded') > before, { explain: () => w.service.log });
}

test('The first answer replaces the table, and is asked for with the key', async () => {
  const told = await ratesAre(({ currencies }) => currencies === 1);
  assert.equal(told.source, source.url);
  assert.equal(told.degraded, false);
  assert.ok(told.age_seconds <= 5, `${told.age_seconds}`);
  assert.equal(await dollarsOf(9000), 100);
  assert.equal((await w.get('/health')).body.services.rates, 'healthy');
  assert.ok((await gauge('datasync_rate_age_seconds'))[`${source.url},INR`] <= 5);
  assert.ok(Math.abs((await gauge('datasync_rates_last_success_timestamp_seconds'))[source.url] - Date.now() / 1000) < 10);
  assert.deepEqual([await gauge('datasync_rates_source_up'), await gauge('datasync_rates_degraded')], [{ [source.url]: 1 }, { [source.url]: 0 }]);
  const [asked] = source.requests;
  assert.equal(asked.method, 'GET');
  assert.equal(asked.url, '/latest?token=key-of-the-source');
  assert.equal(asked.headers['x-rates-key'], 'key-of-the-source');
});

test('A replay under other rules goes by the last good rates, and the table alone where there are none', async () => {
  const { tenant } = await order(18_000);
  await eventually(async () => (await w.state('bizoholic', tenant, 'order'))[0]?.canonical.total_amount === 200);
  const rules = { 'new.yaml': 'conflict_rules: {order: {fields: {status: source_wins}}}\nplatforms: {bizoholic: {entities: {order: {fields: {total_usd: total_amount}}}}}\n' };
  for (const [name, text] of Object.entries(rules)) writeFileSync(join(w.service.folder, name), text);
  const words = ['rules', 'test', '--config', 'config.yaml', '--since', '1h', '--rules', 'new.yaml', '--tenant', tenant, '--json', '--show-values'];
  const env = { RATES_KEY: 'key-of-the-source' };
  const { code, out, err } = await run(words, { cwd: w.service.folder, env });
  assert.equal(code, 1, `${out}${err}`);
  const [told] = JSON.parse(out).delivery_examples;
  assert.equal(told.fields.find(({ field }) => field === 'total_usd').proposed, 200, out);
  writeFileSync(join(w.service.folder, 'table.yaml'), 'rates: {}\n');
  const atTable = await run(words.map((word) => (word === 'config.yaml' ? 'table.yaml' : word)), { cwd: w.service.folder, env });
  const [other] = JSON.parse(atTable.out).delivery_examples;
  assert.equal(other.fields.find(({ field }) => field === 'total_usd').proposed, 216.87, atTable.out);
});

test('A new rate holds from then on', async () => {
  source.tells({ INR: 100 });
  await eventually(async () => (await dollarsOf(9000)) === 90, { explain: () => w.service.log });
  source.tells({ INR: 90 });
  await eventually(async () => (await dollarsOf(9000)) === 100, { explain: () => w.service.log });
});

test('Nonsense changes nothing, and is told once', async () => {
  const nonsense = ['<html>', '{"base":"EUR","rates":{"INR":97}}', '{"base":"USD","rates":{"INR":-1}}',
    `{"base":"USD","rates":{"INR":91},"x":"${'x'.repeat(300_000)}"}`];
  for (const body of nonsense) {
    const asked = source.requests.length;
    source.answer = { status: 200, body };
    await eventually(() => source.requests.length > asked + 1, { explain: () => w.service.log });
    const { last_error: error, degraded } = await ratesAre(({ last_error: wrong }) => wrong !== undefined);
    assert.match(error, /the answer|one USD/);
    assert.equal(degraded, false);
  }
  source.answer = { status: 500 };
  await ratesAre(({ last_error: wrong }) => wrong === 'it answers 500');
  assert.equal(await dollarsOf(9000), 100);
  assert.equal(timesIn('the last good ones stay'), 1, w.service.log);
  source.tells({ INR: 90 });
  await ratesAre(({ last_error: wrong }) => wrong === undefined);
});

test('A rate that jumps is refused and told, until the configuration confirms it', async () => {
  source.tells({ INR: 9000, JPY: 150 });
  const told = await ratesAre(({ refused }) => refused.INR !== undefined);
  assert.equal(told.refused.INR, 'jumps by more than 20 % to 9000; if that is right, set rates.source.confirmed.INR to it');
  assert.equal(told.degraded, true);
  assert.equal((await w.get('/health')).body.services.rates, 'unhealthy');
  assert.equal(await dollarsOf(9000), 100);
  await reload(configOf('    confirmed: {INR: 9000}\n'));
  await ratesAre(({ degraded }) => !degraded);
  assert.equal(await dollarsOf(9000), 1);
  assert.equal(timesIn('the rate for INR is not taken'), 1, w.service.log);
  source.tells({ INR: 90 });
  await ratesAre(({ refused }) => refused.INR !== undefined);
  await reload(configOf('    confirmed: {INR: 90}\n'));
  await ratesAre(({ degraded }) => !degraded);
  await reload(configOf());
  assert.equal(await dollarsOf(9000), 100);
});

test('While the source is away the last good rates hold, also over a restart', async () => {
  await source.stop();
  await ratesAre(({ last_error: wrong }) => /no answer/.test(wrong ?? ''));
  assert.equal(await dollarsOf(9000), 100);
  await w.service.signal('SIGTERM');
  const kept = readFileSync(join(w.service.folder, 'data/data-sync.db.rates.json'), 'utf8');
  assert.match(kept, /"INR":\{"as_of":"[^"]+","rate":"90"\}/);
  await w.service.start();
  assert.equal(await dollarsOf(9000), 100);
  const { as_of: asOf, heard_at: heardAt } = await rates();
  assert.ok(asOf !== undefined && heardAt === undefined);
  assert.deepEqual(await gauge('datasync_rates_last_success_timestamp_seconds'), { [source.url]: 0 }, 'none since the start');
  assert.deepEqual(await gauge('datasync_rates_source_up'), { [source.url]: 0 });
});

test('At rates that are too old nothing is converted: that delivery fails and says why, and can be tried again', async () => {
  await w.service.signal('SIGTERM');
  await w.service.start(daysAgo(-kDaysUntilTooOld));
  const told = await ratesAre(({ too_old: tooOld }) => tooOld.length > 0);
  assert.equal(told.degraded, true);
  assert.deepEqual(told.too_old, ['INR', 'JPY']);
  assert.ok((await gauge('datasync_rate_age_seconds'))[`${source.url},INR`] > 7 * 86_400);
  assert.deepEqual(await gauge('datasync_rates_degraded'), { [source.url]: 1 });
  assert.equal((await w.get('/health')).body.services.rates, 'unhealthy');
  const { tenant, id } = await order();
  const ended = await w.settled(id, ['failed']);
  assert.deepEqual(w.results(ended), { bizoholic: 'failed', bizosaas: 'completed' });
  const { error_message: why } = ended.results.find(({ target_platform: target }) => target === 'bizoholic');
  assert.match(why, /the rate of exchange for INR is of .*, older than `rates.source.max_age_hours` allows/);
  await w.holds('bizosaas', tenant, 'order', { total_amount: 9000, currency: 'INR' });

  source.tells({ INR: 90, JPY: 150 });
  await source.start();
  await ratesAre(({ degraded }) => !degraded);
  assert.equal((await w.post(`/sync/events/${id}/retry`)).status, 200);
  await w.holds('bizoholic', tenant, 'order', { total_amount: 100, currency: 'USD' });
});

test('A clock that was ahead does not keep fresh rates away', async () => {
  await w.service.signal('SIGTERM');
  await w.service.start();
  source.tells({ INR: 100, JPY: 150 });
  await eventually(async () => (await dollarsOf(9000)) === 90, { explain: () => w.service.log });
});

test('A source that never answers keeps nobody from stopping', async () => {
  source.answer = 'never';
  const asked = source.requests.length;
  await eventually(() => source.requests.length > asked, { explain: () => w.service.log });
  const began = Date.now();
  const { code } = await w.service.signal('SIGTERM');
  assert.equal(code, 0);
  assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
  assert.ok(!w.service.log.includes('key-of-the-source'), 'the key stays out of the log');
});
