import { isDeepStrictEqual } from 'node:util';

/**
 * Judges a run by the memories of others: of the clients that were answered, and of the platforms that were called. The service
 * is asked about nothing that it could be wrong about twice.
 *
 * @typedef {object} Told         an event that a client was told is safe
 * @property {string} id
 * @property {string} platform    where it comes from
 * @property {string} entity
 * @property {string} record      the client's own name of the record; `canonical.mark` of it on every platform
 * @property {Record<string, unknown>} values  canonical values that it sets
 *
 * @typedef {object} Memories
 * @property {Told[]} told        per record in the order in which they were acknowledged
 * @property {Record<string, object[]>} histories  platform → entries of its history
 * @property {Record<string, object[]>} states     platform → its records
 * @property {Record<string, string[]>} holders    entity → platforms that keep it
 */

const kCheckers = [everyValueArrived, everyRecordOnce, orderIsKept, repeatsAreTrue, nothingReturns, nothingIsForgotten];

/**
 * @param {Memories} memories
 * @returns {string[]} what is wrong, in words; empty if nothing is
 */
export function faultsOf(memories) {
  return kCheckers.flatMap((check) => check(memories));
}

/** All that was acknowledged holds on every platform: the last value of every field of every record. */
function everyValueArrived({ told, states, holders }) {
  const faults = [];
  for (const [record, { entity, values }] of expectedRecords(told)) {
    for (const platform of holders[entity]) {
      const held = states[platform].find((one) => nameOf(one.canonical) === record)?.canonical;
      if (!held) {
        faults.push(`lost: ${platform} has no ${entity} ${record}`);
        continue;
      }
      for (const [field, value] of Object.entries(values)) {
        if (!isDeepStrictEqual(held[field], value)) {
          faults.push(`lost or late: ${field} of ${record} on ${platform} is ${JSON.stringify(held[field])}, not ${JSON.stringify(value)}`);
        }
      }
    }
  }
  return faults;
}

/** No platform has a record twice, or one that nobody made. */
function everyRecordOnce({ told, states }) {
  const known = expectedRecords(told);
  return Object.entries(states).flatMap(([platform, records]) => {
    const names = records.map(({ canonical }) => nameOf(canonical));
    return names
      .filter((name, i) => !known.has(name) || names.indexOf(name) !== i)
      .map((name) => `${platform} has ${name} ${known.has(name) ? 'twice' : 'though nobody made it'}`);
  });
}

/** What a platform applied of one record's field never goes back: the clients count upwards in every field. */
function orderIsKept({ histories }) {
  const faults = [];
  for (const [platform, history] of Object.entries(histories)) {
    const newest = new Map();
    const applied = history.filter(({ outcome }) => outcome === 'applied').sort((a, b) => a.applied_order - b.applied_order);
    for (const { data } of applied) {
      for (const { record, field, count } of countsIn(data)) {
        const before = newest.get(`${record} ${field}`) ?? -1;
        if (count < before) faults.push(`order: ${platform} got ${field} ${count} of ${record} after ${before}`);
        newest.set(`${record} ${field}`, count);
      }
    }
  }
  return faults;
}

/**
 * Attempts under one key say the same; a create that turned out to be there already goes on as an update.
 *
 * GraphQL calls name their record beside what they say of it. A create that may be there is looked up first: not found, the
 * update names it by our reference, is refused since there is none, and a create follows. If the answer to that is lost, too,
 * the same update names the record by the id that is found now. So a call that was refused is bound to what it said only.
 */
function repeatsAreTrue({ histories }) {
  const faults = [];
  for (const [platform, history] of Object.entries(histories)) {
    const first = new Map();
    const isNew = (name, value) => !isDeepStrictEqual(value, first.get(name) ?? first.set(name, value).get(name));
    for (const entry of history.filter(({ outcome }) => outcome !== 'read')) {
      const { idempotency_key: key, verb, operation, data, outcome } = entry;
      if (key === null) {
        faults.push(`${platform} got a ${verb} without an idempotency key`);
        continue;
      }
      const { id, externalReference, ...said } = operation ? data ?? {} : { said: data };
      const saysOther = isNew(`${key} ${operation ?? verb} says`, said);
      const namesOther = outcome !== 'refused' && isNew(`${key} ${operation ?? verb} names`, { id, externalReference });
      if (saysOther || namesOther || entry.same_content === false) {
        faults.push(`repeat: ${platform} got other content under ${key}`);
      }
    }
  }
  return faults;
}

/**
 * A value that a platform wrote is never sent to it. The clients never contradict one another, and each field is written by one
 * platform alone, so nothing loses and nothing can be overwritten on its way.
 *
 * The key of a call says nothing about that: a platform that speaks of a record while it is just being made there may have to
 * hear again, and what others wrote by then goes out under the newest event, which is its own. Natural keys do not count,
 * either: they name the record in every call.
 */
function nothingReturns({ told, histories }) {
  const platformOf = new Map(told.map(({ id, platform }) => [id, platform]));
  const writerOf = new Map(told.flatMap(({ platform, values }) => countsIn(values)
    .map(({ record, count }) => [`${record} ${count}`, platform])));
  return Object.entries(histories).flatMap(([platform, history]) => history.flatMap(({ idempotency_key: key, data }) => {
    const writers = countsIn(data).map(({ record, count }) => writerOf.get(`${record} ${count}`));
    if (writers.includes(platform)) return [`echo: ${platform} got its own value under ${key}`];
    const isOwnEvent = platformOf.get(String(key).split(':')[0]) === platform;
    return isOwnEvent && writers.length === 0 ? [`echo: ${platform} got its own event ${key}, and nothing with it`] : [];
  }));
}

function nothingIsForgotten({ forgotten = {} }) {
  return Object.entries(forgotten).filter(([, count]) => count > 0)
    .map(([platform, count]) => `the history of ${platform} has lost ${count} calls, so it proves nothing`);
}

/** Record → its entity and the last value of each field. */
function expectedRecords(told) {
  const records = new Map();
  for (const { record, entity, values } of told) {
    const known = records.get(record) ?? { entity, values: {} };
    Object.assign(known.values, values);
    records.set(record, known);
  }
  return records;
}

/** Every record has an email that never changes; its first part is the client's name for it. */
export function nameOf(canonical) {
  return String(canonical.email).split('@')[0];
}

/** Every value of ours ends with the record's name and a number, `Asha w1-r2 n17`, wherever in the data it is. */
function countsIn(data) {
  const found = [];
  visit(data, (field, text) => {
    const match = /(w\d+-r\d+) n(\d+)$/.exec(text);
    if (match) found.push({ record: match[1], field, count: Number(match[2]) });
  });
  return found;
}

function visit(value, take, field = '') {
  if (typeof value === 'string') take(field, value);
  else if (value !== null && typeof value === 'object') {
    for (const [name, member] of Object.entries(value)) visit(member, take, Array.isArray(value) ? field : name);
  }
}
