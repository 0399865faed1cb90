import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { KvorumError } from '../base/errors.js';
import { BatchRequest, RangeRequest } from '../generated/kvorum.js';
import { JoinRequest } from '../generated/kvstore.js';
import { SetRequest } from '../generated/kvstore_bytes.js';
import { decodeMessage, encodeMessage, type MessageType } from './message.js';

const types: readonly [string, MessageType<unknown>][] = [
  ['SetRequest', SetRequest],
  ['JoinRequest', JoinRequest],
  ['BatchRequest', BatchRequest],
  ['RangeRequest', RangeRequest],
];

describe('decodeMessage', () => {
  it('reads any bytes as a message or refuses them as INVALID_REQUEST', () => {
    const decodes = (bytes: Uint8Array): void => {
      for (const [name, type] of types) {
        try {
          encodeMessage(type, decodeMessage(type, name, bytes));
        } catch (error) {
          assert.ok(error instanceof KvorumError && error.code === 'INVALID_REQUEST', String(error));
        }
      }
    };
    // Bytes as they come, and bytes that begin like a field.
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), decodes), { numRuns: 500 });
    const field = fc.tuple(
      fc.constantFrom(0x0a, 0x12, 0x19, 0x20),
      fc.nat({ max: 12 }),
      fc.uint8Array({ maxLength: 12 }),
    );
    const fields = fc.array(field, { maxLength: 4 });
    const bytesOf = (parts: [number, number, Uint8Array][]): Uint8Array =>
      Uint8Array.from(parts.flatMap(([tag, length, content]) => [tag, length, ...content]));
    fc.assert(fc.property(fields.map(bytesOf), decodes), { numRuns: 500 });
  });

  it('reads what was encoded', () => {
    const bytes = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bytes, bytes, (key, value) => {
        const message = { key, value };
        assert.deepEqual(
          decodeMessage(SetRequest, 'SetRequest', encodeMessage(SetRequest, message)),
          message,
        );
      }),
    );
  });
});
