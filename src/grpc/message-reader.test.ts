import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MessageReader, soleMessage, type Message } from './message-reader.js';
import { grpcMessage } from './testing/frames.js';

const anyMessage = fc.record(
  {
    bytes: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    compressed: fc.boolean(),
  },
  { noNullPrototype: true },
);

function readAll(reader: MessageReader, bytes: Buffer): unknown[] {
  const messages: unknown[] = [];
  reader.push(bytes, 0, bytes.length);
  for (let message = reader.next(); message !== undefined; message = reader.next()) {
    messages.push(message);
    if ('kind' in message) break;
  }
  return messages;
}

describe('MessageReader', () => {
  it('reads the same messages, wherever their bytes are cut', () => {
    const cases = fc.record({
      messages: fc.array(anyMessage, { maxLength: 8 }),
      cuts: fc.array(fc.nat(300), { maxLength: 12 }),
    });
    fc.assert(
      fc.property(cases, ({ messages, cuts }) => {
        const bytes = Buffer.concat(
          messages.map(({ bytes: each, compressed }) => grpcMessage(each, Number(compressed))),
        );
        const reader = new MessageReader(60);
        const read: unknown[] = [];
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
          read.push(...readAll(reader, bytes.subarray(from, Math.max(from, to))));
          from = Math.max(from, to);
        }
        assert.deepEqual(read, messages);
        assert.equal(reader.partial, false);
        assert.equal(reader.heldBytes, 0);
      }),
    );
  });

  it('keeps no more memory than twice what came of a message, beyond a small first buffer', () => {
    const reader = new MessageReader(2 ** 32);
    const prefix = Buffer.from('00ffffffff', 'hex');
    readAll(reader, prefix);
    assert.equal(reader.heldBytes, prefix.length);
    for (let received = 10_000; received <= 2_000_000; received += 10_000) {
      assert.deepEqual(readAll(reader, Buffer.alloc(10_000)), []);
      const body = reader.heldBytes - prefix.length;
      assert.ok(body <= Math.max(16_384, 2 * received), `${reader.heldBytes} for ${received}`);
    }
  });

  it('does not keep a chunk for the sake of a small message in it', () => {
    const chunk = Buffer.concat([grpcMessage(Buffer.from('small')), Buffer.alloc(60_000)]);
    const [message] = readAll(new MessageReader(100_000), chunk) as [Message];
    assert.notEqual((message.bytes as Buffer).buffer, chunk.buffer);
  });

  it('tells what is wrong with a message by its prefix', () => {
    assert.deepEqual(readAll(new MessageReader(9), grpcMessage(Buffer.alloc(10))), [
      { kind: 'too-large', sizeBytes: 10 },
    ]);
    assert.deepEqual(readAll(new MessageReader(9), grpcMessage(Buffer.alloc(1), 3)), [
      { kind: 'bad-flag', flag: 3 },
    ]);
  });
});

describe('soleMessage', () => {
  it('finds the message that is the whole of a frame, without a copy', () => {
    const bytes = Buffer.concat([
      Buffer.from('before'),
      grpcMessage(Buffer.from('hello')),
      Buffer.from('behind'),
    ]);
    const message = soleMessage(bytes, 6, 16, 5)!;
    assert.equal(message.toString(), 'hello');
    assert.equal(message.buffer, bytes.buffer);
  });

  it('leaves everything else to the reader', () => {
    const hello = grpcMessage(Buffer.from('hello'));
    const others: readonly [Buffer, number][] = [
      [hello, 4],
      [hello.subarray(0, 9), 100],
      [Buffer.concat([hello, Buffer.alloc(1)]), 100],
      [grpcMessage(Buffer.from('hello'), 1), 100],
      [hello.subarray(0, 4), 100],
      [Buffer.from('00ffffffff', 'hex'), 2 ** 32],
    ];
    for (const [bytes, limit] of others) assert.equal(soleMessage(bytes, 0, bytes.length, limit), undefined);
  });
});
