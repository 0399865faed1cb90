import assert from 'node:assert/strict';
import { randomInt, type RandomSource } from '../../../base/prng.js';
import { HpackDecoder } from '../../hpack/decoder.js';
import { HpackEncoder } from '../../hpack/encoder.js';
import { HpackError } from '../../hpack/error.js';
import { messages, singleFields } from '../../hpack/testing/appendix-c.js';
import { areTrailers, readRequestFields } from '../../http2/request-fields.js';
import { grpcFields, paths } from '../echo-server.js';
import { mutateOctets } from './mutator.js';
import { randomOf, type FuzzTarget } from './target.js';

const tableSizeBytesMax = 4096;
const listSizeBytesMax = 8192;
const inputSizeBytesMax = 4000;

/** Decodes header blocks; what comes out must survive being encoded again, and being read as a request. */
export const blockTarget: FuzzTarget = {
  name: 'blocks',
  seeds: [
    ...[...singleFields, ...messages].flatMap(({ blocks }) =>
      blocks.map(({ hex }) => Buffer.from(hex, 'hex')),
    ),
    Buffer.from(new HpackEncoder({ dynamicTableSizeBytesMax: 4096 }).encode(grpcFields(paths.unary))),
  ],
  mutate(random, input, others) {
    let bytes = input;
    for (let left = 1 + randomInt(random, 4); left > 0; left--) bytes = mutateOctets(random, bytes, others);
    return bytes.subarray(0, inputSizeBytesMax);
  },
  run: (inputs) => inputs.map((input) => decodeTwice(input, randomOf(input))),
};

function decodeTwice(input: Buffer, random: RandomSource): string {
  const decoder = new HpackDecoder({
    dynamicTableSizeBytesMax: tableSizeBytesMax,
    headerListSizeBytesMax: listSizeBytesMax,
  });
  decoder.decode(threeEntries, 0, threeEntries.length);
  try {
    const before = decoder.generation;
    const tableBefore = newestEntries(decoder);
    const list = decoder.decode(input, 0, input.length);
    const { fields, tooLarge } = list;
    check(decoder, fields);
    const moved = decoder.generation !== before;
    if (!moved) assert.deepEqual(newestEntries(decoder), tableBefore);
    // In another place of memory, and for the second time: with the table as it was, it must be the same.
    const placed = Buffer.concat([Buffer.alloc(3, 0xff), input, Buffer.alloc(2, 0xff)]);
    const again = decoder.decode(placed, 3, 3 + input.length);
    if (!moved) assert.deepEqual(again, list);
    check(decoder, again.fields);
    encodeAgain(fields, random);
    readRequestFields(fields);
    areTrailers(fields);
    return `${Math.min(fields.length, 20)} ${tooLarge} ${moved} ${decoder.tableSizeBytes >> 6}`;
  } catch (error) {
    assert.ok(error instanceof HpackError, error instanceof Error ? error.stack : String(error));
    return error.message.replaceAll(/\d+/g, 'N');
  }
}

const threeEntries = Buffer.from('4001610131 4001620132 4001630133'.replaceAll(' ', ''), 'hex');

function newestEntries(decoder: HpackDecoder): string[] {
  return [0xbe, 0xbf, 0xc0].flatMap((index) => {
    try {
      return [...decoder.decode(Buffer.of(index), 0, 1).fields];
    } catch {
      return ['none'];
    }
  });
}

function check(decoder: HpackDecoder, fields: readonly string[]): void {
  assert.ok(decoder.tableSizeBytes <= tableSizeBytesMax);
  assert.equal(fields.length % 2, 0);
  let sizeBytes = 0;
  for (let at = 0; at < fields.length; at += 2) sizeBytes += 32 + fields[at]!.length + fields[at + 1]!.length;
  assert.ok(sizeBytes <= listSizeBytesMax);
}

function encodeAgain(fields: readonly string[], random: RandomSource): void {
  const encoder = new HpackEncoder({ dynamicTableSizeBytesMax: randomInt(random, 5000) });
  const decoder = new HpackDecoder({ dynamicTableSizeBytesMax: 5000, headerListSizeBytesMax: 2 ** 20 });
  for (let count = 0; count < 2; count++) {
    const block = encoder.encode(fields);
    const decoded = decoder.decode(block, 0, block.length);
    assert.deepEqual(decoded.fields, fields);
    assert.equal(decoded.tooLarge, false);
    assert.equal(decoder.tableSizeBytes, encoder.tableSizeBytes);
    encoder.setTableSizeMax(randomInt(random, 4097));
  }
}
