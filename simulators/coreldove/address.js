import { globalId } from './global_id.js';
import { Refused } from './refused.js';

const kNeeded = ['country', 'streetAddress1', 'city'];

/**
 * The address that an `AddressInput` asks for. Saleor checks it against the rules of each country; this shop knows
 * only what all countries need, and nothing at all with `skipValidation`.
 *
 * @param {object | null | undefined} input
 * @returns {object | undefined}
 */
export function addressOf(input) {
  if (!input) return undefined;
  const { skipValidation, ...address } = input;
  const missing = kNeeded.find((field) => !address[field]);
  if (missing && !skipValidation) throw new Refused(missing, 'This field is required.', 'REQUIRED');
  return address;
}

const kTexts = [
  'firstName', 'lastName', 'companyName', 'streetAddress1', 'streetAddress2', 'city', 'cityArea', 'postalCode',
  'countryArea',
];

/** @param {object | undefined} address */
export function addressView(address, key) {
  if (!address) return null;
  const code = address.country ?? '';
  return {
    ...Object.fromEntries(kTexts.map((field) => [field, address[field] ?? ''])),
    id: globalId('Address', key),
    phone: address.phone ?? null,
    country: { code, country: code && new Intl.DisplayNames('en', { type: 'region' }).of(code) },
  };
}
