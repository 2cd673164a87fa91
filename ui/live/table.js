// The table of the latest events. Rows are kept and moved, never built anew: a click must not land on another event.

import { el, duration } from './dom.js';
import { isFinal, reasonOf, toneOf } from './events.js';

const kRows = 120;
const kOpen = new Set(['pending', 'processing', 'retry', 'review']);
const kBad = new Set(['failed', 'expired', 'retry', 'review']);
const kTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });

const filters = {
  all: () => true,
  open: (event) => kOpen.has(event.status),
  good: (event) => event.status === 'completed',
  bad: (event) => kBad.has(event.status),
};

export class Table {
  #rows = new Map();
  filter = 'all';
  search = '';
  selected = null;

  constructor(body, onOpen) {
    this.body = body;
    body.addEventListener('click', (click) => this.#open(click.target, onOpen));
    body.addEventListener('keydown', (key) => key.key === 'Enter' && this.#open(key.target, onOpen));
  }
  #open(target, onOpen) {
    const row = target.closest('tr');
    if (row) onOpen(row.dataset.key);
  }

  /// How many rows are shown.
  render(events) {
    const shown = [];
    for (const event of events.all) {
      if (shown.length === kRows) break;
      if (filters[this.filter](event) && this.#matches(event)) shown.push(event);
    }
    const keys = new Set(shown.map((event) => event.key));
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let before = null;
    for (const event of shown.reverse()) {
      let row = this.#rows.get(event.key);
      const known = Boolean(row);
      if (!known) this.#rows.set(event.key, (row = el('tr', { tabIndex: 0 })));
      row.dataset.key = event.key;
      if (!known || events.changed.has(event.key)) this.#fill(row, event);
      row.ariaSelected = String(event.key === this.selected);
      if (row.nextSibling !== before || row.parentNode !== this.body) this.body.insertBefore(row, before);
      before = row;
    }
    events.changed.clear();
    return shown.length;
  }

  #matches(event) {
    if (!this.search) return true;
    const text = `${event.type} ${event.id} ${event.tenant} ${event.source} ${event.entityId ?? ''} ${event.status} ` +
      `${event.results.map((result) => result.target_platform).join(' ')} ${reasonOf(event)}`;
    return text.toLowerCase().includes(this.search);
  }

  #fill(row, event) {
    const targets = el('div', { className: 'targets' }, ...event.results.map((result) => {
      const tries = result.attempts > 1 ? ` ×${result.attempts}` : '';
      return el('span', { className: `tag ${toneOf(result.status)}`, title: `${result.status}, ${result.attempts} attempts` },
        `${result.target_platform}${tries}`);
    }));
    const took = isFinal(event.status) && event.processedAt ? duration(event.processedAt - event.createdAt) : '';
    row.className = event.fresh ? 'fresh' : '';
    event.fresh = false;
    row.replaceChildren(
      el('td', { className: 'time' }, kTime.format(event.createdAt)),
      el('td', {}, el('div', { className: 'name' }, event.type), el('div', { className: 'sub', title: event.id }, `${event.tenant} · ${event.entityId ?? event.id}`)),
      el('td', {}, event.source), el('td', {}, targets),
      el('td', {}, el('span', { className: `tag ${toneOf(event.status)}` }, event.status)),
      el('td', {}, el('div', { className: 'reason', title: reasonOf(event) }, reasonOf(event))),
      el('td', { className: 'number' }, took));
  }
}
