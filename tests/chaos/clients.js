import { Writer } from '../e2e/support/writer.js';
import { event } from '../e2e/support/events.js';

const kTargets = { lead: ['bizosaas'], user: ['coreldove', 'bizosaas'] };
const kMark = /\b(c\d+-r\d+) n(\d+)$/;

/** What every value of a chaos run says of itself: which record it is of, and the how many-eth event of its client set it. */
export function markIn(text) {
  const found = typeof text === 'string' && kMark.exec(text);
  return found ? { record: found[1], number: Number(found[2]) } : undefined;
}

/**
 * A client of one tenant, of leads (one target) or of users (two targets). Each third event makes a new record, the others
 * change the first one: so an event that gets lost is missed either as a record or as the last of a count.
 */
export class Client extends Writer {
  /**
   * @param {number} number  of the client in its scenario, from 1 on
   * @param {string} tenant
   * @param {() => string[]} addresses
   * @param {AbortSignal} signal
   */
  constructor(number, tenant, addresses, signal) {
    super(tenant, addresses, signal);
    this.number = number;
    this.name = `c${number}`;
    this.entity = number % 2 === 0 ? 'user' : 'lead';
  }

  changeOf(next) {
    const makesNew = next % 3 === 1;
    const record = `${this.name}-r${makesNew ? next : 1}`;
    const [email, name] = [`${record}@example.com`, `Asha ${record} n${next}`];
    const data = this.entity === 'lead'
      ? { lead_id: record, contact_email: email, contact_name: name }
      : { user_id: record, email_address: email, full_name: name };
    return event('bizoholic', `${this.entity}_${makesNew ? 'created' : 'updated'}`, this.tenant, data, {
      id: `${this.tenant}-${next}`, target_platforms: kTargets[this.entity],
    });
  }

  /** What it was told, as the checker reads it. */
  get memory() {
    return this.told.map(({ change, begun_ms, answered_ms }) => ({
      client: this.name, id: change.id, targets: change.target_platforms, ...Object.values(change.data).map(markIn).find((mark) => mark !== undefined),
      begun_ms, answered_ms,
    }));
  }
}
