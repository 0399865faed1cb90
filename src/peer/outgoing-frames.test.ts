import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ByteReader, MalformedBytesError } from '../base/byte-stream.js';
import type { Message } from '../raft/types.js';
import { encodeFrame, framePayload, frameSizeBytesMax } from './frame.js';
import { readMessage } from './message-codec.js';
import { encodePart, isPart, PartAssembler, partSizeBytes } from './message-parts.js';
import { OutgoingFrames } from './outgoing-frames.js';

const head = { from: 1n, to: 2n, term: 300 };
const heartbeat = (commit: number): Message => ({
  ...{ type: 'heartbeat', ...head, commit, readRound: 0, leaseReads: false },
});
const proposal = (proposalId: number, sizeBytes: number): Message => ({
  ...{ type: 'propose', ...head, proposalId, entryType: 'normal', configIndex: 0, behindId: 0 },
  data: new Uint8Array(sizeBytes).fill(proposalId),
});

/** What comes out at the other end, with a line for each part. */
class Receiver {
  readonly assembler = new PartAssembler();
  readonly said: (Message | 'part')[] = [];

  take(frame: Uint8Array): void {
    const payload = framePayload(frame);
    const whole = isPart(payload) ? this.assembler.take(payload) : payload;
    if (isPart(payload)) this.said.push('part');
    const reader = new ByteReader(whole ?? new Uint8Array(0));
    while (reader.remaining > 0) this.said.push(readMessage(reader));
  }
}

function drain(frames: OutgoingFrames, version: number, receiver = new Receiver()): Receiver {
  for (let frame = frames.next(version, true); frame !== undefined; frame = frames.next(version, true)) {
    receiver.take(frame);
  }
  return receiver;
}

describe('frames to a member', () => {
  it('let what is urgent go between the parts of a long message', () => {
    const frames = new OutgoingFrames();
    const receiver = new Receiver();
    const long = proposal(1, 2.5 * partSizeBytes);
    frames.push(long);
    frames.push(proposal(2, 10));
    receiver.take(frames.next(4, true)!);
    assert.equal(frames.longTerm, 300);
    assert.equal(receiver.assembler.term, 300);
    frames.push(heartbeat(1));
    frames.push(proposal(3, 10));
    drain(frames, 4, receiver);
    const expected = ['part', heartbeat(1), 'part', 'part', long, proposal(2, 10), proposal(3, 10)];
    assert.deepEqual(receiver.said, expected);
    assert.equal(frames.longTerm, undefined);
    assert.equal(receiver.assembler.heldBytes, 0);
  });

  it('hold only what is urgent where there is no room for more', () => {
    const frames = new OutgoingFrames();
    for (const message of [proposal(1, 10), heartbeat(1)]) frames.push(message);
    const receiver = new Receiver();
    receiver.take(frames.next(4, false)!);
    assert.deepEqual(receiver.said, [heartbeat(1)]);
    assert.equal(frames.next(4, false), undefined);
    assert.deepEqual(drain(frames, 4).said, [proposal(1, 10)]);
  });

  it('hold many short messages, no more than a part would', () => {
    const frames = new OutgoingFrames();
    for (let at = 1; at <= 1000; at++) frames.push(at % 2 === 0 ? heartbeat(at) : proposal(at, 100));
    let count = 0;
    for (let frame = frames.next(4, true); frame !== undefined; frame = frames.next(4, true)) {
      assert.ok(frame.length <= partSizeBytes + 100);
      count++;
    }
    assert.ok(count <= 5, `${count} frames`);
  });

  it('are whole messages to one that knows no parts', () => {
    const frames = new OutgoingFrames();
    const long = proposal(1, 3 * partSizeBytes);
    for (const message of [long, heartbeat(1), proposal(2, 10)]) frames.push(message);
    assert.deepEqual(drain(frames, 3).said, [heartbeat(1), long, proposal(2, 10)]);
  });

  it('forget what was under way when the connection is gone', () => {
    const frames = new OutgoingFrames();
    frames.push(proposal(1, 3 * partSizeBytes));
    frames.next(4, true);
    frames.clear();
    frames.push(proposal(2, 10));
    assert.deepEqual(drain(frames, 4).said, [proposal(2, 10)]);
  });
});

describe('the parts of a message', () => {
  const bytes = new Uint8Array(1000);
  const part = (position: number, length = 500): Uint8Array =>
    framePayload(encodePart(bytes, position, length));
  const refused = (...payloads: readonly Uint8Array[]): void => {
    const assembler = new PartAssembler();
    assert.throws(() => payloads.map((payload) => assembler.take(payload)), MalformedBytesError);
  };

  it('are refused out of their order, beyond their message, and without bytes', () => {
    refused(part(500));
    refused(part(0), part(0));
    refused(part(0), part(500), part(500));
    refused(part(0), part(500, 0));
    refused(part(0, 10));
  });

  it('are refused of a message that is too long, and cost no memory that did not come', () => {
    const announced = (sizeBytes: number): Uint8Array =>
      framePayload(encodeFrame((writer) => writer.uint8(0).varint(sizeBytes).raw(bytes)));
    refused(announced(frameSizeBytesMax + 1));
    refused(announced(0));
    const assembler = new PartAssembler();
    assembler.take(announced(frameSizeBytesMax));
    assert.ok(assembler.heldBytes <= 2 * bytes.length);
  });
});
