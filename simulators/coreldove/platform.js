import { GraphQLError, executeSync } from 'graphql';

import { callsOf, schema, understood } from './graphql_request.js';
import { mutations } from './mutations/index.js';
import { Owner } from './owner.js';
import { queries } from './queries.js';
import { Refused } from './refused.js';
import { Shop } from './shop.js';

/**
 * The e-commerce platform: a GraphQL server in the manner of Saleor at `POST /graphql/`.
 *
 * Saleor has one shop and no tenants. The header `X-Tenant-Id` is this simulator's own: with it a request sees and
 * makes only that tenant's rows, without it the whole shop's.
 *
 * @param {{token?: string}} [options]
 * @returns {import('../server/simulator.js').Platform}
 */
export function coreldove({ token } = {}) {
  let shop = new Shop();
  return {
    name: 'coreldove',
    calls: ({ headers, text }) => callsOf(understood(text), tenantIn(headers)),
    answer: (request, calls, refusal) => answer(shop, request, calls, refusal, token),
    state: (filter) => new Owner(shop).state(filter),
    act: (change) => new Owner(shop).act(change),
    reset() {
      shop = new Shop();
    },
  };
}

/** @returns {import('../server/simulator.js').PlatformAnswer} */
function answer(shop, { method, path, headers, text }, calls, refusal, token) {
  const refuseAll = (status, message) => ({
    status, body: { errors: [{ message }] }, outcomes: calls.map(() => ({ outcome: 'refused' })),
  });
  if (!/^\/graphql\/?$/.test(path)) return refuseAll(404, 'Not found.');
  if (method !== 'POST') return refuseAll(405, 'Method not allowed. Use POST.');

  const { document, problem, variables, operationName } = understood(text);
  // Saleor answers 400 to a document that does not validate, and 200 to everything that it executed.
  if (problem) return refuseAll(400, problem);

  /** @type {Execution} */
  const execution = {
    shop,
    scope: tenantIn(headers),
    isAllowed: token === undefined || tokenIn(headers) === token,
    refusalOf: (key) => refusal(calls.find((call) => call.key === key)),
    outcomes: new Map(),
  };
  const result = executeSync({
    schema, document, rootValue, contextValue: execution, variableValues: variables, operationName,
  });
  if (result.data === undefined) return refuseAll(400, result.errors[0].message); // wrong variables

  const isQuery = calls[0].operation === undefined;
  return {
    status: 200,
    body: result,
    outcomes: calls.map(({ key }) => (isQuery
      ? { outcome: 'read' }
      : execution.outcomes.get(key) ?? { outcome: 'refused' })),
  };
}

/**
 * One request under execution; what every root field gets as its context.
 *
 * @typedef {object} Execution
 * @property {Shop} shop
 * @property {import('./table.js').Scope} scope
 * @property {boolean} isAllowed
 * @property {(key: string) => object | undefined} refusalOf  with what a rule wants the field refused
 * @property {Map<string, {outcome: string, notes?: object}>} outcomes  per response key
 */

const rootValue = {
  ...mapValues(queries, (query) => (args, execution) => {
    demandPermission(execution);
    return query(execution.shop, execution.scope, args);
  }),
  ...mapValues(mutations, (mutation) => (args, execution, info) => {
    demandPermission(execution);
    return payload(mutation, args, execution, info.path.key);
  }),
};

/** The payload of one mutation: the row, or `null` and why not. */
function payload({ run, result, view }, args, { shop, scope, refusalOf, outcomes }, key) {
  try {
    const refusal = refusalOf(key);
    if (refusal) throw new Refused(refusal.field, refusal.message, refusal.code);
    const row = run(shop, scope, args);
    outcomes.set(key, { outcome: 'applied', notes: { id: row.id } });
    return { [result]: view(shop, row), errors: [] };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    outcomes.set(key, { outcome: 'refused', notes: { error: error.error } });
    return { [result]: null, errors: [error.error] };
  }
}

function demandPermission({ isAllowed }) {
  if (isAllowed) return;
  throw new GraphQLError('To access this path, you need one of the following permissions.', {
    extensions: { exception: { code: 'PermissionDenied' } },
  });
}

function tokenIn(headers) {
  return (headers.authorization ?? headers['authorization-bearer'] ?? '').replace(/^(Bearer|JWT) /i, '');
}

function tenantIn(headers) {
  return headers['x-tenant-id'] ?? null;
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
