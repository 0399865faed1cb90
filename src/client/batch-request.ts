import { assert } from '../base/assert.js';
import { fieldSizeBytes, varintSizeBytes, writeVarint } from '../base/wire.js';
import type { OperationKind, PendingOperation } from './operation.js';

/** What stands in a request of an operation. */
export type RequestedOperation = Pick<
  PendingOperation,
  'kind' | 'key' | 'keySizeBytes' | 'value' | 'valueSizeBytes' | 'serializable' | 'expectedModRevision'
>;

const operationsTag = 0x0a;
/** Of Operation's fields, one for each kind. */
const kindTags: Record<OperationKind, number> = { put: 0x0a, get: 0x12, delete: 0x1a };
const keyTag = 0x0a;
const valueTag = 0x12;
const serializableTag = 0x10;
const expectedTags = { put: 0x18, delete: 0x10 } as const;

/** BatchRequest, from the texts straight into one buffer: an operation is not worth objects of its own. */
export function encodeBatchRequest(operations: readonly RequestedOperation[]): Buffer {
  let sizeBytes = 0;
  for (const operation of operations)
    sizeBytes += fieldSizeBytes(fieldSizeBytes(contentSizeBytes(operation)));
  const bytes = Buffer.allocUnsafeSlow(sizeBytes);
  let at = 0;
  for (const operation of operations) {
    const contentBytes = contentSizeBytes(operation);
    bytes[at++] = operationsTag;
    at = writeVarint(bytes, at, fieldSizeBytes(contentBytes));
    bytes[at++] = kindTags[operation.kind];
    at = writeVarint(bytes, at, contentBytes);
    at = writeContent(bytes, at, operation);
  }
  assert(at === sizeBytes, 'a request is as long as its operations');
  return bytes;
}

/** Of Put, Get or Delete. */
function contentSizeBytes(operation: RequestedOperation): number {
  const { kind, expectedModRevision } = operation;
  let sizeBytes = bytesFieldSizeBytes(sizeBytesNow(operation.key, operation.keySizeBytes));
  if (kind === 'get') return sizeBytes + (operation.serializable ? 2 : 0);
  if (kind === 'put')
    sizeBytes += bytesFieldSizeBytes(sizeBytesNow(operation.value, operation.valueSizeBytes));
  return expectedModRevision === undefined ? sizeBytes : sizeBytes + 1 + varintSizeBytes(expectedModRevision);
}

function writeContent(bytes: Buffer, from: number, operation: RequestedOperation): number {
  const { kind, expectedModRevision } = operation;
  let at = writeBytesField(bytes, from, keyTag, operation.key, operation.keySizeBytes);
  if (kind === 'get') {
    if (!operation.serializable) return at;
    bytes[at++] = serializableTag;
    bytes[at++] = 1;
    return at;
  }
  if (kind === 'put') at = writeBytesField(bytes, at, valueTag, operation.value, operation.valueSizeBytes);
  if (expectedModRevision === undefined) return at;
  bytes[at++] = expectedTags[kind];
  return writeVarint(bytes, at, expectedModRevision);
}

/** Bytes are the caller's, and may have become fewer (a buffer that was transferred) since the call. */
function sizeBytesNow(given: string | Uint8Array, sizeBytes: number): number {
  return typeof given === 'string' ? sizeBytes : given.length;
}

/** An empty field is left out. */
function bytesFieldSizeBytes(sizeBytes: number): number {
  return sizeBytes === 0 ? 0 : fieldSizeBytes(sizeBytes);
}

function writeBytesField(
  bytes: Buffer,
  from: number,
  tag: number,
  given: string | Uint8Array,
  sizeBytesThen: number,
): number {
  const sizeBytes = sizeBytesNow(given, sizeBytesThen);
  if (sizeBytes === 0) return from;
  bytes[from] = tag;
  const at = writeVarint(bytes, from + 1, sizeBytes);
  if (typeof given !== 'string') bytes.set(given, at);
  // As many bytes as characters: ASCII.
  else if (sizeBytes === given.length) bytes.write(given, at, sizeBytes, 'latin1');
  else bytes.write(given, at, sizeBytes);
  return at + sizeBytes;
}
