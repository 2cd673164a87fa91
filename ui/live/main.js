// Wires the views to the service.

import { call, get, tenantQuery, token } from './api.js';
import { Detail } from './detail.js';
import { $, compact, duration, el, toast } from './dom.js';
import { Events, isFinal, toneOf } from './events.js';
import { Flow } from './flow.js';
import { Link } from './link.js';
import { Spark } from './spark.js';
import { Table } from './table.js';

const kRenderMs = 250;
const kStatusMs = 2000;
const kMetricsMs = 5000;
const kOpenMs = 4000;

const events = new Events();
const flow = new Flow($('flow-canvas'), $('nodes'));
const spark = new Spark($('spark'));
const table = new Table($('rows'), (key) => openEvent(key));
const detail = new Detail($('detail'), {
  onChange: (row) => { events.put(row); dirty = true; },
  onClose: () => { table.selected = null; dirty = true; },
});
let tenant = new URLSearchParams(location.search).get('tenant_id') ?? '';
let dirty = true;
let paused = false;
let loaded = false;

function openEvent(key) {
  table.selected = key;
  dirty = true;
  detail.open(events.find(key));
}

// --- what comes live ---

const link = new Link({ onMessage: take, onState: showLink });
let countdown = 0;

function take(message) {
  switch (message.type) {
    case 'event_created':
      spark.count();
      flow.arrive(message.source_platform);
      events.put(message);
      break;
    case 'sync_completed':
      for (const result of message.results) if (result.status !== 'skipped') flow.deliver(result.target_platform, toneOf(result.status) || 'good');
      if (detail.openKey === events.put(message).key) detail.refresh();
      break;
    case 'conflict_detected': flow.conflict(); break;
    case 'error': toast(message.detail, 'bad'); break;
    case 'gap': toast(message.detail); load(); break;
    default: return;
  }
  dirty = true;
}

function showLink(state, wait = 0) {
  clearInterval(countdown);
  const words = { connecting: 'connecting', live: 'live' };
  const show = (text) => { $('link').dataset.state = state; $('link').lastChild.textContent = text; };
  if (state !== 'waiting') return show(words[state]);
  const until = Date.now() + wait;
  const tick = () => show(`not connected · next try in ${Math.max(1, Math.ceil((until - Date.now()) / 1000))} s`);
  tick();
  countdown = setInterval(tick, 500);
}

// --- what is asked for ---

/// Runs `ask` and shows what goes wrong once; a missing token opens the dialog.
async function guarded(ask) {
  try {
    return await ask();
  } catch (refused) {
    if (refused.status === 401) askForToken(refused.message);
    else if (refused.status !== 0) toast(refused.message, 'bad');
    return null;
  }
}

async function load() {
  const page = await guarded(() => get(`/sync/events?limit=100${tenantQuery(tenant, '&')}`));
  if (!page) return;
  for (const row of page.events.reverse()) events.put(row).fresh = false;
  loaded = dirty = true;
}

async function loadStatus() {
  const status = await guarded(() => get('/sync/status'));
  if (!status) return;
  flow.setPlatforms(status.platforms);
  const most = Math.max(...Object.values(status.queues), 10);
  $('queue-total').textContent = `${compact(status.queue_size)} events`;
  $('queues').replaceChildren(...['critical', 'high', 'normal', 'low'].flatMap((name) => bar(name, status.queues[name], most)));
  const deliveries = { 'under way': status.processing, queued: Math.max(0, status.pending - status.processing), 'waiting to retry': status.retry };
  const top = Math.max(...Object.values(deliveries), 10);
  $('deliveries').replaceChildren(...Object.entries(deliveries).flatMap(([name, count]) => bar(name, count, top)));
}
function bar(name, count, most) {
  const fill = el('i');
  fill.style.width = `${(count / most) * 100}%`;
  return [el('dt', {}, name), el('dd', {}, el('div', { className: `bar-of ${name}` }, fill)), el('dd', { className: 'number' }, compact(count))];
}

async function loadMetrics() {
  const metrics = await guarded(() => get(`/sync/metrics${tenantQuery(tenant)}`));
  if (!metrics) return;
  const ended = metrics.events_processed + metrics.events_failed;
  $('total').textContent = compact(metrics.total_events);
  $('success').textContent = ended ? `${metrics.sync_success_rate.toFixed(metrics.sync_success_rate < 99.95 ? 1 : 0)} %` : '–';
  $('success').className = ended && metrics.error_rate > 0.05 ? 'bad' : '';
  $('latency').textContent = metrics.events_processed ? duration(metrics.average_processing_time_ms) : '–';
  $('failed').textContent = compact(metrics.events_failed);
  $('failed').className = metrics.events_failed ? 'bad' : '';
}

/// Retries make no message of their own: what has been open for a while is asked for.
async function loadOpen() {
  const old = Date.now() - 1500;
  if (!events.all.some((event) => !isFinal(event.status) && event.createdAt < old)) return;
  for (const status of ['retry', 'review']) {
    const page = await guarded(() => get(`/sync/events?limit=100&status=${status}${tenantQuery(tenant, '&')}`));
    for (const row of page?.events ?? []) if (events.find(`${row.tenant_id}/${row.event_id}`)) events.put(row);
  }
  dirty = true;
  detail.refresh();
}

// --- the empty page teaches ---

const sample = {
  event_type: 'user_created', source_platform: 'bizoholic', target_platforms: ['coreldove', 'bizosaas'],
  data: { user_id: 'u-1', full_name: 'Ada Lovelace', email_address: 'ada@example.com' }, tenant_id: 'demo',
};

function showEmpty(shown) {
  const box = $('empty');
  box.hidden = shown > 0 || !loaded;
  if (box.hidden) return;
  if (events.all.length) return box.replaceChildren(el('h3', {}, 'Nothing here'), el('p', {}, 'No event of the latest fits this filter.'));
  if (box.dataset.filled) return;
  box.dataset.filled = 'yes';
  const command = `curl -X POST ${new URL('../sync/events', location.href)} \\\n  -H 'Content-Type: application/json' \\\n` +
    (token.get() ? "  -H \"Authorization: Bearer $TOKEN\" \\\n" : '') + `  -d '${JSON.stringify({ ...sample, tenant_id: tenant || sample.tenant_id })}'`;
  box.replaceChildren(
    el('h3', {}, 'No events yet'),
    el('p', {}, 'As soon as a platform tells this service of a change, you see it here on its way to the other platforms. Send the first one:'),
    el('pre', {}, command),
    el('button', { className: 'button primary', type: 'button', onclick: sendSample }, 'Send this event'));
}

async function sendSample() {
  const number = Math.floor(Math.random() * 9000) + 1000;
  const data = { user_id: `u-${number}`, full_name: 'Ada Lovelace', email_address: `ada.${number}@example.com` };
  await guarded(() => call('POST', '/sync/events', { ...sample, data, tenant_id: tenant || sample.tenant_id }));
}

// --- token, theme, filters ---

function askForToken(why) {
  const dialog = $('token-dialog');
  if (dialog.open) return;
  $('link').dataset.state = 'refused';
  dialog.querySelector('p').textContent = why ? `${why}. It stays in this tab and goes nowhere else.` : 'It stays in this tab and goes nowhere else.';
  $('token-text').value = token.get();
  dialog.showModal();
}
$('token-dialog').addEventListener('close', () => {
  const { returnValue } = $('token-dialog');
  if (returnValue !== 'use' && returnValue !== 'forget') return;
  token.set(returnValue === 'use' ? $('token-text').value.trim() : '');
  restart();
});
$('token-button').onclick = () => askForToken('');

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  flow.redraw();
  spark.draw();
}
const dark = matchMedia('(prefers-color-scheme: dark)');
setTheme(localStorage.getItem('data-sync theme') ?? (dark.matches ? 'dark' : 'light'));
$('theme-button').onclick = () => {
  const theme = document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark';
  localStorage.setItem('data-sync theme', theme);
  setTheme(theme);
};

$('tabs').onclick = ({ target }) => {
  if (!target.dataset.filter) return;
  for (const tab of $('tabs').children) tab.ariaSelected = String(tab === target);
  table.filter = target.dataset.filter;
  dirty = true;
};
$('search').oninput = () => { table.search = $('search').value.trim().toLowerCase(); dirty = true; };
$('pause').onclick = () => {
  paused = !paused;
  $('pause').ariaPressed = String(paused);
  $('pause').textContent = paused ? 'Go on' : 'Pause';
  dirty = true;
};
$('tenant').value = tenant;
$('tenant').onchange = () => { tenant = $('tenant').value.trim(); restart(); };

function restart() {
  events.clear();
  delete $('empty').dataset.filled;
  loaded = false;
  link.tenant = tenant;
  link.open({ fresh: true });
  load();
  loadStatus();
  loadMetrics();
}

// --- the page's own clock ---

setInterval(() => {
  if (!dirty || paused || document.hidden) return;
  dirty = false;
  showEmpty(table.render(events));
}, kRenderMs);
setInterval(() => {
  spark.tick();
  const rate = spark.rate();
  $('rate').textContent = rate === 0 ? '0' : rate < 10 ? rate.toFixed(1) : compact(Math.round(rate));
}, 1000);
setInterval(() => document.hidden || loadStatus(), kStatusMs);
setInterval(() => document.hidden || loadMetrics(), kMetricsMs);
setInterval(() => document.hidden || loadOpen(), kOpenMs);

guarded(() => get('/')).then((about) => {
  if (about) $('about').textContent = `${about.version} · ${about.environment}`;
});
restart();
