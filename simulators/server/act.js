import { HttpError } from './http.js';

const kPlatforms = ['bizoholic', 'coreldove', 'bizosaas'];
const kAnswerTimeoutMs = 10_000;

/**
 * What a person does on a platform.
 *
 * @typedef {object} Deed
 * @property {string} tenant_id
 * @property {string} entity
 * @property {'create' | 'update' | 'delete'} verb
 * @property {object} [data]               in the platform's own or in canonical field names
 * @property {string} [id]                 which record, by own id; `data` may carry it too
 * @property {boolean} [whole]             tell the whole record, not only what changed
 * @property {boolean} [send_back]         false: keep `entity_id`, `base_version` and `version` to itself
 * @property {string[]} [target_platforms] default: the other two
 * @property {object} [event]              more envelope fields, such as `priority` or `occurred_at`; they win
 * @property {string} [service]            tell this service, not the one that the simulator was started with
 * @property {boolean} [silent]            true: change, but tell nobody
 */

/**
 * Lets a person change something on the platform, then tells the sync service, as the real platform does: first its
 * own state, then `POST /sync/events`. If the service can't be reached the change stands all the same (the answer is
 * then 502 and carries the event, so that the caller can send it later).
 *
 * @param {import('./simulator.js').Platform} platform
 * @param {Deed} deed
 * @param {{service?: string, token?: string}} options
 * @returns {Promise<import('./http.js').Answer>}
 */
export async function actAndTell(platform, deed, { service, token }) {
  for (const name of ['tenant_id', 'entity', 'verb']) {
    if (typeof deed?.[name] !== 'string') throw new HttpError(422, `${name} is missing`);
  }
  const change = platform.act({ data: {}, ...deed });
  const event = eventOf(platform.name, deed, change);
  const listener = deed.service ?? service;
  if (deed.silent || !listener) return { status: 200, body: { id: change.id, event, service: null } };

  const answer = await tell(`${listener.replace(/\/$/, '')}/sync/events`, token, event);
  const heard = answer.status >= 200 && answer.status < 300;
  return { status: heard ? 200 : 502, body: { id: change.id, event, service: answer } };
}

function eventOf(platform, deed, change) {
  const knowledge = deed.send_back === false ? {} : {
    entity_id: change.entity_id,
    base_version: change.base_version,
    version: change.version,
  };
  return {
    event_type: `${deed.entity}_${{ create: 'created', update: 'updated', delete: 'deleted' }[deed.verb]}`,
    source_platform: platform,
    target_platforms: deed.target_platforms ?? kPlatforms.filter((other) => other !== platform),
    data: change.data,
    tenant_id: deed.tenant_id,
    occurred_at: new Date().toISOString(),
    ...knowledge,
    ...deed.event,
  };
}

async function tell(url, token, event) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(event),
      signal: AbortSignal.timeout(kAnswerTimeoutMs),
    });
    const text = await response.text();
    return { status: response.status, body: parsedOrText(text) };
  } catch (error) {
    return { status: 0, error: String(error.cause?.message ?? error.message) };
  }
}

function parsedOrText(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
