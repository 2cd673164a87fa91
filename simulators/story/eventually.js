import { setTimeout as delay } from 'node:timers/promises';

/**
 * Asks again and again until the answer is not `undefined` or `false`, and returns it.
 *
 * Errors: an `Error` with the last words of `explain` when the deadline is over.
 *
 * @template T
 * @param {() => Promise<T | undefined | false> | T | undefined | false} ask
 * @param {object} [options]
 * @param {number} [options.deadlineMs]
 * @param {number} [options.everyMs]
 * @param {() => string} [options.explain]
 * @param {AbortSignal} [options.signal]  ends the waiting early, as an `AbortError`
 * @returns {Promise<T>}
 */
export async function eventually(ask, { deadlineMs = 30_000, everyMs = 25, explain, signal } = {}) {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > deadline) {
      throw new Error(`not within ${deadlineMs / 1000} s${explain ? `: ${explain()}` : ''}`);
    }
    await delay(everyMs, undefined, { signal });
  }
}
