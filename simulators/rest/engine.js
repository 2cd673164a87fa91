import { HttpError } from '../server/http.js';
import { Records } from './records.js';
import { RememberedAnswers } from './remembered_answers.js';

const kVerbs = ['create', 'update', 'delete'];
/** What the service adds to `data` for the platform's sake; it is no field of the record. */
const kContexts = ['_platform_context', '_sync_metadata'];

/**
 * A REST platform: `POST /api/sync/{entity}/{create|update|delete}` over its own records.
 *
 * @param {import('./description.js').PlatformDescription} description
 * @param {{token?: string}} [options]  `token`: required as bearer token or `X-API-Key`
 * @returns {import('../server/simulator.js').Platform}
 */
export function restPlatform(description, { token } = {}) {
  const engine = new RestEngine(description, token);
  return {
    name: description.name,
    calls: (request) => [callOf(request)],
    answer: (request, [call], refusal) => engine.answer(request, call, refusal(call)),
    state: (filter) => engine.state(filter),
    act: (change) => engine.act(change),
    reset: () => engine.reset(),
  };
}

/** @returns {import('../server/history.js').Call} what a request asks for, as far as it can be understood */
function callOf({ path, text }) {
  const [, entity = null, verb = null] = path.match(/^\/api\/sync\/([^/]+)\/([^/]+)\/?$/) ?? [];
  const body = parsed(text);
  return { tenant: body?.tenant_id ?? null, entity, verb, data: body?.data };
}

class RestEngine {
  #description;
  #token;
  #records;
  #answers;

  constructor(description, token) {
    this.#description = description;
    this.#token = token;
    this.reset();
  }

  reset() {
    this.#records = new Records(this.#description);
    this.#answers = new RememberedAnswers();
  }

  /** @returns {import('../server/simulator.js').PlatformAnswer} */
  answer(request, call, refusal) {
    const refused = this.#refusalOf(request, call)
      ?? (refusal && problem(422, 'refused', refusal.message, { errors: [refusal] }));
    if (refused) return outcome(refused, 'refused');

    const key = request.headers['idempotency-key'];
    const content = `${request.path}\n${request.text}`;
    const first = this.#answers.recall(call.tenant, key, content);
    if (first) return outcome(first.answer, 'replayed', { same_content: first.sameContent });

    const answer = this.#apply(call);
    if (answer.status >= 300) return outcome(answer, 'refused');
    this.#answers.remember(call.tenant, key, content, answer);
    return outcome(answer, 'applied', { id: answer.body.id });
  }

  state({ tenant_id: tenant, entity }) {
    return [...this.#records.all()]
      .filter((record) => tenant === undefined || record.tenant === tenant)
      .filter((record) => entity === undefined || record.entity === entity)
      .map((record) => this.#shown(record));
  }

  /** @returns {import('../server/simulator.js').OwnChange} */
  act({ tenant_id: tenant, entity, verb, id, data, whole }) {
    const described = this.#description.entities[entity];
    if (!this.#serves(entity, verb)) throw new HttpError(422, `nobody can ${verb} a ${entity} here`);
    const fields = this.#fieldsOf(entity, this.#inOwnNames(entity, data));
    const record = verb === 'create' ? undefined : this.#records.find(tenant, entity, id ?? idIn(described, data));
    if (verb !== 'create' && !record) throw new HttpError(404, `no such ${entity}`);
    this.#refuseTakenKey(tenant, entity, fields, record);

    if (verb === 'create') return this.#ownChange(this.#records.add(tenant, entity, fields));
    if (verb === 'update') {
      this.#records.change(record, fields);
      return this.#ownChange(record, whole ? record.fields : { ...this.#naturalKeyOf(record), ...fields });
    }
    this.#records.remove(record);
    return this.#ownChange({ ...record, revision: record.revision + 1 }, this.#naturalKeyOf(record));
  }

  /** What is wrong with a request before its record is looked at. */
  #refusalOf({ method, headers, text }, { tenant, entity, verb, data }) {
    if (!this.#admits(headers)) return problem(401, 'unauthorized', 'a valid token is needed');
    if (!this.#serves(entity, verb)) return problem(404, 'not_found', 'no such address');
    if (method !== 'POST') return problem(405, 'method_not_allowed', 'only POST');
    if (parsed(text) === undefined) return problem(400, 'bad_request', 'the body is not JSON');
    if (typeof tenant !== 'string' || tenant === '') return problem(422, 'invalid', 'tenant_id is missing');
    if (!isObject(data)) return problem(422, 'invalid', 'data is missing');
    if (verb === 'create' && this.#records.full) return problem(507, 'full', 'no room for more records');
    return undefined;
  }

  #serves(entity, verb) {
    return Object.hasOwn(this.#description.entities, entity ?? '') && kVerbs.includes(verb);
  }

  #admits(headers) {
    if (this.#token === undefined) return true;
    return headers.authorization === `Bearer ${this.#token}` || headers['x-api-key'] === this.#token;
  }

  #apply({ tenant, entity, verb, data }) {
    const described = this.#description.entities[entity];
    if (described.stateless) return this.#create(tenant, entity, data, 200);
    if (verb === 'create') return this.#create(tenant, entity, data, 201);

    const record = this.#records.find(tenant, entity, idIn(described, data));
    if (!record) return problem(404, 'not_found', `no such ${entity}`);
    return verb === 'update' ? this.#update(record, data) : this.#remove(record);
  }

  #create(tenant, entity, data, status) {
    const described = this.#description.entities[entity];
    const reference = described.stateless ? undefined : referenceIn(described, data);
    const fields = this.#fieldsOf(entity, data);
    const known = (reference !== undefined && this.#records.find(tenant, entity, reference))
      || this.#records.findByNaturalKey(tenant, entity, fields);
    if (known) return problem(409, 'conflict', `this ${entity} exists already`, { id: known.id });
    return success(status, this.#records.add(tenant, entity, fields, reference, contextIn(data).version));
  }

  #update(record, data) {
    const fields = this.#fieldsOf(record.entity, data);
    const other = this.#records.findByNaturalKey(record.tenant, record.entity, fields);
    if (other && other !== record) {
      return problem(409, 'conflict', `another ${record.entity} has this key`, { id: other.id });
    }
    const { entity_id: reference, version } = contextIn(data);
    this.#records.change(record, fields, reference ?? record.reference, version ?? record.goldenVersion);
    return success(200, record);
  }

  #remove(record) {
    this.#records.remove(record);
    return success(200, record);
  }

  #refuseTakenKey(tenant, entity, fields, record) {
    const other = this.#records.findByNaturalKey(tenant, entity, fields);
    if (other && other !== record) throw new HttpError(409, `another ${entity} has this key: ${other.id}`);
  }

  /** The record's fields in `data`: neither its id nor the service's context. */
  #fieldsOf(entity, data) {
    const { id } = this.#description.entities[entity];
    return Object.fromEntries(
      Object.entries(data).filter(([name]) => name !== id && name !== 'id' && !kContexts.includes(name)),
    );
  }

  #inOwnNames(entity, data) {
    const own = invert(this.#description.entities[entity].canonical);
    return Object.fromEntries(Object.entries(data).map(([name, value]) => [own[name] ?? name, value]));
  }

  #naturalKeyOf(record) {
    const { naturalKey } = this.#description.entities[record.entity];
    return naturalKey && naturalKey in record.fields ? { [naturalKey]: record.fields[naturalKey] } : {};
  }

  #ownChange(record, fields = record.fields) {
    return {
      id: record.id,
      data: { [this.#description.entities[record.entity].id]: record.id, ...fields },
      version: record.revision,
      entity_id: record.reference,
      base_version: record.goldenVersion,
    };
  }

  #shown(record) {
    const { id, canonical } = this.#description.entities[record.entity];
    return {
      tenant_id: record.tenant,
      entity: record.entity,
      id: record.id,
      external_reference: record.reference ?? null,
      golden_version: record.goldenVersion ?? null,
      revision: record.revision,
      updated_at: record.updatedAt,
      data: { [id]: record.id, ...record.fields },
      canonical: Object.fromEntries(
        Object.entries(record.fields).map(([name, value]) => [canonical[name] ?? name, value]),
      ),
    };
  }
}

function idIn(described, data) {
  const id = data[described.id] ?? data.id ?? contextIn(data).entity_id;
  return id === undefined ? undefined : String(id);
}

/** The canonical id in a create: said outright in the context, else the id, since the own one can't be known yet. */
function referenceIn(described, data) {
  return contextIn(data).entity_id ?? idIn(described, data);
}

function contextIn(data) {
  return data._platform_context ?? data._sync_metadata ?? {};
}

function isObject(value) {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function invert(names) {
  return Object.fromEntries(Object.entries(names).map(([own, canonical]) => [canonical, own]));
}

function outcome(answer, result, notes) {
  return { ...answer, outcomes: [{ outcome: result, notes }] };
}

function success(status, record) {
  return { status, body: { success: true, id: record.id, revision: record.revision } };
}

function problem(status, error, detail, more) {
  return { status, body: { success: false, error, detail, ...more } };
}
