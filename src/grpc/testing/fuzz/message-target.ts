import assert from 'node:assert/strict';
import { randomInt, type RandomSource } from '../../../base/prng.js';
import { MessageReader } from '../../message-reader.js';
import { grpcMessage } from '../frames.js';
import { mutateOctets, split } from './mutator.js';
import { randomOf, type FuzzTarget } from './target.js';

const requestSizeBytesMax = 2000;
const inputSizeBytesMax = 10_000;

/** Cuts content into messages, however it is split; they must be those that a naive reader finds. */
export const messageTarget: FuzzTarget = {
  name: 'messages',
  seeds: [
    grpcMessage(Buffer.alloc(0)),
    grpcMessage(Buffer.from('hello')),
    Buffer.concat([grpcMessage(Buffer.alloc(300, 'a')), grpcMessage(Buffer.alloc(5, 'b'), 1)]),
    grpcMessage(Buffer.alloc(requestSizeBytesMax)),
    grpcMessage(Buffer.alloc(requestSizeBytesMax + 1)),
  ],
  mutate(random, input, others) {
    let bytes = input;
    for (let left = 1 + randomInt(random, 4); left > 0; left--) bytes = mutateOctets(random, bytes, others);
    return bytes.subarray(0, inputSizeBytesMax);
  },
  run: (inputs) => inputs.map((input) => read(input, randomOf(input))),
};

function read(input: Buffer, random: RandomSource): string {
  const reader = new MessageReader(requestSizeBytesMax);
  const found: string[] = [];
  let fault: string | undefined;
  for (const piece of split(random, input)) {
    const place = randomInt(random, 4);
    const placed = Buffer.concat([Buffer.alloc(place, 0xff), piece, Buffer.of(0xff)]);
    reader.push(placed, place, place + piece.length);
    for (let message = reader.next(); message !== undefined; message = reader.next()) {
      if ('kind' in message) {
        fault = message.kind;
        break;
      }
      found.push(`${message.compressed} ${Buffer.from(message.bytes).toString('hex')}`);
    }
    if (fault !== undefined) break;
    assert.ok(reader.heldBytes <= 5 + 16 * 1024 + 2 * input.length);
  }
  const naive = readNaively(input);
  assert.deepEqual({ found, fault }, { found: naive.messages, fault: naive.fault });
  if (fault === undefined) assert.equal(reader.partial, naive.rest);
  return `${Math.min(found.length, 10)} ${fault} ${naive.rest}`;
}

function readNaively(input: Buffer): { messages: string[]; fault: string | undefined; rest: boolean } {
  const messages: string[] = [];
  let at = 0;
  while (input.length - at >= 5) {
    const length = input.readUInt32BE(at + 1);
    if (input[at]! > 1) return { messages, fault: 'bad-flag', rest: false };
    if (length > requestSizeBytesMax) return { messages, fault: 'too-large', rest: false };
    if (input.length - at - 5 < length) break;
    messages.push(`${input[at] === 1} ${input.toString('hex', at + 5, at + 5 + length)}`);
    at += 5 + length;
  }
  return { messages, fault: undefined, rest: at < input.length };
}
