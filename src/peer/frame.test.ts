import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MalformedBytesError } from '../base/byte-stream.js';
import { Prng, randomInt } from '../base/prng.js';
import { itHoldsForSeeds } from '../base/testing/seeds.js';
import type { Message } from '../raft/types.js';
import { encodeFrame, FrameParser, frameSizeBytesMax } from './frame.js';
import { writeMessage } from './message-codec.js';

function framesOf(parser: FrameParser, chunk: Uint8Array): Buffer[] {
  const payloads: Buffer[] = [];
  parser.push(chunk);
  for (let payload = parser.next(); payload !== undefined; payload = parser.next()) {
    payloads.push(Buffer.from(payload));
  }
  return payloads;
}

describe('the frame parser', () => {
  itHoldsForSeeds('gives the payloads as they were, however the bytes are cut', 200, [], (seed) => {
    const random = new Prng(seed);
    const payloads = Array.from({ length: 1 + randomInt(random, 6) }, () => {
      const length = randomInt(random, 3) === 0 ? randomInt(random, 20_000) : randomInt(random, 40);
      return Buffer.from(Array.from({ length }, () => randomInt(random, 256)));
    });
    const stream = Buffer.concat(payloads.map((each) => encodeFrame((writer) => writer.raw(each))));
    const parser = new FrameParser(frameSizeBytesMax);
    const got: Buffer[] = [];
    const most = 1 + randomInt(random, seed % 2 === 0 ? 10 : 30_000);
    for (let at = 0; at < stream.length;) {
      const end = Math.min(stream.length, at + 1 + randomInt(random, most));
      got.push(...framesOf(parser, Buffer.from(stream.subarray(at, end))));
      at = end;
    }
    assert.deepEqual(got, payloads);
    assert.equal(parser.heldBytes, 0);
  });

  it('holds about as much as came, not a thing for each chunk, and takes as long', () => {
    const payload = new Uint8Array(1024 * 1024);
    const frame = encodeFrame((writer) => writer.raw(payload), payload.length);
    const parser = new FrameParser(frameSizeBytesMax);
    let copied = 0;
    let own = 0;
    for (let at = 0; at < frame.length - 1; at++) {
      parser.push(frame.subarray(at, at + 1));
      assert.equal(parser.next(), undefined);
      if (parser.heldBytes !== own && at > 0) copied += at;
      own = parser.heldBytes;
      assert.ok(own <= 2 * (at + 1) + 16, `${own} bytes are held of ${at + 1}`);
    }
    // What was held is copied each time its memory doubles.
    assert.ok(copied <= 4 * frame.length, `${copied} bytes were copied for ${frame.length}`);
    assert.equal(framesOf(parser, frame.subarray(frame.length - 1)).length, 1);
    assert.equal(parser.heldBytes, 0);
  });

  it('does not hold a large chunk or frame for the little that is left of it', () => {
    const large = encodeFrame((writer) => writer.raw(new Uint8Array(1024 * 1024)));
    const small = encodeFrame((writer) => writer.raw(new Uint8Array(100)));
    const parser = new FrameParser(frameSizeBytesMax);
    framesOf(parser, large.subarray(0, 1000));
    framesOf(parser, Buffer.concat([large.subarray(1000), small.subarray(0, 50)]));
    assert.equal(parser.heldBytes, 50);
    assert.equal(framesOf(parser, small.subarray(50))[0]!.length, 100);
  });

  it('refuses a frame one byte beyond its limit by its head, and takes one at the limit', () => {
    const at = (sizeBytes: number): Uint8Array =>
      encodeFrame((writer) => writer.raw(new Uint8Array(sizeBytes)));
    assert.equal(framesOf(new FrameParser(100), at(100)).length, 1);
    assert.throws(() => framesOf(new FrameParser(100), at(101).subarray(0, 8)), MalformedBytesError);
  });

  it('takes the largest message that there can be', () => {
    // An entry of 4 MiB takes in one call more, however large: a value of 8 MiB, its key, and what is around them.
    const data = new Uint8Array((4 + 8) * 1024 * 1024 + 128 * 1024);
    const entries = [{ index: 2, term: 1, type: 'normal' as const, data }];
    const head = { from: 1n, to: 2n, term: 1, previousIndex: 1, previousTerm: 1, commit: 1 };
    const message: Message = { type: 'append', ...head, entries };
    const frame = encodeFrame((writer) => writeMessage(writer, message));
    assert.equal(framesOf(new FrameParser(frameSizeBytesMax), frame).length, 1);
  });
});
