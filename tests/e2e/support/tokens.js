import { createHmac, createSign, generateKeyPairSync } from 'node:crypto';

/** A key as an operator would make it; no example of anybody. */
export const kKey = 'nM4vQ8yT2bW6zX1cR5kJ9hF3dS7gL0pA+eU/iO';

/** The claims of a token for an hour; each can be overridden, and `undefined` leaves one out. */
export function claimsOf(more = {}) {
  const now = Math.floor(Date.now() / 1000);
  return { sub: 'someone', tenant_id: 'acme', roles: ['operator'], iat: now, exp: now + 3600, ...more };
}

/** An HS256 token, as the service that issues them makes it. */
export function tokenOf(claims = {}, key = kKey, header = { alg: 'HS256', typ: 'JWT' }) {
  const text = unsigned(header, claimsOf(claims));
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** Tokens that must not open the door, by what is wrong with each. */
export function badTokens() {
  const now = Math.floor(Date.now() / 1000);
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rs256 = unsigned({ alg: 'RS256', typ: 'JWT' }, claimsOf());
  const good = tokenOf();
  const [head, , signature] = good.split('.');
  const [, others] = tokenOf({ tenant_id: '*', roles: ['admin'] }).split('.');
  return {
    'that has expired': tokenOf({ exp: now - 120 }),
    'that is not valid yet': tokenOf({ nbf: now + 600 }),
    'without an end': tokenOf({ exp: undefined }),
    'whose end is a text': tokenOf({ exp: 'tomorrow' }),
    'of another key': tokenOf({}, 'pA0lG7sD3fH9jK5rC1xZ6wB2tY8qV4mN+eU/iO'),
    'of an empty key': tokenOf({}, ''),
    'of no algorithm': `${unsigned({ alg: 'none' }, claimsOf())}.`,
    'of no algorithm, with a signature': tokenOf({}, kKey, { alg: 'none' }),
    'of RS256': `${rs256}.${createSign('RSA-SHA256').update(rs256).sign(privateKey, 'base64url')}`,
    'that says RS256 and is signed with our key': tokenOf({}, kKey, { alg: 'RS256' }),
    'signed with a public key as if it were ours': tokenOf({}, publicKey.export({ type: 'spki', format: 'pem' })),
    'that brings its own key': tokenOf({}, 'x'.repeat(32), { alg: 'HS256', jwk: { kty: 'oct', k: 'eHh4' } }),
    'with a critical header': tokenOf({}, kKey, { alg: 'HS256', crit: ['b64'], b64: false }),
    'with the claims of another one': `${head}.${others}.${signature}`,
    'without a signature': `${good.slice(0, good.lastIndexOf('.'))}.`,
    'of two parts': good.slice(0, good.lastIndexOf('.')),
    'of nonsense': 'x.y.z',
    'of 12,000 characters': `${'x'.repeat(6000)}.${'y'.repeat(5990)}.zzzzzzzz`,
    'without a tenant': tokenOf({ tenant_id: undefined }),
    'with an empty tenant': tokenOf({ tenant_id: '' }),
    'with no tenants': tokenOf({ tenant_id: [] }),
    'of every tenant for a viewer': tokenOf({ tenant_id: '*', roles: ['viewer'] }),
    'without a subject': tokenOf({ sub: undefined }),
  };
}

function unsigned(header, claims) {
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
}
