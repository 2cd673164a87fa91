import { Refused } from './refused.js';

const kMinorUnitsPerMajor = 100;

/**
 * The minor units (paise) of a decimal. The shop keeps money as whole numbers; only what it shows is a float.
 *
 * Errors: `Refused` when it has more decimals than the currency, as Saleor does.
 *
 * @param {string} decimal  digits, and maybe a point and more digits
 * @param {string} field
 */
export function minorUnits(decimal, field) {
  if (!/^\d{1,15}(\.\d+)?$/.test(decimal)) throw new Refused(field, 'Enter a number.', 'INVALID');
  const [major, minor = ''] = decimal.split('.');
  const significant = minor.replace(/0+$/, '');
  if (significant.length > 2) throw new Refused(field, 'Value cannot have more than 2 decimal places.', 'INVALID');
  return Number(major) * kMinorUnitsPerMajor + Number(significant.padEnd(2, '0'));
}

/** @param {number} minor */
export function majorUnits(minor) {
  return minor / kMinorUnitsPerMajor;
}

/** @param {number | undefined} minor */
export function moneyView(minor, currency) {
  return minor === undefined ? null : { currency, amount: majorUnits(minor) };
}

/** The shop charges no taxes, so gross is net. */
export function taxedMoneyView(minor, currency) {
  const amount = moneyView(minor, currency);
  return { currency, gross: amount, net: amount, tax: moneyView(0, currency) };
}
