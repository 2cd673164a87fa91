import { readFileSync } from 'node:fs';

import { GraphQLError, Kind, buildSchema } from 'graphql';

/**
 * The executable schema: `schema.graphql` with the meaning of its scalars. Fields resolve themselves, since the views
 * already have the schema's names.
 */
export function loadSchema() {
  const schema = buildSchema(readFileSync(new URL('./schema.graphql', import.meta.url), 'utf8'));
  for (const [name, parse] of Object.entries(kScalars)) {
    const scalar = schema.getType(name);
    scalar.parseValue = parse;
    scalar.parseLiteral = (node) => parse(literal(node));
  }
  return schema;
}

const kScalars = {
  /** A number or a decimal string; kept as a string, since a float would lose paise. */
  PositiveDecimal(value) {
    const text = typeof value === 'number' ? String(value) : value;
    if (typeof text !== 'string' || !/^\d{1,15}(\.\d+)?$/.test(text)) {
      throw new GraphQLError(`PositiveDecimal cannot represent value: ${JSON.stringify(value)}`);
    }
    return text;
  },

  /** A string that holds JSON. */
  JSONString(value) {
    try {
      JSON.parse(value);
      return value;
    } catch {
      throw new GraphQLError(`JSONString cannot represent value: ${JSON.stringify(value)}`);
    }
  },
};

function literal(node) {
  if (node.kind === Kind.INT || node.kind === Kind.FLOAT) return Number(node.value);
  if (node.kind === Kind.STRING) return node.value;
  throw new GraphQLError('a scalar is a number or a string', { nodes: [node] });
}
