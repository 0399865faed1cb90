import { randomInt, type RandomSource } from '../../../base/prng.js';
import { errorCodes, frameTypes, settingIds } from '../frames.js';
import { mutateOctets, pick, randomLength, randomOctets } from './mutator.js';

const headerSizeBytes = 9;

type Change = (random: RandomSource, frames: Buffer[], others: readonly Buffer[]) => void;

/** Changes one frame in place: `frames[at]` is a copy that may be written to. */
function changing(change: (random: RandomSource, bytes: Buffer) => void): Change {
  return (random, frames) => {
    if (frames.length === 0) return;
    const at = randomInt(random, frames.length);
    const bytes = Buffer.from(frames[at]!);
    change(random, bytes);
    frames[at] = bytes;
  };
}

const changes: readonly Change[] = [
  changing((random, bytes) => (bytes[3] = pick(random, [...Object.values(frameTypes), 0x0a, 0xff]))),
  changing((random, bytes) => (bytes[4] = (bytes[4] ?? 0) ^ pick(random, [1, 4, 8, 0x20, 0xff]))),
  changing((random, bytes) => {
    if (bytes.length >= headerSizeBytes) bytes.writeUInt32BE(randomStreamId(random), 5);
  }),
  // A length that is not that of the payload.
  changing((random, bytes) => {
    bytes[2] = pick(random, [0, 1, 4, 5, 8, 0xff, randomInt(random, 256)]);
  }),
  (random, frames) => {
    frames.splice(randomInt(random, frames.length + 1), 1 + randomLength(random, 3));
  },
  (random, frames) => {
    if (frames.length > 0) frames.splice(randomInt(random, frames.length + 1), 0, pick(random, frames));
  },
  // One of them again and again: a flood.
  (random, frames) => {
    if (frames.length === 0) return;
    const at = randomInt(random, frames.length);
    frames.splice(at, 0, ...new Array<Buffer>(randomLength(random, 60)).fill(frames[at]!));
  },
  (random, frames) => {
    if (frames.length > 0) frames.push(...frames.splice(randomInt(random, frames.length), 1));
  },
  (random, frames) => {
    frames.splice(randomInt(random, frames.length + 1), 0, randomFrame(random));
  },
  (random, frames, others) => {
    const theirs = cut(pick(random, others));
    if (theirs.length > 0) frames.splice(randomInt(random, frames.length + 1), 0, pick(random, theirs));
  },
  // What is in a frame, its length made right again.
  (random, frames, others) => {
    if (frames.length === 0) return;
    const at = randomInt(random, frames.length);
    const header = Buffer.from(frames[at]!.subarray(0, headerSizeBytes));
    const payload = mutateOctets(random, frames[at]!.subarray(headerSizeBytes), others);
    if (header.length === headerSizeBytes) header.writeUIntBE(Math.min(payload.length, 0xff_ffff), 0, 3);
    frames[at] = Buffer.concat([header, payload]);
  },
  // HEADERS or CONTINUATION in two parts.
  (random, frames) => {
    const at = randomInt(random, Math.max(1, frames.length));
    const whole = frames[at];
    const isBlock = whole?.[3] === frameTypes.HEADERS || whole?.[3] === frameTypes.CONTINUATION;
    if (whole === undefined || whole.length < headerSizeBytes || !isBlock) return;
    const middle = headerSizeBytes + randomInt(random, whole.length - headerSizeBytes + 1);
    const first = Buffer.from(whole.subarray(0, middle));
    first.writeUIntBE(middle - headerSizeBytes, 0, 3);
    first[4] = first[4]! & ~0x4;
    const second = Buffer.concat([whole.subarray(0, headerSizeBytes), whole.subarray(middle)]);
    second.writeUIntBE(whole.length - middle, 0, 3);
    second[3] = frameTypes.CONTINUATION;
    second[4] = whole[4]! & 0x4;
    frames.splice(at, 1, first, second);
  },
];

/** Ids that are most often those of streams that there are. */
function randomStreamId(random: RandomSource): number {
  return pick(random, [0, 1, 1, 3, 3, 5, 7, 9, 2, 1 + 2 * randomInt(random, 30), 0x7fff_ffff, 0xffff_ffff]);
}

function randomFrame(random: RandomSource): Buffer {
  const [name, type] = pick(random, Object.entries(frameTypes));
  const header = Buffer.alloc(headerSizeBytes);
  const payload = randomPayload(random, name);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = type;
  header[4] = pick(random, [0, 0, 1, 4, 5, 8, 0x20, randomInt(random, 256)]);
  header.writeUInt32BE(randomStreamId(random), 5);
  return Buffer.concat([header, payload]);
}

function randomPayload(random: RandomSource, type: string): Buffer {
  const number = Buffer.alloc(4);
  switch (type) {
    case 'SETTINGS': {
      const settings = Buffer.alloc(6 * randomInt(random, 3));
      for (let at = 0; at < settings.length; at += 6) {
        settings.writeUInt16BE(pick(random, Object.values(settingIds)), at);
        settings.writeUInt32BE(
          pick(random, [0, 1, 100, 4096, 16_384, 65_535, 0x7fff_ffff, 0xffff_ffff]),
          at + 2,
        );
      }
      return settings;
    }
    case 'WINDOW_UPDATE':
      number.writeUInt32BE(pick(random, [0, 1, 100, 65_535, 0x7fff_0000, 0x7fff_ffff, 0xffff_ffff]));
      return number;
    case 'RST_STREAM':
      number.writeUInt32BE(pick(random, Object.values(errorCodes)));
      return number;
    case 'PING':
    case 'GOAWAY':
      return randomOctets(random, 8);
    case 'PRIORITY':
      return randomOctets(random, 5);
    default:
      return randomOctets(random, randomLength(random, 60));
  }
}

/** Frames as their lengths say; the last may be cut off. */
export function cut(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end =
      bytes.length - at < headerSizeBytes ? bytes.length : at + headerSizeBytes + bytes.readUIntBE(at, 3);
    frames.push(bytes.subarray(at, end));
    at = end;
  }
  return frames;
}

/** One to four changes, most of them to frames, some to octets wherever they lie. */
export function mutateFrames(random: RandomSource, input: Buffer, others: readonly Buffer[]): Buffer {
  let bytes = input;
  for (let left = 1 + randomInt(random, 4); left > 0; left--) {
    if (randomInt(random, 5) === 0) {
      bytes = mutateOctets(random, bytes, others);
      continue;
    }
    const frames = cut(bytes);
    pick(random, changes)(random, frames, others);
    bytes = Buffer.concat(frames);
  }
  return bytes.subarray(0, inputSizeBytesMax);
}

/** Inputs that only grow would only get slower. */
const inputSizeBytesMax = 40_000;
