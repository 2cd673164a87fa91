import { execFileSync } from 'node:child_process';

import { kBinary } from '../../e2e/support/service.js';

/**
 * The settings of the binary's own table, by name: what they mean, whether they are secret, and whether they do anything yet.
 *
 * @returns {Map<string, {standard: string, secret: boolean, idle: boolean}>}
 */
export function settings() {
  const table = execFileSync(kBinary, ['config', 'docs'], { encoding: 'utf8' });
  const rows = [...table.matchAll(/^\| `([A-Z_0-9]+)` \| (.*?) \| (.*?) \| (.*) \|$/gm)];
  return new Map(rows.map(([, name, standard, values, reason]) => [name, {
    standard: /^`([^`]*)`/.exec(standard)?.[1] ?? '',
    secret: values.startsWith('a secret'),
    idle: /\*idle\*/.test(reason),
  }]));
}

/** The variables that a text in the form of `.env` sets, or shows how to set behind a `#`: `{name, value, set}`. */
export function variables(text) {
  return [...text.matchAll(/^(# )?([A-Z][A-Z_0-9]*)=(.*)$/gm)]
    .map(([, comment, name, value]) => ({ name, value, set: comment === undefined }));
}
