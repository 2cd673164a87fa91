import { HttpError } from './http.js';

/**
 * A rule of bad behaviour. The first rule that matches a request is taken, and its `count` goes down by one.
 *
 * @typedef {object} Rule
 * @property {{tenant_id?: string, entity?: string, verb?: string, operation?: string}} [match]  absent: every request
 * @property {number} [count]            how many requests it spoils; absent: until it is deleted
 * @property {number} [latency_ms]       waits so long first; alone it spoils nothing else
 * @property {number} [status]           answers with this status
 * @property {number} [retry_after]      seconds, as the `Retry-After` header beside `status`
 * @property {boolean} [hang]            never answers
 * @property {boolean} [drop]            closes the socket instead of answering
 * @property {boolean} [garbage]         answers 200 with a body that is not JSON
 * @property {{field: string | null, message: string, code: string}} [refuse_field]
 *   refuses the call the way the platform does
 * @property {object} [graphql_error]    answers 200 with this entry in the top-level `errors`
 * @property {'before' | 'after'} [when] spoils the answer before (default) or after the change was applied
 */

const kFields = new Set([
  'match', 'count', 'latency_ms', 'status', 'retry_after', 'hang', 'drop', 'garbage', 'refuse_field', 'graphql_error',
  'when',
]);
const kMatchFields = ['tenant_id', 'entity', 'verb', 'operation'];
const kRulesMax = 1000;

/** The rules in force. Control calls write it, every request asks it. */
export class Misbehaviour {
  /** @type {Rule[]} */
  #rules = [];

  /**
   * Adds one rule or several.
   *
   * Errors: `HttpError` 422 when a rule has an unknown field, so that a typing mistake never makes a test pass.
   *
   * @param {Rule | Rule[]} rules
   */
  add(rules) {
    const added = [rules].flat().map(checkedRule);
    if (this.#rules.length + added.length > kRulesMax) throw new HttpError(422, `at most ${kRulesMax} rules`);
    this.#rules.push(...added);
  }

  list() {
    return this.#rules;
  }

  clear() {
    this.#rules = [];
  }

  /**
   * Takes the rule for a request with these calls, if there is one.
   *
   * @param {import('./history.js').Call[]} calls
   * @returns {Rule | undefined}
   */
  take(calls) {
    const rule = this.#rules.find((candidate) => calls.some((call) => matches(candidate, call)));
    if (rule?.count !== undefined) {
      rule.count -= 1;
      if (rule.count === 0) this.#rules = this.#rules.filter((other) => other !== rule);
    }
    return rule;
  }
}

/**
 * @param {Rule} rule
 * @param {import('./history.js').Call} call
 */
export function matches({ match = {} }, call) {
  const facts = { tenant_id: call.tenant, entity: call.entity, verb: call.verb, operation: call.operation };
  return kMatchFields.every((name) => match[name] === undefined || match[name] === facts[name]);
}

function checkedRule(rule) {
  if (rule === null || typeof rule !== 'object') throw new HttpError(422, 'a rule is a JSON object');
  const unknown = [
    ...Object.keys(rule).filter((name) => !kFields.has(name)),
    ...Object.keys(rule.match ?? {}).filter((name) => !kMatchFields.includes(name)),
  ];
  if (unknown.length > 0) throw new HttpError(422, `unknown in a rule: ${unknown.join(', ')}`);
  if (rule.count !== undefined && !(Number.isInteger(rule.count) && rule.count > 0)) {
    throw new HttpError(422, 'count is a whole number above zero');
  }
  return { ...rule };
}
