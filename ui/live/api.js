// The service's own API, as any client uses it. Paths are relative to the page, so a proxy may put all under a prefix.

const base = new URL('..', location.href);
const kTokenKey = 'data-sync token';

export const token = {
  get: () => sessionStorage.getItem(kTokenKey) ?? '',
  set: (text) => (text ? sessionStorage.setItem(kTokenKey, text) : sessionStorage.removeItem(kTokenKey)),
};

/// A refusal, with the status and the service's own words.
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function call(method, path, body) {
  const headers = { Accept: 'application/json' };
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(new URL(path.replace(/^\//, ''), base), {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused(0, 'The service does not answer.');
  }
  const text = await answer.text();
  let json = {};
  try { json = JSON.parse(text); } catch { /* an answer that is no JSON has no detail either */ }
  if (!answer.ok) throw new Refused(answer.status, json.detail ?? `The service answered ${answer.status}.`);
  return json;
}
export const get = (path) => call('GET', path);

/// The query of a tenant, where one is chosen: `?tenant_id=…` or `&tenant_id=…`.
export const tenantQuery = (tenant, sign = '?') => (tenant ? `${sign}tenant_id=${encodeURIComponent(tenant)}` : '');

export function socketUrl(path) {
  const url = new URL(path, base);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  return url;
}
