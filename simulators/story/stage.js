import { eventually } from './eventually.js';

/**
 * The stage on which a story is played: the three platforms seen through their control API, one tenant, and a voice.
 */
export class Stage {
  #platforms;
  #service;
  #say;
  #signal;
  #deadlineMs;

  /**
   * @param {object} options
   * @param {Record<string, string>} options.platforms  name → address
   * @param {string} options.service                    address of the sync service that all are to tell
   * @param {string} options.tenant
   * @param {(line: string) => void} options.say
   * @param {AbortSignal} [options.signal]              ends the story early, as an `AbortError`
   * @param {number} [options.deadlineMs]               how long the platforms may take to agree
   */
  constructor({ platforms, service, tenant, say, signal, deadlineMs = 30_000 }) {
    this.#platforms = platforms;
    this.#service = service;
    this.tenant = tenant;
    this.#say = say;
    this.#signal = signal;
    this.#deadlineMs = deadlineMs;
  }

  say(line) {
    this.#say(line);
  }

  /**
   * Lets a person change something on a platform, which then tells the service.
   *
   * Errors: an `Error` with the answer when the platform or the service refuses.
   *
   * @param {string} platform
   * @param {'create' | 'update' | 'delete'} verb
   * @param {string} entity
   * @param {object} data  with the own id in an update or delete
   * @returns {Promise<{id: string, event: object}>}
   */
  async act(platform, verb, entity, data) {
    const deed = { tenant_id: this.tenant, entity, verb, data, service: this.#service };
    const response = await fetch(`${this.#platforms[platform]}/_control/act`, {
      method: 'POST', body: JSON.stringify(deed), signal: this.#signal,
    });
    const body = await response.json();
    if (!response.ok) throw new Error(`${platform} could not ${verb} the ${entity}: ${JSON.stringify(body)}`);
    return body;
  }

  /**
   * Waits until each platform holds one record of the entity with the expected values, and says what it holds.
   *
   * Errors: an `Error` that tells the difference when the deadline is over.
   *
   * @param {string} entity
   * @param {(canonical: object) => boolean} isMeant  knows the record among the others
   * @param {Record<string, object>} expected         platform → canonical values
   * @returns {Promise<Record<string, object>>}       platform → its record
   */
  async agree(entity, isMeant, expected) {
    const found = await Promise.all(
      Object.entries(expected).map(([platform, values]) => this.#holds(platform, entity, isMeant, values)),
    );
    for (const [platform, record] of found) {
      const shown = Object.keys(expected[platform]).map((name) => record.canonical[name]).join(', ');
      this.say(`   ${platform.padEnd(10)} ${record.id.padEnd(18)} ${shown}`);
    }
    return Object.fromEntries(found);
  }

  async #holds(platform, entity, isMeant, expected) {
    let meant = [];
    const record = await eventually(
      async () => {
        meant = (await this.#state(platform, entity)).filter(({ canonical }) => isMeant(canonical));
        return meant.length === 1 && holdsAll(meant[0].canonical, expected) && meant[0];
      },
      {
        deadlineMs: this.#deadlineMs,
        everyMs: 50,
        signal: this.#signal,
        explain: () => `${platform} should hold one ${entity} with ${JSON.stringify(expected)}, `
          + `and holds ${JSON.stringify(meant.map(({ canonical }) => canonical))}`,
      },
    );
    return [platform, record];
  }

  async #state(platform, entity) {
    const query = new URLSearchParams({ tenant_id: this.tenant, entity });
    const response = await fetch(`${this.#platforms[platform]}/_control/state?${query}`, { signal: this.#signal });
    return (await response.json()).records;
  }
}

function holdsAll(values, expected) {
  return Object.entries(expected).every(([name, value]) => values[name] === value);
}
