import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import { encodeUtf8 } from '../base/bytes.js';
import type { Command } from './command.js';
import { batchCommandsMax, decodeCommandBatch, encodeCommandBatch } from './command-codec.js';

const bytes = fc.uint8Array({ maxLength: 300 });
const lease = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const revision = fc.maxSafeNat();
const key = bytes;
const previous = fc.boolean();

const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.record({ type: fc.constant('put'), key, value: bytes, lease, previous }),
  fc.record({ type: fc.constant('put'), key, value: bytes, lease, previous, expectedModRevision: revision }),
  fc.record({
    type: fc.constant('delete-range'),
    key,
    end: fc.option(bytes, { nil: undefined }),
    previous,
  }),
  fc.record({
    type: fc.constant('delete-range'),
    key,
    end: fc.constant(undefined),
    previous,
    expectedModRevision: revision,
  }),
  fc.record({ type: fc.constant('compact'), revision }),
  fc.record({
    type: fc.constant('publish'),
    id: lease,
    name: fc.string(),
    clientAddress: fc.string(),
    levels: fc.record({ min: fc.nat(300), max: fc.nat(300) }, { noNullPrototype: true }),
  }),
  fc.record({ type: fc.constant('raise-level'), level: fc.nat(300) }),
  fc.record({ type: fc.constant('change-address'), id: lease, peerAddress: fc.string() }),
);

const anyBatch = fc.record({
  proposer: lease,
  sequence: revision,
  commands: fc.array(anyCommand, { maxLength: 8 }),
});

/** A batch of one command that is made of these bytes. */
function batchOf(...command: number[]): Uint8Array {
  const { length } = encodeCommandBatch({ proposer: 0n, sequence: 0, commands: [] });
  const head = new Uint8Array(length);
  head.set([1]);
  head[length - 1] = 1;
  return Uint8Array.of(...head, ...command);
}

function refuses(given: Uint8Array, message: RegExp): void {
  assert.throws(
    () => decodeCommandBatch(given),
    (error) => error instanceof MalformedBytesError && message.test(error.message),
  );
}

describe('the encoding of command batches', () => {
  it('gives back every batch', () => {
    fc.assert(
      fc.property(anyBatch, (batch) => {
        // fast-check's records have no prototype.
        const plain = { ...batch, commands: batch.commands.map((command) => ({ ...command })) };
        assert.deepEqual(decodeCommandBatch(encodeCommandBatch(batch)), plain);
      }),
    );
  });

  it('keeps what stands in logs readable', () => {
    const written =
      '01' +
      '0807060504030201' +
      '09' +
      '07' +
      '0103' +
      '016b' +
      '0176' +
      '0500000000000000' +
      '0100' +
      '016b' +
      '00' +
      '0204' +
      '0161' +
      '0100' +
      '0201' +
      '0161' +
      '0307' +
      '06020161016205000000000000000c' +
      '0701' +
      '016100';
    const batch = {
      proposer: 0x0102_0304_0506_0708n,
      sequence: 9,
      commands: [
        put('k', 'v', { lease: 5n, previous: true }),
        put('k', ''),
        { type: 'delete-range', key: encodeUtf8('a'), end: Uint8Array.of(0), previous: false },
        { type: 'delete-range', key: encodeUtf8('a'), end: undefined, previous: true },
        { type: 'compact', revision: 7 },
        put('a', 'b', { lease: 5n, expectedModRevision: 12 }),
        {
          type: 'delete-range',
          key: encodeUtf8('a'),
          end: undefined,
          previous: true,
          expectedModRevision: 0,
        },
      ] satisfies Command[],
    };
    assert.equal(Buffer.from(encodeCommandBatch(batch)).toString('hex'), written);
    const read = decodeCommandBatch(Buffer.from(written, 'hex'));
    assert.deepEqual(read, batch);
  });

  it('refuses a batch that ends early, and what stands behind one', () => {
    fc.assert(
      fc.property(anyBatch, fc.nat(), (batch, cut) => {
        const whole = encodeCommandBatch(batch);
        refuses(whole.subarray(0, cut % whole.length), /./);
        refuses(Uint8Array.of(...whole, 0), /1 bytes behind/);
      }),
    );
  });

  it('refuses what no member writes', () => {
    refuses(Uint8Array.of(2, ...batchOf().subarray(1)), /version 2/);
    for (const type of [0, 9, 255]) refuses(batchOf(type, 0, 0, 0), /unknown command type/);
    refuses(batchOf(1, 4, 0, 0), /flags 4/);
    refuses(batchOf(2, 2, 0), /flags 2/);
    refuses(batchOf(6, 8, 0, 0, 0), /flags 8/);
    // A condition on a range.
    refuses(batchOf(7, 4, 0, 0, 0), /flags 4/);
    // A condition that is missing, and one that is no safe integer.
    refuses(batchOf(6, 0, 0, 0), /ends early/);
    refuses(batchOf(7, 0, 0), /ends early/);
    refuses(batchOf(7, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), /./);
    const head = encodeCommandBatch({ proposer: 0n, sequence: 0, commands: [] }).subarray(0, 10);
    const count = new ByteWriter(4).varint(batchCommandsMax + 1).finish();
    refuses(Uint8Array.of(...head, ...count), new RegExp(`${batchCommandsMax + 1} commands`));
  });

  it('writes no condition on a range', () => {
    const key = new Uint8Array(1);
    const command: Command = {
      type: 'delete-range',
      key,
      end: key,
      previous: false,
      expectedModRevision: 1,
    };
    assert.throws(() => encodeCommandBatch({ proposer: 0n, sequence: 0, commands: [command] }), /one key/);
  });
});

function put(
  key: string,
  value: string,
  more: { lease?: bigint; previous?: boolean; expectedModRevision?: number } = {},
): Command {
  return {
    type: 'put',
    key: encodeUtf8(key),
    value: encodeUtf8(value),
    lease: 0n,
    previous: false,
    ...more,
  };
}
