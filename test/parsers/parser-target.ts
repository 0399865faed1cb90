import { randomInt } from '../../src/base/prng.js';
import { mutateOctets } from '../../src/grpc/testing/fuzz/mutator.js';
import type { FuzzTarget } from '../../src/grpc/testing/fuzz/target.js';
import { attempt } from './growth.js';
import { parsers } from './parsers.js';

const inputSizeBytesMax = 4000;

const contents: readonly Buffer[] = [
  ...[
    '',
    'key',
    'AQ==, AgM=',
    '10S',
    '100%',
    '127.0.0.1:50051',
    '[::1]:1',
    '{"key":"a","value":"b"}',
    'a\tb',
  ],
].map((content) => Buffer.from(content));

/** Every parser: an input goes to one after the other. What they throw is theirs; the time that they take is not. */
export const parserTarget: FuzzTarget = {
  name: 'parsers',
  seeds: contents.flatMap((content) => [
    content,
    ...parsers.flatMap(({ wraps = [] }) => wraps.map((wrap) => wrap(content))),
  ]),
  mutate(random, input, others) {
    let bytes = input;
    for (let left = 1 + randomInt(random, 4); left > 0; left--) bytes = mutateOctets(random, bytes, others);
    return bytes.subarray(0, inputSizeBytesMax);
  },
  run: (inputs) => inputs.map((input) => parsers.map((parser) => attempt(parser, input)[0]).join('')),
};
