import { assert } from '../../base/assert.js';
import type { ErrorCode } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';
import { fieldSizeBytes, varintSizeBytes, writeVarint } from '../../base/wire.js';
import type { KeyValue } from '../../fsm/command.js';
import {
  bytesSizeBytes,
  numberSizeBytes,
  pairFieldSizeBytes,
  writeBytes,
  writeNumber,
  writePairField,
} from './answer-fields.js';

/** What is answered to one operation of a Batch. A write that was done has the state machine's result as it is. */
export type BatchResult =
  | { readonly type: 'put'; readonly revision: Revision; readonly foundModRevision?: Revision }
  | {
      readonly type: 'delete-range';
      readonly revision: Revision;
      readonly deletedCount: number;
      readonly foundModRevision?: Revision;
    }
  | { readonly type: 'get'; readonly pair: KeyValue | undefined }
  | { readonly type: 'error'; readonly code: ErrorCode; readonly message: string };

const resultsTag = 0x0a;
/** Of OperationResult's fields. */
const kindTags = { put: 0x0a, get: 0x12, 'delete-range': 0x1a, error: 0x22 } as const;

/** BatchResponse, straight into one buffer. */
export function encodeBatchResponse(results: readonly BatchResult[]): Uint8Array {
  let sizeBytes = 0;
  for (const result of results) sizeBytes += fieldSizeBytes(fieldSizeBytes(contentSizeBytes(result)));
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for (const result of results) {
    const contentBytes = contentSizeBytes(result);
    bytes[at++] = resultsTag;
    at = writeVarint(bytes, at, fieldSizeBytes(contentBytes));
    bytes[at++] = kindTags[result.type];
    at = writeVarint(bytes, at, contentBytes);
    at = writeContent(bytes, at, result);
  }
  assert(at === sizeBytes, 'a response is as long as its results');
  return bytes;
}

function contentSizeBytes(result: BatchResult): number {
  switch (result.type) {
    case 'put':
      return numberSizeBytes(result.revision) + foundSizeBytes(result.foundModRevision);
    case 'delete-range':
      return (
        numberSizeBytes(result.revision) +
        numberSizeBytes(result.deletedCount) +
        foundSizeBytes(result.foundModRevision)
      );
    case 'get':
      return result.pair === undefined ? 0 : pairFieldSizeBytes(result.pair);
    case 'error':
      return (
        bytesSizeBytes(Buffer.byteLength(result.code)) + bytesSizeBytes(Buffer.byteLength(result.message))
      );
  }
}

function writeContent(bytes: Buffer, from: number, result: BatchResult): number {
  switch (result.type) {
    case 'put':
      return writeFound(
        bytes,
        writeNumber(bytes, from, 0x08, result.revision),
        0x10,
        result.foundModRevision,
      );
    case 'delete-range': {
      const at = writeNumber(
        bytes,
        writeNumber(bytes, from, 0x08, result.revision),
        0x10,
        result.deletedCount,
      );
      return writeFound(bytes, at, 0x18, result.foundModRevision);
    }
    case 'get':
      return result.pair === undefined ? from : writePairField(bytes, from, result.pair);
    case 'error':
      return writeText(bytes, writeText(bytes, from, 0x0a, result.code), 0x12, result.message);
  }
}

// What was found is told also when it is 0: then there is no such key.

function foundSizeBytes(value: number | undefined): number {
  return value === undefined ? 0 : 1 + varintSizeBytes(value);
}

function writeFound(bytes: Buffer, at: number, tag: number, value: number | undefined): number {
  if (value === undefined) return at;
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, value);
}

function writeText(bytes: Buffer, at: number, tag: number, text: string): number {
  return text === '' ? at : writeBytes(bytes, at, tag, Buffer.from(text));
}
