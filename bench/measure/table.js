const kKinds = { known: 'known records', new: 'new records' };

/** The rows of the table: the figure's name, what it says, its unit, and its digits. */
const kRows = [
  ...rowsOf((kind) => [1, 16, 64, 512].map((n) => [`accept ${kind} ${n}`, `accepted, ${n} ${n === 1 ? 'connection' : 'connections'}, ${kKinds[kind]}`, 'requests/s', 0])),
  ...rowsOf((kind) => [1, 16, 64, 512].map((n) => [`accept p99 ${kind} ${n}`, `time to accept, p99, ${n} ${n === 1 ? 'connection' : 'connections'}, ${kKinds[kind]}`, 'ms', 2])),
  ...rowsOf((kind) => [64, 512].map((n) => [`delivered ${kind} ${n}`, `delivered to 2 targets, one by one, ${n} connections, ${kKinds[kind]}`, 'events/s', 0])),
  ...rowsOf((kind) => [[`delivered ${kind} bulk`, `delivered to 2 targets, by the hundred, ${kKinds[kind]}`, 'events/s', 0]]),
  ...rowsOf((kind) => [[`cpu ${kind}`, `CPU, one by one at 10,000/s, ${kKinds[kind]}`, 'µs/event', 1]]),
  ...rowsOf((kind) => [[`cpu ${kind} bulk`, `CPU, by the hundred, ${kKinds[kind]}`, 'µs/event', 1]]),
  ...rowsOf((kind) => [[`server ${kind}`, `CPU of the database server, one by one at 10,000/s, ${kKinds[kind]}`, 'µs/event', 1]]),
  ...rowsOf((kind) => [[`server ${kind} bulk`, `CPU of the database server, by the hundred, ${kKinds[kind]}`, 'µs/event', 1]]),
  ...rowsOf((kind) => [[`bus ${kind}`, `CPU of the bus, one by one at 10,000/s, ${kKinds[kind]}`, 'µs/event', 1]]),
  ...rowsOf((kind) => [[`bus ${kind} bulk`, `CPU of the bus, by the hundred, ${kKinds[kind]}`, 'µs/event', 1]]),
  ['cpu solo bulk', 'CPU, by the hundred at 4,000/s, to one target', 'µs/event', 1],
  ['cpu rivals bulk', 'CPU, the same, and each event a conflict', 'µs/event', 1],
  ...rowsOf((kind) => [200, 10_000].flatMap((rate) => ['p50', 'p99'].map((share) => [
    `latency ${share} ${kind} ${rate}`, `end to end, ${share}, at ${rate.toLocaleString('en')}/s, ${kKinds[kind]}`, 'ms', 2]))),
  ['resident', 'memory at most, one by one', 'MiB', 0],
  ['resident bulk', 'memory at most, by the hundred', 'MiB', 0],
  ...rowsOf((kind) => [[`disk ${kind}`, `disk, ${kKinds[kind]}`, 'bytes/event', 0]]),
];

function rowsOf(make) {
  return Object.keys(kKinds).flatMap(make);
}

/**
 * The medians of all passes, row by row.
 *
 * @param {Record<string, number>[]} service  figures of each pass
 * @param {Record<string, number>[]} floor
 */
export function figuresOf(service, floor) {
  return kRows
    .filter(([name]) => service.some((figures) => name in figures))
    .map(([name, what, unit, digits]) => ({
      name, what, unit, digits,
      service: medianOf(service.map((figures) => figures[name])),
      floor: medianOf(floor.map((figures) => figures[name])),
      service_values: service.map((figures) => figures[name]),
      floor_values: floor.map((figures) => figures[name]),
    }));
}

/** The one table, as Markdown. */
export function tableOf(figures) {
  const rows = figures.map(({ what, unit, digits, service, floor }) => [
    what, unit, shown(service, digits), ...(floor === undefined ? ['', ''] : [shown(floor, digits), shown(service / floor, 2)]),
  ]);
  const head = ['figure', 'unit', 'data-sync', 'floor', 'ratio'];
  const widths = head.map((word, i) => Math.max(word.length, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = `| ${widths.map((width, i) => (i < 2 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`)).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

function shown(value, digits) {
  if (!Number.isFinite(value)) return 'overload';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function medianOf(values) {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  if (sorted.length === 0) return undefined; // it has no such figure
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? sorted[Math.floor(middle)] : (sorted[middle - 1] + sorted[middle]) / 2;
}
