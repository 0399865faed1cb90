import assert from 'node:assert/strict';
import type { RandomSource } from '../../../base/prng.js';
import { FrameParser } from '../../http2/frame-parser.js';
import { ConnectionError, errorCode, frameSizeBytesDefault } from '../../http2/protocol.js';
import { FrameReader, frame, frameTypes } from '../frames.js';
import { mutateFrames } from './frame-mutator.js';
import { pick, split } from './mutator.js';
import { randomOf, type FuzzTarget } from './target.js';

const inputSizeBytesMax = 4000;

/** Cuts bytes into frames, in pieces and with stops; the frames must be those that a naive reader finds. */
export const frameTarget: FuzzTarget = {
  name: 'frames',
  seeds: [
    Buffer.concat([frame('SETTINGS', 0, 0), frame('PING', 0, 0, Buffer.alloc(8))]),
    Buffer.concat([frame('DATA', 0, 1, Buffer.alloc(300, 'd')), frame('DATA', 1, 1)]),
    frame('HEADERS', 0, 0x7fff_ffff, Buffer.alloc(2000)),
  ],
  mutate: (random, input, others) => mutateFrames(random, input, others).subarray(0, inputSizeBytesMax),
  run: (inputs) => inputs.map((input) => parse(input, randomOf(input))),
};

function parse(input: Buffer, random: RandomSource): string {
  const found: string[] = [];
  let stops = 0;
  const handler = {
    frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): boolean {
      found.push(`${type} ${flags} ${streamId} ${bytes.toString('hex', from, to)}`);
      const goesOn = pick(random, [true, true, false]);
      if (!goesOn) stops++;
      return goesOn;
    },
  };
  const parser = new FrameParser(frameSizeBytesDefault);
  let failed = false;
  let left = 0;
  try {
    for (const piece of split(random, input)) {
      parser.push(Buffer.from(piece));
      while (!parser.run(handler)) assert.ok(left++ <= stops, 'the parser stops by itself');
    }
  } catch (error) {
    assert.ok(error instanceof ConnectionError && error.code === errorCode.frameSizeError, String(error));
    failed = true;
  }
  const { frames, tooLarge, rest } = readNaively(input);
  assert.deepEqual(found, frames);
  assert.equal(failed, tooLarge);
  if (!failed) assert.equal(parser.midFrame, rest > 0);
  return `${Math.min(frames.length, 10)} ${tooLarge} ${rest > 0}`;
}

function readNaively(input: Buffer): { frames: string[]; tooLarge: boolean; rest: number } {
  const frames: string[] = [];
  let at = 0;
  while (input.length - at >= 9) {
    const length = input.readUIntBE(at, 3);
    if (length > frameSizeBytesDefault) return { frames, tooLarge: true, rest: 0 };
    if (input.length - at < 9 + length) break;
    const [read] = new FrameReader().push(input.subarray(at, at + 9 + length));
    const { type, flags, streamId, payload } = read!;
    const number = typeof type === 'number' ? type : frameTypes[type];
    frames.push(`${number} ${flags} ${streamId} ${payload.toString('hex')}`);
    at += 9 + length;
  }
  return { frames, tooLarge: false, rest: input.length - at };
}
