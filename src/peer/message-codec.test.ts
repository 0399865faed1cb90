import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import type { Entry, Message } from '../raft/types.js';
import { entriesPerAppendMax, messageSizeBytes, readMessage, writeMessage } from './message-codec.js';

const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER - 100 });
const data = fc.uint8Array({ maxLength: 40 }).map((bytes) => new Uint8Array(bytes));
const envelope = { from: id, to: id, term: number };
const typed = <T extends Message['type']>(type: T) => fc.constant(type);
const entryType = fc.constantFrom('normal' as const, 'config' as const);

const appends = fc
  .record({ ...envelope, previousIndex: number, previousTerm: number, commit: number })
  .chain((head) =>
    fc.array(fc.record({ term: number, type: entryType, data }), { maxLength: 4 }).map((entries) => ({
      type: 'append' as const,
      ...head,
      entries: entries.map((entry, at): Entry => ({ index: head.previousIndex + 1 + at, ...entry })),
    })),
  );

const ids = fc.array(id, { maxLength: 4 });
const outcome = fc.oneof(
  fc.record({ kind: fc.constant('appended' as const), term: number, index: number }),
  fc.record({
    kind: fc.constant('dropped' as const),
    reason: fc.constantFrom(
      'no-leader' as const,
      'overloaded' as const,
      'config-conflict' as const,
      'quorum-would-be-lost' as const,
      'invalid-config' as const,
      'learner-behind' as const,
    ),
  }),
);

const messages: fc.Arbitrary<Message> = fc
  .oneof(
    appends,
    fc.record({
      type: typed('vote-request'),
      ...envelope,
      preVote: fc.boolean(),
      transfer: fc.boolean(),
      lastIndex: number,
      lastTerm: number,
    }),
    fc.record({ type: typed('vote-response'), ...envelope, preVote: fc.boolean(), granted: fc.boolean() }),
    fc.record({
      type: typed('append-response'),
      ...envelope,
      index: number,
      rejected: fc.boolean(),
      hintIndex: number,
      hintTerm: number,
    }),
    fc.record({
      type: typed('heartbeat'),
      ...envelope,
      commit: number,
      readRound: number,
      leaseReads: fc.boolean(),
    }),
    fc.record({ type: typed('heartbeat-response'), ...envelope, readRound: number }),
    fc.record({
      type: typed('snapshot'),
      ...envelope,
      snapshot: fc.record({
        index: number,
        term: number,
        configIndex: number,
        config: fc.record({
          voters: ids,
          votersOutgoing: ids,
          learners: ids,
          learnersNext: ids,
          autoLeave: fc.boolean(),
        }),
      }),
    }),
    fc.record({ type: typed('timeout-now'), ...envelope }),
    fc.record({ type: typed('transfer-leader'), ...envelope, target: id }),
    fc.record({ type: typed('read-index'), ...envelope, context: number }),
    fc.record({ type: typed('read-index-response'), ...envelope, context: number, index: number }),
    fc.record({
      type: typed('propose'),
      ...envelope,
      proposalId: number,
      entryType: fc.constant('config' as const),
      configIndex: number,
      behindId: fc.constant(0),
      data,
    }),
    fc.record({
      type: typed('propose'),
      ...envelope,
      proposalId: number,
      entryType: fc.constant('normal' as const),
      configIndex: fc.constant(0),
      behindId: number,
      data,
    }),
    fc.record({ type: typed('propose-response'), ...envelope, proposalId: number, outcome }),
  )
  // Objects with the usual prototype, as the decoder makes them.
  .map((message) => structuredClone(message));

function encoded(message: Message): Uint8Array {
  const writer = new ByteWriter();
  writeMessage(writer, message);
  return writer.finish();
}

void test('every message comes back as it was, and is no larger than announced', () => {
  fc.assert(
    fc.property(messages, (message) => {
      const bytes = encoded(message);
      const reader = new ByteReader(bytes);
      assert.deepEqual(readMessage(reader), message);
      assert.equal(reader.remaining, 0);
      assert.ok(bytes.length <= messageSizeBytes(message));
    }),
    { numRuns: 2000 },
  );
});

void test('any bytes give a message or MalformedBytesError', () => {
  const mutated = fc.tuple(messages, fc.nat(), fc.nat({ max: 255 })).map(([message, at, byte]) => {
    const bytes = encoded(message);
    bytes[at % bytes.length] = byte;
    return bytes.subarray(0, 1 + (at % bytes.length) + (byte % 7));
  });
  fc.assert(
    fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 60 })), (bytes) => {
      try {
        readMessage(new ByteReader(bytes));
      } catch (error) {
        assert.ok(error instanceof MalformedBytesError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

void test('an append of more entries than any member sends is no message', () => {
  const append = (count: number): Uint8Array => {
    const entries = Array.from({ length: count }, (_, at) => ({
      ...{ index: at + 1, term: 1, type: 'empty' as const, data: new Uint8Array(0) },
    }));
    const writer = new ByteWriter();
    const head = {
      type: 'append' as const,
      from: 1n,
      to: 2n,
      term: 1,
      previousIndex: 0,
      previousTerm: 0,
      commit: 0,
    };
    writeMessage(writer, { ...head, entries });
    return writer.finish();
  };
  assert.equal(readMessage(new ByteReader(append(entriesPerAppendMax))).type, 'append');
  assert.throws(() => readMessage(new ByteReader(append(entriesPerAppendMax + 1))), MalformedBytesError);
});
