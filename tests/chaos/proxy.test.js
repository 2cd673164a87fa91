/** The proxy does what it says, and the same again with the same seed. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, test } from 'node:test';

import { Random } from '../e2e/kill/random.js';
import { Proxy } from './proxy.js';

const kPiece = Buffer.alloc(1_000, 'x');

/** What came of one connection on which the client says a piece, and the server answers with another. */
async function talk(weather, seed = 1) {
  const heard = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    let said = Buffer.alloc(0);
    heard.push(() => said);
    socket.on('data', (piece) => {
      said = Buffer.concat([said, piece]);
      if (said.length === kPiece.length) socket.end(kPiece);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await Proxy.start({ port: server.address().port }, new Random(seed));
  proxy.change(weather);
  const began = performance.now();
  const client = connect(proxy.port, '127.0.0.1');
  client.on('error', () => {});
  let answer = Buffer.alloc(0);
  client.on('data', (piece) => { answer = Buffer.concat([answer, piece]); });
  client.write(kPiece);
  await once(client, 'close');
  const took = performance.now() - began;
  await proxy.stop();
  server.close();
  return { said: heard[0]?.() ?? Buffer.alloc(0), answer, took, counts: proxy.counts };
}

test('In good weather all arrives as it was sent', async () => {
  const { said, answer, counts } = await talk({});
  assert.deepEqual([said, answer], [kPiece, kPiece]);
  assert.deepEqual(counts, { connections: 1, closed: 0, cut: 0, corrupted: 0, delayed: 0, throttled: 0 });
});

test('A closed one passes nothing on', async () => {
  const { said, answer, counts } = await talk({ is_closed: true });
  assert.deepEqual([said.length, answer.length], [0, 0]);
  assert.deepEqual([counts.connections, counts.closed], [1, 1]);
});

test('A cut comes in mid-sentence', async () => {
  const { said, answer, counts } = await talk({ cut_share: 1 });
  assert.equal(said.length, kPiece.length / 2);
  assert.equal(answer.length, 0);
  assert.equal(counts.cut, 1);
});

test('One byte is changed, only in the direction that is asked for', async () => {
  const { said, answer, counts } = await talk({ corrupt_share: 1, corrupts: 'down' });
  assert.deepEqual(said, kPiece);
  assert.equal(answer.filter((byte, i) => byte !== kPiece[i]).length, 1);
  assert.equal(counts.corrupted, 1);
});

test('A spoilt head is no text of any kind', async () => {
  const { said } = await talk({ corrupt_share: 1, damage: 'head' });
  assert.ok([...said.subarray(0, 12)].every((byte) => byte >= 128));
  assert.deepEqual(said.subarray(12), kPiece.subarray(12));
});

test('Delays and a narrow line take their time', async () => {
  const delayed = await talk({ delay_ms: [60, 60] });
  assert.ok(delayed.took >= 119, `${delayed.took} ms for two pieces`);
  const throttled = await talk({ bytes_per_second: 10_000 });
  assert.ok(throttled.took >= 199, `${throttled.took} ms for 2000 bytes`);
  for (const { said, answer } of [delayed, throttled]) assert.deepEqual([said, answer], [kPiece, kPiece]);
});

test('One seed spoils the same bytes again, another seed others', async () => {
  const of = async (seed) => (await talk({ corrupt_share: 1 }, seed)).said.toString('hex');
  assert.equal(await of(7), await of(7));
  assert.notEqual(await of(7), await of(8));
});

test('All connections are cut at once when that is asked for', async () => {
  const server = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => server.close());
  const proxy = await Proxy.start({ port: server.address().port }, new Random(1));
  const clients = [connect(proxy.port, '127.0.0.1'), connect(proxy.port, '127.0.0.1')];
  const closed = clients.map((client) => {
    client.on('error', () => {});
    return once(client, 'close');
  });
  await Promise.all([...clients.map((client) => once(client, 'connect')), once(server, 'connection').then(() => once(server, 'connection'))]);
  assert.equal(proxy.cutAll(), 2);
  await Promise.all(closed);
  await proxy.stop();
});
