import { markIn } from './clients.js';

/**
 * Judges a run by the memories of others: of the clients that were answered, and of the targets, by what they hold and what they
 * were told. The service is asked about nothing.
 *
 * @typedef {object} Told            an event that a client was told is safe
 * @property {string} client
 * @property {string} id
 * @property {string} record
 * @property {number} number         rises with each event of its client
 * @property {string[]} targets
 * @property {number} begun_ms       when it was first sent, by `performance.now()`
 * @property {number} answered_ms    when it was acknowledged
 *
 * @typedef {object} Memories
 * @property {Told[]} told                           per client in the order in which they were acknowledged
 * @property {Record<string, object[]>} histories    platform → entries of its history
 * @property {Record<string, object[]>} states       platform → its records
 * @property {Record<string, number>} forgotten      platform → entries that its history has lost
 * @property {{what: string, at_ms: number, over_ms: number, healed_ms?: number}[]} marks  for each fault, from when on the recovery is
 *   counted, when nothing more was done, and when what no client sees was whole again
 * @property {string[]} [recovering]                 the clients whose recovery counts
 *
 * @typedef {object} Verdict
 * @property {number} events         acknowledged
 * @property {number} lost           acknowledged, and not at each of their targets in the end
 * @property {number} twice          applied twice, or never sent
 * @property {number} order          steps back of a record
 * @property {number} duplicates     deliveries that came again and changed nothing: allowed
 * @property {number[]} recovery_ms  for each fault and client, until an event that was begun after the fault was acknowledged, and all
 *   was healed
 * @property {string[]} faults       all that is wrong, in words
 */

/**
 * @param {Memories} memories
 * @returns {Verdict}
 */
export function judge({ told, histories, states, forgotten = {}, marks = [], recovering = [] }) {
  const lost = lostEvents(told, states);
  const again = Object.entries(histories).flatMap(([platform, history]) => appliedAgain(platform, history));
  const twice = [...again.filter(({ isAllowed }) => !isAllowed), ...Object.keys(states).flatMap((platform) => wrongRecords(platform, told, states[platform]))];
  const order = Object.entries(histories).flatMap(([platform, history]) => stepsBack(platform, history));
  const replayed = Object.values(histories).flat().filter(({ outcome }) => outcome === 'replayed').length;
  const { times, missing } = recoveries(told, marks, recovering);
  return {
    events: told.length,
    lost: lost.length,
    twice: twice.length,
    order: order.length,
    duplicates: replayed + again.filter(({ isAllowed }) => isAllowed).length,
    recovery_ms: times,
    faults: [
      ...lost, ...twice.map(({ fault }) => fault), ...order, ...missing,
      ...Object.entries(forgotten).filter(([, count]) => count > 0)
        .map(([platform, count]) => `unproven: the history of ${platform} has lost ${count} calls`),
      ...(told.length === 0 ? ['unproven: no event was acknowledged'] : []),
    ],
  };
}

/** One line for each acknowledged event that some target of it does not have. */
function lostEvents(told, states) {
  const held = Object.fromEntries(Object.entries(states).map(([platform, records]) => [platform, newestOf(records)]));
  return told.flatMap(({ id, record, number, targets }) => {
    const without = targets.filter((platform) => !(held[platform]?.get(record) >= number));
    return without.map((platform) => `${platform} holds ${held[platform]?.get(record) ?? 'nothing'} of ${record}`).slice(0, 1)
      .map((what) => `lost: ${id} (number ${number}): ${what}`);
  });
}

function newestOf(records) {
  const newest = new Map();
  for (const { record, number } of records.flatMap(({ canonical }) => markIn(canonical.name) ?? [])) {
    newest.set(record, Math.max(number, newest.get(record) ?? 0));
  }
  return newest;
}

/** Records that are there twice, came from nowhere, or are ahead of all that was ever sent. */
function wrongRecords(platform, told, records) {
  const sent = new Map();
  for (const { record, number } of told) sent.set(record, Math.max(number, sent.get(record) ?? 0));
  const seen = new Set();
  return records.flatMap(({ canonical }) => {
    const mark = markIn(canonical.name);
    if (mark === undefined) return [];
    const { record, number } = mark;
    if (seen.has(record)) return [{ fault: `twice: ${platform} has ${record} twice` }];
    seen.add(record);
    return number > (sent.get(record) ?? 0) ? [{ fault: `twice: ${platform} holds ${number} of ${record}, ${sent.get(record) ?? 'nothing'} was sent` }] : [];
  });
}

/**
 * Changes that a platform applied though it had applied them before. One that knows no idempotency keys (GraphQL) may be told to
 * set the same values once more, under the same key: that changes nothing. But nothing is made twice, and nothing comes again
 * under another key.
 */
function appliedAgain(platform, history) {
  const first = new Map();
  return inOrder(history).flatMap(({ entry, mark }) => {
    const name = `${mark.record} ${mark.number}`;
    const key = String(entry.idempotency_key);
    const before = first.get(name);
    if (before === undefined) {
      first.set(name, { key });
      return [];
    }
    const isUpsert = entry.operation !== undefined && !/create/i.test(entry.operation);
    return [{ isAllowed: before.key === key && isUpsert, fault: `twice: ${platform} applied ${name} again, under ${before.key} and ${key}` }];
  });
}

/** What a platform applied of one record never goes back. */
function stepsBack(platform, history) {
  const newest = new Map();
  return inOrder(history).flatMap(({ mark: { record, number } }) => {
    const before = newest.get(record) ?? 0;
    newest.set(record, Math.max(before, number));
    return number < before ? [`order: ${platform} got ${number} of ${record} after ${before}`] : [];
  });
}

/** What was applied, in the order in which it was. */
function inOrder(history) {
  return history.filter(({ outcome }) => outcome === 'applied').sort((a, b) => a.applied_order - b.applied_order)
    .flatMap((entry) => newestMarks(entry.data).map((mark) => ({ entry, mark })));
}

/** The newest mark of each record that is spoken of anywhere in the data. */
function newestMarks(data) {
  const marks = new Map();
  visit(data, (text) => {
    const mark = markIn(text);
    if (mark && !(marks.get(mark.record)?.number > mark.number)) marks.set(mark.record, mark);
  });
  return [...marks.values()];
}

function visit(value, take) {
  if (typeof value === 'string') take(value);
  else if (value !== null && typeof value === 'object') for (const member of Object.values(value)) visit(member, take);
}

/** An event that was under way when a fault began says nothing of how long it took to recover. */
function recoveries(told, marks, clients) {
  const times = [];
  const missing = [];
  for (const { what, at_ms: at, over_ms: over, healed_ms: healed = over } of marks) {
    for (const client of clients) {
      const next = told.find((one) => one.client === client && one.begun_ms >= over);
      if (next === undefined) missing.push(`no recovery: ${client} had nothing acknowledged after ${what}`);
      else times.push(Math.max(next.answered_ms, healed) - at);
    }
  }
  return { times, missing };
}
