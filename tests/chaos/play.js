import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { Stage } from './stage.js';

/**
 * Plays one scenario to its end, however that is, and returns its row of the table. A scenario that made no fault, or of which
 * nothing was judged, is a failure: silence is not success.
 *
 * @param {import('./scenarios.js').Scenario} scenario
 * @param {{seed: number, seconds: number, logs: string, keep?: boolean, signal?: AbortSignal}} options  `signal`: breaks it off
 * @returns {Promise<{name: string, faults_made: number, verdict?: import('./checker.js').Verdict, problems: string[], note: string,
 *   folder: string, seconds: number}>}
 */
export async function play(scenario, { seed, seconds, logs, keep = false, signal = new AbortController().signal }) {
  const folder = join(logs, scenario.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const stage = new Stage({ name: scenario.name, seed, seconds, folder, keep });
  const began = performance.now();
  const problems = [];
  const over = new AbortController();
  const brokenOff = once(signal, 'abort', { signal: over.signal }).then(() => { throw new Error('broken off'); });
  brokenOff.catch(() => {}); // heard by the race, or of no interest when all is over
  for (const act of [() => Promise.race([scenario.run(stage), brokenOff]), () => stage.close()]) {
    try {
      await act();
    } catch (error) {
      problems.push(error.stack);
    }
  }
  over.abort();
  problems.push(...stage.verdict?.faults ?? []);
  if (stage.verdict === undefined && problems.length === 0) problems.push('nothing was judged');
  if (stage.faults === 0) problems.push('no fault was made, so it proves nothing');
  if (problems.length === 0 && !keep) rmSync(folder, { recursive: true, force: true });
  return {
    name: scenario.name, faults_made: stage.faults, verdict: stage.verdict, problems, note: stage.note, folder,
    seconds: (performance.now() - began) / 1000,
  };
}
