import { randomInt, type RandomSource } from '../../../base/prng.js';

/** Octets that stand at the edges of what formats can say. */
const interesting = [0x00, 0x01, 0x04, 0x05, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0xbe, 0xc0, 0xfe, 0xff];

export function pick<Item>(random: RandomSource, items: readonly Item[]): Item {
  return items[randomInt(random, items.length)]!;
}

/** Small most of the time. */
export function randomLength(random: RandomSource, max: number): number {
  return randomInt(random, 1 + randomInt(random, max + 1));
}

export function randomOctets(random: RandomSource, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = randomInt(random, 256);
  return bytes;
}

type Change = (random: RandomSource, bytes: Buffer, others: readonly Buffer[]) => Buffer;

const changes: readonly Change[] = [
  // Set, flip, and move an octet by a little.
  (random, bytes) => withOctet(random, bytes, () => pick(random, interesting)),
  (random, bytes) => withOctet(random, bytes, () => randomInt(random, 256)),
  (random, bytes) => withOctet(random, bytes, (octet) => octet ^ (1 << randomInt(random, 8))),
  (random, bytes) => withOctet(random, bytes, (octet) => octet + randomInt(random, 9) - 4),
  // Leave out, repeat, put in, cut off.
  (random, bytes) => {
    const [from, to] = part(random, bytes);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (random, bytes) => {
    const [from, to] = part(random, bytes);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (random, bytes) => {
    const at = randomInt(random, bytes.length + 1);
    const more = randomOctets(random, 1 + randomLength(random, 20));
    return Buffer.concat([bytes.subarray(0, at), more, bytes.subarray(at)]);
  },
  (random, bytes) => bytes.subarray(0, randomInt(random, bytes.length + 1)),
  // The beginning of this one, the end of another one.
  (random, bytes, others) => {
    const other = pick(random, others);
    const at = randomInt(random, bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(randomInt(random, other.length + 1))]);
  },
];

function withOctet(random: RandomSource, bytes: Buffer, change: (octet: number) => number): Buffer {
  if (bytes.length === 0) return bytes;
  const changed = Buffer.from(bytes);
  const at = randomInt(random, bytes.length);
  changed[at] = change(bytes[at]!);
  return changed;
}

function part(random: RandomSource, bytes: Buffer): [from: number, to: number] {
  const from = randomInt(random, bytes.length + 1);
  return [from, from + randomLength(random, bytes.length - from)];
}

/** One change that knows nothing of a format. */
export function mutateOctets(random: RandomSource, bytes: Buffer, others: readonly Buffer[]): Buffer {
  return pick(random, changes)(random, bytes, others);
}

/** The bytes in pieces. */
export function split(random: RandomSource, bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = 1 + randomLength(random, bytes.length - at - 1);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
