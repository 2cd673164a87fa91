// The latest events as the page knows them, newest first.

const kKept = 400;
const kFinal = new Set(['completed', 'failed', 'expired']);

export const isFinal = (status) => kFinal.has(status);
/// Which colour a status has.
export const toneOf = (status) => ({
  completed: 'good', created: 'moving', pending: 'moving', processing: 'moving', retry: 'held', review: 'held',
  failed: 'bad', expired: 'bad', open: 'held', resolved: 'good',
}[status] ?? '');
/// May be tried again: what `POST /sync/events/{id}/retry` accepts.
export const canRetry = (status) => ['failed', 'retry', 'review', 'expired'].includes(status);

export class Events {
  #byKey = new Map();
  #newest = [];
  changed = new Set();

  get all() { return this.#newest; }
  find(key) { return this.#byKey.get(key); }

  clear() {
    this.#byKey.clear();
    this.#newest = [];
  }

  /// A row of the list, a detail's `event` with its results, or a message: all name the same members.
  put(row) {
    const key = `${row.tenant_id}/${row.event_id}`;
    const known = this.#byKey.get(key);
    const event = known ?? { key, fresh: true };
    Object.assign(event, {
      id: row.event_id, tenant: row.tenant_id, type: row.event_type, entity: row.entity_type,
      entityId: row.entity_id ?? row.own_id ?? event.entityId, source: row.source_platform, priority: row.priority,
      createdAt: Date.parse(row.created_at), sequence: Number(row.cursor ?? row.sequence ?? event.sequence ?? 0),
    });
    // What was read before an ending must not undo it.
    if (!(known && isFinal(known.status) && !isFinal(row.status) && row.type === 'event_created')) event.status = row.status;
    event.processedAt = row.processed_at ? Date.parse(row.processed_at) : event.processedAt;
    event.message = row.error_message ?? event.message;
    if (row.results?.length) event.results = row.results;
    event.results ??= (row.target_platforms ?? []).map((platform) => ({
      target_platform: platform, status: platform === row.source_platform ? 'skipped' : 'pending', attempts: 0,
    }));
    if (!known) this.#insert(event);
    this.changed.add(key);
    return event;
  }

  #insert(event) {
    this.#byKey.set(event.key, event);
    let at = 0;
    while (at < this.#newest.length && this.#newest[at].sequence > event.sequence) ++at;
    this.#newest.splice(at, 0, event);
    if (this.#newest.length > kKept) this.#byKey.delete(this.#newest.pop().key);
  }
}

/// Why it stands as it does, in one line: what went wrong, else why a target was left out.
export function reasonOf(event) {
  const words = event.results.filter((result) => result.error_message);
  const wrong = words.filter((result) => !['completed', 'skipped'].includes(result.status));
  const told = wrong.length ? wrong : words;
  if (told.length) return told.map((result) => `${result.target_platform}: ${result.error_message}`).join(' · ');
  return event.message ?? '';
}
