import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { crc32 } from 'node:zlib';
import { Prng, randomInt } from '../../base/prng.js';
import { itHoldsForSeeds } from '../../base/testing/seeds.js';
import { tableNames, type BackendView, type TableRow } from '../../ports/backend.js';
import type { SnapshotChunk, SnapshotEnd } from '../../ports/peers.js';
import { chunkRowsMax, RowDecoder, RowEncoder, writeRow } from './row-stream.js';

function viewOf(rows: readonly TableRow[]): BackendView {
  return {
    ...{ position: { index: 1, term: 1 }, sizeBytesEstimated: 0, pinnedSizeBytes: () => 0, close: () => {} },
    rows: (behind) => {
      const at = rows.findIndex(({ table, key }) => table === behind?.table && behind.key === key);
      return rows.slice(at + 1);
    },
  };
}

const numbered = (at: number): Uint8Array => Buffer.from(`key ${String(at).padStart(6, '0')}`);

function rowsOf(random: Prng, count: number, valueSizeBytesMax: number): TableRow[] {
  return tableNames.flatMap((table) =>
    Array.from({ length: randomInt(random, count) }, (_, at) => ({
      ...{ table, key: numbered(at) },
      value: Buffer.alloc(randomInt(random, valueSizeBytesMax), at),
    })),
  );
}

function all(encoder: RowEncoder): { readonly chunks: SnapshotChunk[]; readonly end: SnapshotEnd } {
  const chunks: SnapshotChunk[] = [];
  for (;;) {
    const next = encoder.next();
    if (!('bytes' in next)) return { chunks, end: next };
    chunks.push(next);
  }
}

describe('the stream of rows', () => {
  itHoldsForSeeds(
    'brings the rows, whatever the chunks, and goes on behind any of them',
    50,
    [],
    (seed: number) => {
      const random = new Prng(seed);
      const rows = rowsOf(random, 20, [3, 50, 2000][randomInt(random, 3)]!);
      const chunkSizeBytes = 1 + randomInt(random, 500);
      const { chunks, end } = all(new RowEncoder(viewOf(rows), chunkSizeBytes));
      for (let place = 0; place < 4; place++) {
        const from = randomInt(random, chunks.length + 1);
        const decoder = new RowDecoder();
        const found = chunks.slice(0, from).flatMap((chunk) => decoder.push(chunk));
        const again = new RowEncoder(viewOf(rows), chunkSizeBytes);
        for (let at = 0; at < from; at++) again.next();
        assert.ok(again.resume(decoder.place));
        const rest = all(again);
        assert.deepEqual(rest.end, end);
        for (const chunk of rest.chunks) found.push(...decoder.push(chunk));
        decoder.end(rest.end);
        assert.deepEqual(
          found.map(({ table, key, value }) => [table, Buffer.from(key), Buffer.from(value)]),
          rows.map(({ table, key, value }) => [table, Buffer.from(key), Buffer.from(value)]),
        );
      }
    },
  );

  it('goes on from where the other end may be, and from nowhere else', () => {
    const rows = rowsOf(new Prng(1), 40, 100);
    const encoder = new RowEncoder(viewOf(rows), 100);
    const { chunks } = all(encoder);
    const place = (at: number) => ({ chunks: at, sum: chunks[at - 1]!.sum });
    encoder.taken(5);
    assert.equal(encoder.resume(place(4)), false, 'it has more by its own account');
    assert.equal(encoder.resume({ ...place(5), sum: 1 }), false, 'that is another stream');
    assert.equal(encoder.resume({ chunks: 100_000, sum: 0 }), false);
    assert.equal(encoder.resume(place(6)), true);
    assert.equal(encoder.next().sum, chunks[6]!.sum);
    assert.equal(encoder.sizeBytes, 700, 'what is made again counts once');
    assert.equal(encoder.resume({ chunks: 0, sum: 0 }), true, 'or it has begun anew');
    assert.equal(encoder.sizeBytes, 0);
    assert.equal(encoder.next().sum, chunks[0]!.sum);
  });

  it('has so many rows in a chunk, however short they are', () => {
    const rows = Array.from({ length: 2 * chunkRowsMax + 1 }, (_, at) => ({
      ...{ table: 'current' as const, key: numbered(at), value: new Uint8Array(0) },
    }));
    const { chunks } = all(new RowEncoder(viewOf(rows), 1_000_000));
    const decoder = new RowDecoder();
    assert.deepEqual(
      chunks.map((chunk) => decoder.push(chunk).length),
      [chunkRowsMax, chunkRowsMax, 1],
    );
  });

  it('is refused with any bit changed, chunk left out, or end of another', () => {
    const rows = rowsOf(new Prng(2), 10, 20);
    const { chunks, end } = all(new RowEncoder(viewOf(rows), 50));
    const damaged = { code: 'DATA_DAMAGED' };
    const take = (given: readonly SnapshotChunk[], last: SnapshotEnd): void => {
      const decoder = new RowDecoder();
      for (const chunk of given) decoder.push(chunk);
      decoder.end(last);
    };
    take(chunks, end);
    for (const [at, chunk] of chunks.entries()) {
      assert.throws(() => take(chunks.toSpliced(at, 1), end), damaged);
      for (let byte = 0; byte < chunk.bytes.length; byte++) {
        const bytes = chunk.bytes.slice();
        bytes[byte]! ^= 1 << (byte % 8);
        assert.throws(() => take(chunks.with(at, { ...chunk, bytes }), end), damaged);
      }
    }
    assert.throws(() => take(chunks, { ...end, rows: end.rows + 1 }), damaged);
    assert.throws(() => take(chunks, { ...end, sum: end.sum ^ 1 }), damaged);
    assert.throws(() => take(chunks, { ...end, chunks: end.chunks + 1 }), damaged);
  });

  it('refuses a chunk without anything in it, and one with more rows than are put in one', () => {
    const chunkOf = (number: number, bytes: Uint8Array) => ({ number, bytes, sum: crc32(bytes) });
    assert.throws(() => new RowDecoder().push(chunkOf(1, new Uint8Array(0))), { code: 'DATA_DAMAGED' });
    for (const count of [chunkRowsMax, chunkRowsMax + 1]) {
      const bytes = new Uint8Array(100 * count);
      let end = 0;
      for (let at = 0; at < count; at++) {
        end = writeRow(bytes, end, { table: 'current', key: numbered(at), value: new Uint8Array(0) });
      }
      const push = (): TableRow[] => new RowDecoder().push(chunkOf(1, bytes.subarray(0, end)));
      if (count > chunkRowsMax) assert.throws(push, { code: 'DATA_DAMAGED' });
      else assert.equal(push().length, count);
    }
  });

  it('takes no more memory for a row than what has come of it, however it comes', () => {
    const value = new Uint8Array(1_000_000);
    const { chunks } = all(new RowEncoder(viewOf([{ table: 'current', key: numbered(1), value }]), 1000));
    const whole = Buffer.concat(chunks.map(({ bytes }) => bytes));
    const count = 300_000;
    const decoder = new RowDecoder();
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heldBytes = (): number => {
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = heldBytes();
    for (let number = 1, sum = 0; number <= count; number++) {
      const bytes = whole.subarray(number - 1, number);
      sum = crc32(bytes, sum);
      assert.deepEqual(decoder.push({ number, bytes, sum }), []);
    }
    const grownBytes = heldBytes() - before;
    assert.deepEqual(decoder.place.chunks, count);
    // Twice as much, and what the test itself takes; a piece of memory for each byte would be a hundred times as much.
    assert.ok(grownBytes < 20 * count, `${grownBytes} bytes for ${count}`);
  });

  it('refuses rows that are not in order, twice the same, or cannot be', () => {
    const row = (key: string): TableRow => ({ table: 'history', key: Buffer.from(key), value: Buffer.of(1) });
    const cases: readonly (readonly TableRow[])[] = [
      [row('b'), row('a')],
      [row('a'), row('a')],
      [row('a'), { ...row('b'), table: 'current' }],
      [row('')],
    ];
    for (const rows of cases) {
      const { chunks } = all(new RowEncoder(viewOf(rows), 1000));
      assert.throws(() => new RowDecoder().push(chunks[0]!), { code: 'DATA_DAMAGED' });
    }
  });
});
