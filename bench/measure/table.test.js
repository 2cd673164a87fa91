import assert from 'node:assert/strict';
import { test } from 'node:test';

import { figuresOf, medianOf, tableOf } from './table.js';

test('The median of an odd and of an even number of values', () => {
  assert.equal(medianOf([9, 1, 5]), 5);
  assert.equal(medianOf([9, 1, 5, 7]), 6);
});

test('A row has the medians of service and floor, and their ratio', () => {
  const figures = figuresOf([{ 'cpu known': 30 }, { 'cpu known': 20 }, { 'cpu known': 10 }], [{ 'cpu known': 8 }]);
  assert.equal(figures.length, 1);
  assert.match(tableOf(figures), /CPU, one by one at 10,000\/s, known records \| µs\/event \| +20\.0 \| +8\.0 \| +2\.50 \|/);
});

test('What could not keep up has no latency', () => {
  const figures = figuresOf([{ 'latency p50 known 10000': NaN }], [{ 'latency p50 known 10000': 1 }]);
  assert.match(tableOf(figures), /overload \| +1\.00 \| overload/);
});

test('What the floor has not is left out of its columns', () => {
  const table = tableOf(figuresOf([{ 'server known bulk': 50, 'bus new': 7 }], [{ 'cpu known': 1 }]));
  assert.match(table, /CPU of the database server, by the hundred, known records +\| µs\/event \| +50\.0 \| +\| +\|/);
  assert.match(table, /CPU of the bus, one by one at 10,000\/s, new records +\| µs\/event \| +7\.0 \| +\| +\|/);
});
