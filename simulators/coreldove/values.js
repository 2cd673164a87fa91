/**
 * The values that are there. GraphQL tells "not mentioned" (`undefined`: leave it alone) from `null` ("empty it").
 *
 * @param {Record<string, unknown>} values
 */
export function defined(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
