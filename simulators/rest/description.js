/**
 * What one REST platform calls things. The engine is the same for all of them; a further REST platform is one more
 * description.
 *
 * @typedef {object} EntityDescription
 * @property {string} id                         the field that carries the platform's own id
 * @property {string} [naturalKey]               a field whose value no two records share, compared without case
 * @property {Record<string, string>} canonical  own field name → canonical name, for the fields that differ
 * @property {boolean} [stateless]               each update is a new record of its own: facts, not things
 *
 * @typedef {object} PlatformDescription
 * @property {string} name
 * @property {string} idPrefix                   `bz` makes ids like `bz_user_1001`
 * @property {Record<string, EntityDescription>} entities
 */

/** @type {EntityDescription} an entity for which the platform uses the canonical names */
export const plain = { id: 'id', canonical: {} };

/** @type {EntityDescription} */
export const statelessPlain = { ...plain, stateless: true };
