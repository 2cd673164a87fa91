/** The value below which a share of all values lies; `undefined` of none. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

const kColumns = [
  ['scenario', ({ name }) => name],
  ['faults', ({ faults_made: done }) => number(done)],
  ['events', ({ verdict }) => number(verdict?.events)],
  ['lost', ({ verdict }) => number(verdict?.lost)],
  ['applied twice', ({ verdict }) => number(verdict?.twice)],
  ['order violations', ({ verdict }) => number(verdict?.order)],
  ['duplicates delivered', ({ verdict }) => number(verdict?.duplicates)],
  ['recovery p50', ({ verdict }) => milliseconds(verdict, 0.5)],
  ['recovery p99', ({ verdict }) => milliseconds(verdict, 0.99)],
  ['', ({ problems, note }) => (problems.length > 0 ? `FAILED${note ? `; ${note}` : ''}` : note ?? '')],
];

/**
 * The one table, as Markdown.
 *
 * @param {{name: string, faults_made: number, verdict?: import('./checker.js').Verdict, problems: string[], note?: string}[]} rows
 */
export function tableOf(rows) {
  const cells = rows.map((row) => kColumns.map(([, of]) => of(row)));
  const isText = (i) => i === 0 || i === kColumns.length - 1;
  const widths = kColumns.map(([title], i) => Math.max(title.length, ...cells.map((row) => row[i].length), 3));
  const line = (row) => `| ${row.map((cell, i) => (isText(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (isText(i) ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(kColumns.map(([title]) => title)), rule, ...cells.map(line)].join('\n');
}

function number(value) {
  return value === undefined ? '?' : value.toLocaleString('en');
}

function milliseconds(verdict, share) {
  const value = percentile(verdict?.recovery_ms ?? [], share);
  return value === undefined ? '' : `${value.toLocaleString('en', { maximumFractionDigits: 0 })} ms`;
}
