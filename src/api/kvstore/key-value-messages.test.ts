import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KvorumError } from '../../base/errors.js';
import { DeleteRequest, GetRequest, GetResponse, SetRequest } from '../../generated/kvstore_bytes.js';
import { decodeMessage, encodeMessage } from '../message.js';
import {
  decodeDeleteRequest,
  decodeGetRequest,
  decodeSetRequest,
  encodeGetResponse,
} from './key-value-messages.js';

/** What `decode` makes of the bytes, in a form that can be compared. */
function outcomeOf(decode: (bytes: Uint8Array) => object, bytes: Uint8Array): unknown {
  try {
    const fields = Object.entries(decode(bytes)) as [string, Uint8Array][];
    return fields.map(([name, value]) => [name, Buffer.from(value).toString('hex')]);
  } catch (error) {
    assert.ok(error instanceof KvorumError);
    return error.code;
  }
}

const field = fc
  .tuple(fc.constantFrom(0x0a, 0x12, 0x1a, 0x08, 0x00), fc.uint8Array({ maxLength: 300 }))
  .map(([tag, content]) => {
    const { length } = content;
    const head = length < 0x80 ? [tag, length] : [tag, (length & 0x7f) | 0x80, length >>> 7];
    return Buffer.concat([Uint8Array.from(head), content]);
  });
const fields = fc.array(field, { maxLength: 4 }).map((parts) => Buffer.concat(parts));
const anyBytes = fc.oneof(
  fields,
  fc.uint8Array({ maxLength: 12 }),
  fc.tuple(fields, fc.nat(40)).map(([bytes, cut]) => bytes.subarray(0, bytes.length - cut)),
);

describe('messages of proto.KeyValueStore', () => {
  it('are read as the generated code reads them', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        assert.deepEqual(
          outcomeOf(decodeSetRequest, bytes),
          outcomeOf((each) => decodeMessage(SetRequest, 'SetRequest', each), bytes),
        );
        const generatedGet = outcomeOf((each) => decodeMessage(GetRequest, 'GetRequest', each), bytes);
        assert.deepEqual(
          outcomeOf((each) => ({ key: decodeGetRequest(each).key }), bytes),
          generatedGet,
        );
        const generatedDelete = outcomeOf((each) => decodeMessage(DeleteRequest, '', each), bytes);
        assert.deepEqual(
          outcomeOf((each) => ({ key: decodeDeleteRequest(each).key }), bytes),
          generatedDelete,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('are read whatever their lengths take', () => {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 2 ** 21 - 1, 2 ** 21]) {
      const value = Buffer.alloc(length, 'v');
      const bytes = encodeMessage(SetRequest, { key: Buffer.from('k'), value });
      const read = decodeSetRequest(bytes);
      assert.equal(Buffer.from(read.key).toString(), 'k');
      assert.equal(Buffer.compare(read.value, value), 0);
      assert.equal(Buffer.compare(encodeGetResponse(value), encodeMessage(GetResponse, { value })), 0);
    }
  });
});
