import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ByteWriter } from '../../base/byte-stream.js';
import { isDamage } from '../../base/errors.js';
import { keySizeBytesMax, tableNames, valueSizeBytesMax } from '../../ports/backend.js';
import type { SnapshotHeader } from '../../ports/peers.js';
import { RowReader, writeRow, type SnapshotRow } from './snapshot-format.js';
import { decodeHeader, encodeHeader } from './snapshot-header.js';

const rowArbitrary: fc.Arbitrary<SnapshotRow> = fc.record({
  table: fc.constantFrom(...tableNames),
  key: fc.uint8Array({ minLength: 1, maxLength: 20 }),
  value: fc.uint8Array({ maxLength: 60 }),
});

const id = fc.bigInt(0n, 2n ** 64n - 1n);
const ids = fc.array(id, { maxLength: 5 });
const plain = { noNullPrototype: true };
const headerArbitrary: fc.Arbitrary<SnapshotHeader> = fc.record(
  {
    id,
    meta: fc.record(
      {
        index: fc.nat(Number.MAX_SAFE_INTEGER),
        term: fc.nat(Number.MAX_SAFE_INTEGER),
        configIndex: fc.nat(Number.MAX_SAFE_INTEGER),
        config: fc.record(
          { voters: ids, votersOutgoing: ids, learners: ids, learnersNext: ids, autoLeave: fc.boolean() },
          plain,
        ),
      },
      plain,
    ),
    featureLevel: fc.nat(300),
    sizeBytes: fc.nat(Number.MAX_SAFE_INTEGER),
    crc: fc.nat(2 ** 32 - 1),
  },
  plain,
);

describe('the rows of a snapshot', () => {
  it('come back in whatever pieces they are read', () => {
    fc.assert(
      fc.property(
        fc.array(rowArbitrary, { maxLength: 20 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 50 })),
        (rows, pieces) => {
          const writer = new ByteWriter();
          for (const row of rows) writeRow(writer, row);
          const bytes = writer.finish();
          const reader = new RowReader();
          const found: SnapshotRow[] = [];
          for (let at = 0; at < bytes.length;) {
            const { value: sizeBytes } = pieces.next() as { value: number };
            found.push(...reader.push(bytes.subarray(at, at + sizeBytes)));
            at += sizeBytes;
          }
          assert.equal(reader.complete, true);
          assert.deepEqual(
            found.map((row) => [row.table, ...row.key, 0, ...row.value]),
            rows.map((row) => [row.table, ...row.key, 0, ...row.value]),
          );
        },
      ),
    );
  });

  it('are known to end too early', () => {
    const writer = new ByteWriter();
    writeRow(writer, { table: 'current', key: Uint8Array.of(1), value: Uint8Array.of(2, 3) });
    const bytes = writer.finish();
    for (let length = 1; length < bytes.length; length++) {
      const reader = new RowReader();
      assert.deepEqual(reader.push(bytes.subarray(0, length)), []);
      assert.equal(reader.complete, false);
    }
  });

  it('are refused at once when they cannot be, however long they claim to be', () => {
    const head = (table: number, keySizeBytes: number, valueSizeBytes: number): Uint8Array =>
      new ByteWriter().uint8(table).uint32(keySizeBytes).uint32(valueSizeBytes).finish();
    assert.deepEqual(new RowReader().push(head(0, keySizeBytesMax, valueSizeBytesMax)), []);
    for (const bad of [
      head(tableNames.length, 1, 1),
      head(0, keySizeBytesMax + 1, 1),
      head(0, 1, valueSizeBytesMax + 1),
      head(0, 2 ** 32 - 1, 2 ** 32 - 1),
    ]) {
      assert.throws(() => new RowReader().push(bad), isDamage);
    }
  });
});

describe('the header of a snapshot', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(headerArbitrary, (header) => {
        assert.deepEqual(decodeHeader('f', encodeHeader(header)), header);
      }),
    );
  });

  it('counts as absent when anything of it changed', () => {
    fc.assert(
      fc.property(headerArbitrary, fc.nat(), fc.nat(7), (header, position, bit) => {
        const bytes = encodeHeader(header);
        bytes[position % bytes.length]! ^= 1 << bit;
        assert.equal(decodeHeader('f', bytes), undefined);
        assert.equal(decodeHeader('f', encodeHeader(header).subarray(0, position % bytes.length)), undefined);
      }),
    );
    for (const text of ['', '\n', 'null\n', '{}\n00000000\n']) {
      assert.equal(decodeHeader('f', Buffer.from(text)), undefined);
    }
  });
});
