import { withinTime } from '../../src/base/testing/stopwatch.js';
import type { Parser } from './parsers.js';

/** What formats repeat, and what expressions and readers go wrong by. */
const fragments: readonly Buffer[] = [
  ...[
    ', ',
    ',',
    ' ',
    '=',
    'A=,',
    '%',
    '%2',
    '%25',
    'a',
    'a ',
    '1',
    '-',
    '/',
    ':',
    '.',
    '\t',
    '\r\n',
    '"',
    '\\',
  ],
  ...['[', '{"', '[0', '\\t', '\xff', '\xe2\x82', '\xed\xa0\x80', 'ab.', '::', 'x@y', '//'],
].map((fragment) => Buffer.from(fragment, 'latin1'));
const octets: readonly Buffer[] = [
  // Zeros, ones, the beginning of integers; HPACK's fields by index, insertions, sizes of the table.
  ...['00', '01', '80', 'ff', '7f', '82', 'be', '40016100', '400161016200', '3f', '20', '3fe11f', '2020'],
  // Fields of protobuf that hold nothing or each other, groups, numbers.
  ...['0a00', '0a020a00', '0a0212000a00', '0800', '0880', '0b', '0b0c', '12021200', '1800', '0aff'],
  // Frames without content, SETTINGS, messages without content.
  ...['000000000000000000', '000000000100000001', '000400000001', '0000000000', '0000000001'],
].map((hex) => Buffer.from(hex, 'hex'));
const nothing = Buffer.alloc(0);
/** Most expressions go back only when the end does not fit. */
const misfit = Buffer.from(',!');

const contents: readonly (readonly [fragment: Buffer, ending: Buffer])[] = [
  ...fragments.flatMap((fragment) => [nothing, misfit].map((ending) => [fragment, ending] as const)),
  ...octets.map((fragment) => [fragment, nothing] as const),
];

/** Lengths that grow slowly as long as time that doubles with an octet would not be noticed, then faster. */
function* lengths(sizeBytesMax: number): Generator<number> {
  for (let length = 8; length <= sizeBytesMax; length = Math.ceil(length * (length < 200 ? 1.2 : 4)))
    yield length;
}

/**
 * Feeds a parser with fragments that are repeated, again and again, up to `sizeBytesMax`.
 *
 * @throws Error when the time does not stay in proportion to the length
 */
export async function checkGrowth(parser: Parser, sizeBytesMax: number): Promise<void> {
  const wraps = [(content: Buffer) => content, ...(parser.wraps ?? [])];
  for (const [fragment, ending] of contents) {
    const what = `${parser.name}, ${JSON.stringify(fragment.toString('latin1'))} again and again`;
    for (const wrap of wraps) {
      for (const length of lengths(sizeBytesMax)) {
        const input = wrap(Buffer.concat([Buffer.alloc(length, fragment), ending]));
        await withinTime(what, input.length, () => attempt(parser, input));
      }
    }
  }
}

/** @returns how it ended, in few words */
export function attempt(parser: Parser, input: Buffer): string {
  try {
    parser.parse(input);
    return 'read';
  } catch (error) {
    return error instanceof Error ? error.name : 'thrown';
  }
}
