// One event in full: what it says, what every target made of it, and another try.

import { call, get, tenantQuery } from './api.js';
import { duration, el, toast } from './dom.js';
import { canRetry, toneOf } from './events.js';

const kWhen = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const when = (time) => (time ? kWhen.format(Date.parse(time)) : '');

export class Detail {
  #open = null;

  /// `onChange` gets the event as it was read; `onClose` comes when the panel goes.
  constructor(panel, { onChange, onClose }) {
    Object.assign(this, { panel, onChange, onClose });
    addEventListener('keydown', (key) => key.key === 'Escape' && this.close());
  }

  get openKey() { return this.#open?.key; }

  async open(event) {
    this.#open = event;
    this.panel.hidden = false;
    await this.refresh();
  }
  close() {
    if (!this.#open) return;
    this.#open = null;
    this.panel.hidden = true;
    this.onClose();
  }

  async refresh() {
    const event = this.#open;
    if (!event) return;
    try {
      const answer = await get(this.#path(event));
      if (this.#open === event) this.#show(answer);
      this.onChange({ ...answer.event, results: answer.results });
    } catch (refused) {
      if (this.#open === event) this.#show(null, refused.message);
    }
  }

  #path(event, tail = '') { return `/sync/events/${encodeURIComponent(event.id)}${tail}${tenantQuery(event.tenant)}`; }

  async #retry(event, button) {
    button.disabled = true;
    try {
      await call('POST', this.#path(event, '/retry'));
      toast('It is tried again.');
      setTimeout(() => this.refresh(), 600);
    } catch (refused) {
      toast(refused.message, 'bad');
      button.disabled = false;
    }
  }

  #show(answer, problem) {
    const event = this.#open;
    const head = el('header', {},
      el('div', {}, el('h2', {}, event.type), el('code', { className: 'quiet' }, event.id)), el('span', { className: 'grow' }));
    if (answer && canRetry(answer.status)) {
      const button = el('button', { className: 'button primary', type: 'button', onclick: () => this.#retry(event, button) }, 'Try again');
      head.append(button);
    }
    head.append(el('button', { className: 'button', type: 'button', ariaLabel: 'Close', onclick: () => this.close() }, '✕'));
    if (!answer) return this.panel.replaceChildren(head, el('section', {}, problem));
    this.panel.replaceChildren(head, this.#summary(answer), this.#results(answer), this.#json('Data', answer.event.data),
      ...(Object.keys(answer.event.metadata ?? {}).length ? [this.#json('Metadata', answer.event.metadata)] : []));
  }

  #summary({ event, status, error_message: message }) {
    const list = el('dl');
    const add = (name, ...value) => list.append(el('dt', {}, name), el('dd', {}, ...value));
    add('Status', el('span', { className: `tag ${toneOf(status)}` }, status));
    if (message) add('Reason', message);
    add('Tenant', event.tenant_id);
    add(event.entity_type, event.entity_id ?? event.own_id ?? 'none');
    add('From', event.source_platform);
    add('Priority', String(event.priority));
    add('Accepted', when(event.created_at));
    if (event.processed_at) add('Ended', `${when(event.processed_at)} (${duration(Date.parse(event.processed_at) - Date.parse(event.created_at))})`);
    if (event.expires_at) add('Expires', when(event.expires_at));
    if (event.base_version !== null) add('Made on version', String(event.base_version));
    return el('section', {}, list);
  }

  #results({ results, event }) {
    const section = el('section', {}, el('h3', {}, 'Targets'));
    if (!results.length) section.append(el('p', { className: 'quiet' }, 'Not reconciled yet: what each target lacks is not known.'));
    for (const result of results) section.append(this.#result(result, event));
    return section;
  }

  #result(result, event) {
    const steps = el('ol');
    const step = (text, tone = '') => steps.append(el('li', { className: tone }, text));
    if (result.first_attempt_at) step(`first attempt ${when(result.first_attempt_at)}, ${duration(Date.parse(result.first_attempt_at) - Date.parse(event.created_at))} after it was accepted`);
    if (result.attempts > 1) step(`${result.attempts} attempts so far`);
    if (result.outcome_unknown) step('the last attempt was cut: it may have arrived, and is repeated under the same key', 'bad');
    if (result.error_message) step(result.error_message, result.success ? '' : 'bad');
    if (result.next_attempt_at) step(`next attempt ${when(result.next_attempt_at)}`);
    if (result.redrive) step(`tried again by hand ${result.redrive}×`);
    if (result.processed_at) step(`${result.status} ${when(result.processed_at)}`, result.success ? 'good' : 'bad');
    const took = result.processing_time_ms === null ? '' : duration(result.processing_time_ms);
    return el('div', { className: 'result' },
      el('div', {}, el('strong', {}, result.target_platform), el('span', { className: `tag ${toneOf(result.status)}` }, result.status),
        el('span', { className: 'grow' }), el('span', { className: 'quiet' }, took)), steps);
  }

  #json(title, value) {
    return el('section', {}, el('h3', {}, title), el('pre', {}, JSON.stringify(value, null, 2)));
  }
}
