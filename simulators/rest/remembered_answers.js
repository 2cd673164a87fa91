import { createHash } from 'node:crypto';

/**
 * The answers given under each `Idempotency-Key`, per tenant. Only answers to applied requests are remembered: a
 * refusal changed nothing, so the same key may try again (a client turns a 409 into an update of the same event).
 * Bounded: the oldest go first.
 */
export class RememberedAnswers {
  #answers = new Map();
  #size;

  /** @param {number} size */
  constructor(size = 200_000) {
    this.#size = size;
  }

  /**
   * @param {string} tenant
   * @param {string | undefined} key
   * @param {string} content  the whole request, to tell a true repetition from a reused key
   * @returns {{answer: import('../server/http.js').Answer, sameContent: boolean} | undefined}
   */
  recall(tenant, key, content) {
    const found = key === undefined ? undefined : this.#answers.get(JSON.stringify([tenant, key]));
    return found && { answer: found.answer, sameContent: found.digest === digestOf(content) };
  }

  remember(tenant, key, content, answer) {
    if (key === undefined) return;
    this.#answers.set(JSON.stringify([tenant, key]), { answer, digest: digestOf(content) });
    if (this.#answers.size > this.#size) this.#answers.delete(this.#answers.keys().next().value);
  }
}

function digestOf(content) {
  return createHash('sha256').update(content).digest('base64');
}
