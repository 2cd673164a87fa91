/**
 * The simulator's schema is an honest part of Saleor's, and the documents that ship fit both. Saleor's own schema is
 * public test data, and is not part of the project; where it is absent, only the simulator's is asked.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import {
  Kind, buildSchema, isEnumType, isInputObjectType, isInterfaceType, isObjectType, isScalarType, parse, validate,
} from 'graphql';

import { loadSchema } from '../coreldove/schema.js';
import { documents } from '../test_support/coreldove_documents.js';

const kSaleorPath = process.env.SALEOR_SCHEMA
  ?? new URL('../../../shared/data/saleor/schema.graphql', import.meta.url).pathname;

const ours = loadSchema();
const saleors = existsSync(kSaleorPath) && buildSchema(readFileSync(kSaleorPath, 'utf8'), { assumeValid: true });
const needsSaleor = { skip: saleors ? false : "Saleor's schema is not here; SALEOR_SCHEMA names it" };

for (const [name, text] of Object.entries(documents)) {
  test(`${name}.graphql fits the simulator's schema`, () => assert.deepEqual(validate(ours, parse(text)), []));
  test(`${name}.graphql fits Saleor's schema`, needsSaleor, () => assert.deepEqual(validate(saleors, parse(text)), []));
  test(`${name}.graphql is one operation with one mutation field, its id and its errors`, () => {
    const [operation, ...others] = parse(text).definitions;
    assert.deepEqual(others, []);
    if (operation.operation !== 'mutation') return;
    const [field, ...moreFields] = operation.selectionSet.selections;
    assert.deepEqual(moreFields, []);
    assert.ok(field.arguments.every(({ value }) => value.kind === Kind.VARIABLE), 'variables only');
    const selected = Object.fromEntries(field.selectionSet.selections.map((part) => [part.name.value, namesIn(part)]));
    const { errors, ...rows } = selected;
    assert.deepEqual(errors, ['field', 'message', 'code']);
    assert.ok(Object.values(rows)[0].includes('id'));
  });
}

test("Every type, field and argument of the simulator is Saleor's", needsSaleor, () => {
  const differences = Object.values(ours.getTypeMap())
    .filter(({ name }) => !name.startsWith('__'))
    .flatMap((type) => differencesOf(type, saleors.getType(type.name)));
  assert.deepEqual(differences, []);
});

test('A difference is seen', needsSaleor, () => {
  const wrong = buildSchema('type Query { user(id: Int): Product, moon: String } type Product { id: ID }');
  const differences = Object.values(wrong.getTypeMap())
    .filter(({ name }) => ['Query', 'Product'].includes(name))
    .flatMap((type) => differencesOf(type, saleors.getType(type.name)));
  assert.deepEqual(differences, [
    'Query.user is Product, not User', 'Query.user(id) is Int, not ID', 'Query.moon is unknown',
    'Product.id is ID, not ID!',
  ]);
});

function namesIn({ selectionSet }) {
  return selectionSet?.selections.map(({ name }) => name.value) ?? [];
}

/** What keeps a client of `our` type from working with Saleor's; both must be equal where both have something. */
function differencesOf(our, theirs) {
  if (!theirs) return [`${our.name} is unknown`];
  if (isScalarType(our)) return isScalarType(theirs) ? [] : [`${our.name} is no scalar`];
  if (isEnumType(our)) {
    return our.getValues()
      .filter(({ name }) => !theirs.getValue(name))
      .map(({ name }) => `${our.name}.${name} is unknown`);
  }
  const isSameKind = [isObjectType, isInterfaceType, isInputObjectType].some((is) => is(our) && is(theirs));
  if (!isSameKind) return [`${our.name} is of another kind`];
  const fields = Object.values(our.getFields());
  return [
    ...fields.flatMap((field) => fieldDifferences(`${our.name}.${field.name}`, field, theirs.getFields()[field.name])),
    ...(isInputObjectType(our) ? missingRequired(our.name, our.getFields(), Object.values(theirs.getFields())) : []),
  ];
}

function fieldDifferences(path, our, theirs) {
  if (!theirs) return [`${path} is unknown`];
  const differences = sameType(path, our, theirs);
  for (const argument of our.args ?? []) {
    const their = theirs.args.find(({ name }) => name === argument.name);
    const argumentPath = `${path}(${argument.name})`;
    differences.push(...(their ? sameType(argumentPath, argument, their) : [`${argumentPath} is unknown`]));
  }
  const known = Object.fromEntries((our.args ?? []).map((argument) => [argument.name, argument]));
  return [...differences, ...missingRequired(path, known, theirs.args ?? [])];
}

function sameType(path, our, theirs) {
  return String(our.type) === String(theirs.type) ? [] : [`${path} is ${our.type}, not ${theirs.type}`];
}

function missingRequired(path, ours, theirs) {
  return theirs
    .filter(({ name, type, defaultValue }) => String(type).endsWith('!') && defaultValue === undefined && !ours[name])
    .map(({ name }) => `${path} lacks ${name}, which is required`);
}
