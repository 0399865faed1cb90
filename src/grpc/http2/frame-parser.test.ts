import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { frame } from '../testing/frames.js';
import { FrameParser, type FrameHandler } from './frame-parser.js';

interface Seen {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

class Recorder implements FrameHandler {
  readonly seen: Seen[] = [];
  /** Stops behind each frame whose number this divides. */
  stopEach = Infinity;

  frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
    // Not copied: what was handed out must not change later.
    this.seen.push({ type, flags, streamId, payload: bytes.subarray(from, to) });
    return this.seen.length % this.stopEach !== 0;
  }
}

const anyFrame = fc.record(
  {
    type: fc.nat(255),
    flags: fc.nat(255),
    streamId: fc.nat(2 ** 31 - 1),
    payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  },
  { noNullPrototype: true },
);

describe('FrameParser', () => {
  it('hands out the same frames, wherever the chunks are cut and however often it is stopped', () => {
    const cases = fc.record({
      frames: fc.array(anyFrame, { maxLength: 12 }),
      cuts: fc.array(fc.nat(400), { maxLength: 12 }),
      stopEach: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(cases, ({ frames, cuts, stopEach }) => {
        const bytes = Buffer.concat(
          frames.map(({ type, flags, streamId, payload }) => frame(type, flags, streamId, payload)),
        );
        const parser = new FrameParser(40);
        const recorder = new Recorder();
        recorder.stopEach = stopEach;
        let from = 0;
        for (const to of [...cuts.sort((a, b) => a - b), bytes.length]) {
          parser.push(Buffer.from(bytes.subarray(from, Math.max(from, to))));
          from = Math.max(from, to);
          while (!parser.run(recorder));
        }
        assert.deepEqual(recorder.seen, frames);
        assert.equal(parser.midFrame, false);
      }),
    );
  });

  it('does not copy a frame that lies in one chunk', () => {
    const parser = new FrameParser(100);
    const recorder = new Recorder();
    const chunk = Buffer.concat([
      frame('DATA', 0, 1, Buffer.from('abc')),
      frame('DATA', 0, 3, Buffer.from('d')),
    ]);
    parser.push(chunk);
    parser.run(recorder);
    for (const { payload } of recorder.seen) assert.equal(payload.buffer, chunk.buffer);
  });

  it('takes a frame of the largest size, and refuses a larger one by its header', () => {
    const header = (length: number): Buffer => frame('DATA', 0, 1, new Uint8Array(0), length);
    for (const cut of [0, 3, 9]) {
      const parser = new FrameParser(100);
      const recorder = new Recorder();
      const bytes = Buffer.concat([header(100), Buffer.alloc(100), header(101)]);
      parser.push(bytes.subarray(0, cut));
      parser.run(recorder);
      parser.push(bytes.subarray(cut));
      assert.throws(() => parser.run(recorder), { name: 'ConnectionError', code: 6 });
      assert.equal(recorder.seen.length, 1);
    }
  });

  it('tells whether it is in the middle of a frame', () => {
    const parser = new FrameParser(100);
    const recorder = new Recorder();
    const bytes = frame('DATA', 0, 1, Buffer.from('abc'));
    for (let at = 0; at < bytes.length; at++) {
      assert.equal(parser.midFrame, at > 0);
      parser.push(bytes.subarray(at, at + 1));
      parser.run(recorder);
    }
    assert.equal(parser.midFrame, false);
    assert.equal(recorder.seen.length, 1);
  });
});
