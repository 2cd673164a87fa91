import { actAndTell } from './act.js';
import { HttpError, parseJson } from './http.js';

/**
 * The back door of a simulator, `/_control/…`, for tests and demonstrations. A platform's own logic knows nothing of
 * it, and no rule of bad behaviour touches it.
 */
export class Control {
  #platform;
  #history;
  #misbehaviour;
  #service;
  #serviceToken;

  /**
   * @param {object} parts
   * @param {import('./simulator.js').Platform} parts.platform
   * @param {import('./history.js').History} parts.history
   * @param {import('./misbehaviour.js').Misbehaviour} parts.misbehaviour
   * @param {string} [parts.service]
   * @param {string} [parts.serviceToken]
   */
  constructor({ platform, history, misbehaviour, service, serviceToken }) {
    this.#platform = platform;
    this.#history = history;
    this.#misbehaviour = misbehaviour;
    this.#service = service;
    this.#serviceToken = serviceToken;
  }

  /**
   * @param {string} method
   * @param {URL} url
   * @param {string} text
   * @returns {Promise<import('./http.js').Answer>}
   */
  async answer(method, url, text) {
    const query = Object.fromEntries(url.searchParams);
    switch (`${method} ${url.pathname.slice('/_control/'.length)}`) {
      case 'GET health':
        return ok({ status: 'ok', platform: this.#platform.name, requests: this.#history.requests });
      case 'GET state':
        return ok({ platform: this.#platform.name, records: this.#platform.state(query) });
      case 'GET history':
        return ok(this.#history.list({ ...query, since: number(query.since), limit: number(query.limit) }));
      case 'GET misbehave':
        return ok({ rules: this.#misbehaviour.list() });
      case 'POST misbehave':
        this.#misbehaviour.add(parseJson(text));
        return ok({ rules: this.#misbehaviour.list() });
      case 'DELETE misbehave':
        this.#misbehaviour.clear();
        return ok({ rules: [] });
      case 'POST reset':
        this.#platform.reset();
        this.#history.clear();
        this.#misbehaviour.clear();
        return ok({ status: 'reset' });
      case 'POST act':
        return actAndTell(this.#platform, parseJson(text), { service: this.#service, token: this.#serviceToken });
      default:
        throw new HttpError(404, `no control call ${method} ${url.pathname}`);
    }
  }
}

/** @returns {import('./http.js').Answer} */
function ok(body) {
  return { status: 200, body };
}

function number(text) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new HttpError(422, `${text} is not a whole number`);
  return value;
}
