import { GraphQLError, Kind, parse, validate } from 'graphql';

import { mutations } from './mutations/index.js';
import { loadSchema } from './schema.js';

export const schema = loadSchema();

const kKnownTextsMax = 1000;
/** @type {Map<string, import('graphql').DocumentNode | GraphQLError>} */
const known = new Map();

/**
 * A request to `/graphql/`, understood as far as possible.
 *
 * @typedef {object} GraphqlRequest
 * @property {import('graphql').DocumentNode} [document]
 * @property {import('graphql').OperationDefinitionNode} [operation]  the one that is meant
 * @property {Record<string, unknown>} variables
 * @property {string} [operationName]
 * @property {string} [problem]  why it can't be executed
 */

/**
 * @param {string} text  the body: `{query, variables?, operationName?}`
 * @returns {GraphqlRequest}
 */
export function understood(text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    return { variables: {}, problem: 'Unable to parse query.' };
  }
  if (typeof body?.query !== 'string') return { variables: {}, problem: 'Must provide a query string.' };
  const { operationName } = body;
  const variables = body.variables ?? {};
  const document = documentOf(body.query);
  if (document instanceof GraphQLError) return { variables, problem: document.message };
  const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  const operation = operationName ? operations.find(({ name }) => name?.value === operationName) : operations[0];
  return { document, operation, variables, operationName };
}

/** Parses and validates; clients send the same few texts all the time, so the results are kept. */
function documentOf(text) {
  if (!known.has(text)) {
    if (known.size >= kKnownTextsMax) known.clear();
    known.set(text, parsedAndValid(text));
  }
  return known.get(text);
}

function parsedAndValid(text) {
  try {
    const document = parse(text, { noLocation: true });
    const [invalid] = validate(schema, document);
    return invalid ?? document;
  } catch (error) {
    return error;
  }
}

/**
 * What a request asks for: one call per mutation field, so that a batch by aliases shows up as what it is.
 *
 * @param {GraphqlRequest} request
 * @param {string | null} tenant
 * @returns {import('../server/history.js').Call[]}
 */
export function callsOf({ operation, variables }, tenant) {
  const fields = operation?.selectionSet.selections.filter(({ kind }) => kind === Kind.FIELD) ?? [];
  const calls = fields
    .filter(({ name }) => operation.operation === 'mutation' && mutations[name.value])
    .map((field) => ({
      tenant,
      entity: mutations[field.name.value].entity,
      verb: mutations[field.name.value].verb,
      operation: field.name.value,
      key: field.alias?.value ?? field.name.value,
      data: fieldsOf(field.arguments, variables),
    }));
  if (calls.length > 0) return calls;
  return [{ tenant, entity: null, verb: operation?.operation ?? null, data: variables }];
}

function fieldsOf(nodes, variables) {
  return Object.fromEntries(nodes.map(({ name, value }) => [name.value, valueOf(value, variables)]));
}

function valueOf(node, variables) {
  switch (node.kind) {
    case Kind.VARIABLE: return variables[node.name.value];
    case Kind.LIST: return node.values.map((value) => valueOf(value, variables));
    case Kind.OBJECT: return fieldsOf(node.fields, variables);
    case Kind.INT: case Kind.FLOAT: return Number(node.value);
    case Kind.NULL: return null;
    default: return node.value;
  }
}
