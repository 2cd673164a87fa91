import { addressOf } from '../address.js';
import { Refused } from '../refused.js';
import { addressed, metadataValues } from '../shop.js';
import { defined } from '../values.js';

/** @typedef {import('../shop.js').Shop} Shop */
/** @typedef {import('../table.js').Scope} Scope */

/** @param {Shop} shop @param {Scope} scope */
export function customerCreate(shop, scope, { input }) {
  if (!input.email) throw new Refused('email', 'This field is required.', 'REQUIRED');
  return shop.users.insert(scope, {
    firstName: '', lastName: '', note: null, isActive: true, externalReference: null, ...customerValues(input),
  });
}

/** @param {Shop} shop @param {Scope} scope */
export function customerUpdate(shop, scope, { input, ...address }) {
  const user = addressed(shop.users, 'User', scope, address);
  if (input.email === null || input.email === '') {
    throw new Refused('email', 'This field cannot be blank.', 'REQUIRED');
  }
  shop.users.update(user, customerValues(input, user));
  return user;
}

/** Orders of the customer stay, with the email alone. @param {Shop} shop @param {Scope} scope */
export function customerDelete(shop, scope, address) {
  const user = addressed(shop.users, 'User', scope, address);
  shop.users.remove(user);
  return user;
}

function customerValues(input, user) {
  const email = input.email?.toLowerCase();
  if (email && !/^[^@\s]+@[^@\s]+$/.test(email)) throw new Refused('email', 'Enter a valid email address.', 'INVALID');
  return defined({
    email,
    firstName: input.firstName ?? undefined,
    lastName: input.lastName ?? undefined,
    isActive: input.isActive ?? undefined,
    note: input.note,
    externalReference: input.externalReference,
    defaultBillingAddress: addressOf(input.defaultBillingAddress),
    defaultShippingAddress: addressOf(input.defaultShippingAddress),
    ...metadataValues(input, user),
  });
}
