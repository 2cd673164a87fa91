import { setMaxListeners } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

import { Control } from './control.js';
import { History } from './history.js';
import { HttpError, readBody, sendJson } from './http.js';
import { Misbehaviour, matches } from './misbehaviour.js';

/**
 * @typedef {import('./history.js').Call} Call
 * @typedef {import('./history.js').Outcome} Outcome
 */

/**
 * A request as a platform sees it.
 *
 * @typedef {object} PlatformRequest
 * @property {string} method
 * @property {string} path
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {string} text  the body, unparsed
 */

/**
 * What a platform makes of a request: the answer, and per call (in their order) what became of it.
 *
 * @typedef {import('./http.js').Answer & {outcomes: {outcome: Outcome, notes?: object}[]}} PlatformAnswer
 */

/**
 * What a person did, as the platform's own event tells it; `act.js` makes the envelope around it.
 *
 * @typedef {object} OwnChange
 * @property {string} id                 the platform's own id of the record
 * @property {object} data               in the platform's field names, with the own id
 * @property {number} version            the record's own rising number
 * @property {string} [entity_id]        the canonical id, where the service told it
 * @property {number} [base_version]     the golden version that the platform last saw
 */

/**
 * With what a rule of bad behaviour wants a call refused.
 *
 * @typedef {(call: Call) => {field: string | null, message: string, code: string} | undefined} Refusal
 */

/**
 * One simulated platform. All methods are synchronous: a change is applied wholly or not at all, and no other request
 * comes in between.
 *
 * @typedef {object} Platform
 * @property {string} name
 * @property {(request: PlatformRequest) => Call[]} calls  never empty, never throws
 * @property {(request: PlatformRequest, calls: Call[], refusal: Refusal) => PlatformAnswer} answer
 * @property {(filter: {tenant_id?: string, entity?: string}) => object[]} state
 * @property {(deed: import('./act.js').Deed) => OwnChange} act
 *   throws `HttpError` when the platform would not let its user do this
 * @property {() => void} reset
 */

/**
 * @typedef {object} Options
 * @property {number} [port]          0: any free port
 * @property {string} [host]
 * @property {string} [service]       address of the sync service that hears of what people do here
 * @property {string} [serviceToken]  bearer token towards it
 * @property {number} [historySize]   calls kept
 * @property {number} [bodyBytesMax]
 */

/**
 * Starts one platform as an HTTP server. A request goes through: body → what it asks for → history → bad behaviour, if
 * a rule says so → the platform's own logic → answer. Calls under `/_control/` go to `Control` instead.
 *
 * @param {Platform} platform
 * @param {Options} [options]
 * @returns {Promise<{platform: string, url: string, stop: () => Promise<void>}>}
 */
export async function startSimulator(platform, options = {}) {
  const simulator = new Simulator(platform, options);
  const { port = 0, host = '127.0.0.1' } = options;
  // Kept open longer than any pause within a test, so that no client ever writes into a connection as it closes.
  const server = createServer({ keepAliveTimeout: 120_000 }, (message, response) => simulator.serve(message, response));
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    platform: platform.name,
    url: `http://${host}:${server.address().port}`,
    async stop() {
      simulator.stop();
      const closed = new Promise((resolve) => { server.close(resolve); });
      server.closeAllConnections();
      await closed;
    },
  };
}

class Simulator {
  #platform;
  #bodyBytesMax;
  #history;
  #misbehaviour = new Misbehaviour();
  #control;
  #stopping = new AbortController();

  /**
   * @param {Platform} platform
   * @param {Options} options
   */
  constructor(platform, { historySize = 200_000, bodyBytesMax = 1 << 20, service, serviceToken }) {
    setMaxListeners(0, this.#stopping.signal); // one for each answer that is delayed
    this.#platform = platform;
    this.#bodyBytesMax = bodyBytesMax;
    this.#history = new History(historySize);
    this.#control = new Control({
      platform, history: this.#history, misbehaviour: this.#misbehaviour, service, serviceToken,
    });
  }

  stop() {
    this.#stopping.abort();
  }

  async serve(message, response) {
    try {
      const url = new URL(message.url, 'http://simulator');
      const text = await readBody(message, this.#bodyBytesMax);
      if (url.pathname.startsWith('/_control/')) {
        sendJson(response, await this.#control.answer(message.method, url, text));
      } else {
        const { method, headers } = message;
        await this.#servePlatform({ method, path: url.pathname, headers, text }, response);
      }
    } catch (error) {
      this.#fail(response, error);
    }
  }

  async #servePlatform(request, response) {
    const calls = this.#platform.calls(request);
    const entries = this.#history.arrive(calls, request.headers['idempotency-key'] ?? null);
    const rule = this.#misbehaviour.take(calls) ?? {};
    const spoilsBefore = spoils(rule) && rule.when !== 'after';

    if (rule.when !== 'after') await this.#wait(rule.latency_ms);
    const answer = spoilsBefore ? undefined : this.#apply(request, calls, entries, rule);
    if (rule.when === 'after') await this.#wait(rule.latency_ms);

    const status = spoils(rule) ? spoil(response, rule) : answer.status;
    for (const entry of entries) {
      if (spoilsBefore) this.#history.settle(entry, 'refused');
      Object.assign(entry, { status, ...(spoils(rule) && { misbehaved: spoils(rule) }) });
    }
    if (!spoils(rule)) sendJson(response, answer);
  }

  #apply(request, calls, entries, rule) {
    const refusal = (call) => (rule.refuse_field && matches(rule, call) ? rule.refuse_field : undefined);
    const answer = this.#platform.answer(request, calls, refusal);
    answer.outcomes.forEach(({ outcome, notes }, i) => this.#history.settle(entries[i], outcome, notes));
    return answer;
  }

  async #wait(latencyMs) {
    if (latencyMs) await delay(latencyMs, undefined, { signal: this.#stopping.signal });
  }

  #fail(response, error) {
    if (this.#stopping.signal.aborted || response.destroyed) return; // nobody is left to hear it
    const expected = error instanceof HttpError;
    if (!expected) process.stderr.write(`${this.#platform.name}: ${error.stack}\n`);
    if (response.headersSent) {
      response.destroy();
      return;
    }
    sendJson(response, {
      status: expected ? error.status : 500,
      body: { success: false, detail: expected ? error.message : 'the simulator has a bug; see its stderr' },
      // What is left of an unread body must not be taken for the next request.
      headers: { connection: 'close' },
    });
  }
}

const kWaysToSpoil = ['hang', 'drop', 'garbage', 'graphql_error', 'status'];

/** @returns {string | undefined} in which way a rule spoils the answer */
function spoils(rule) {
  return kWaysToSpoil.find((way) => rule[way]);
}

/** Spoils the answer, and returns the status that the client gets to see, `null` for none. */
function spoil(response, rule) {
  switch (spoils(rule)) {
    case 'hang':
      return null; // the socket closes when the client gives up or the server stops
    case 'drop':
      response.socket?.destroy();
      return null;
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end('<html>this is not {json');
      return 200;
    case 'graphql_error':
      sendJson(response, { status: 200, body: { errors: [rule.graphql_error], data: null } });
      return 200;
    default:
      sendJson(response, {
        status: rule.status,
        body: rule.status === 204 ? undefined : { success: false, error: 'misbehaviour', detail: 'a rule said so' },
        headers: rule.retry_after === undefined ? {} : { 'retry-after': String(rule.retry_after) },
      });
      return rule.status;
  }
}
