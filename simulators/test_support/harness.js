import { after } from 'node:test';

import { platforms } from '../platforms.js';
import { startSimulator } from '../server/simulator.js';

/**
 * One simulator on a free port, stopped when the test file is done, with short ways to talk to it.
 *
 * @param {string} name
 * @param {import('../server/simulator.js').Options & {token?: string}} [options]
 */
export async function simulator(name, { token, ...options } = {}) {
  const started = await startSimulator(platforms[name].create({ token }), options);
  after(() => started.stop());
  const control = (path, method = 'GET', body = undefined) => call(`${started.url}/_control/${path}`, method, body);
  return {
    ...started,
    post: (path, body, headers) => call(started.url + path, 'POST', body, headers),
    state: async (query = '') => (await control(`state?${query}`)).body.records,
    history: async (query = '') => (await control(`history?${query}`)).body.entries,
    misbehave: (rules) => control('misbehave', 'POST', rules),
    behave: () => control('misbehave', 'DELETE'),
    act: (deed) => control('act', 'POST', deed),
    reset: () => control('reset', 'POST'),
    control,
  };
}

/** @returns {Promise<{status: number, headers: Headers, body: any}>} `body` is text when it is not JSON */
export async function call(url, method, body, headers = {}) {
  const response = await fetch(url, {
    method,
    headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  try {
    return { status: response.status, headers: response.headers, body: JSON.parse(text) };
  } catch {
    return { status: response.status, headers: response.headers, body: text };
  }
}
