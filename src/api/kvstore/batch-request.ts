import { emptyBytes } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';
import { WireReader } from '../../base/wire.js';
import type { Command } from '../../fsm/command.js';
import { BatchRequest, type Operation } from '../../generated/kvorum.js';
import { limitExceeded, type ApiLimits } from '../limits.js';
import { decodeMessage } from '../message.js';

export type BatchWrite = Extract<Command, { type: 'put' | 'delete-range' }>;

/** One operation of a Batch. A write is the command that goes into the log, its key and value not yet checked. */
export type BatchOperation =
  | BatchWrite
  | { readonly type: 'get'; readonly key: Uint8Array; readonly serializable: boolean }
  /** Cannot be done, whatever its key. */
  | { readonly type: 'refused'; readonly error: KvorumError };

const operationsTag = 0x0a;
/** Of Operation's fields. */
const putTag = 0x0a;
const getTag = 0x12;
const deleteTag = 0x1a;
const keyTag = 0x0a;
const valueTag = 0x12;
const putExpectedTag = 0x18;
const serializableTag = 0x10;
const deleteExpectedTag = 0x10;

/**
 * The operations of a BatchRequest; keys and values are views into `bytes`. Read in place; a request that holds
 * anything else than operations in the usual form is left to the generated code.
 *
 * @throws KvorumError INVALID_REQUEST, or LIMIT_EXCEEDED for more operations than `batchOperationsMax`
 */
export function decodeBatchRequest(bytes: Uint8Array, limits: ApiLimits): readonly BatchOperation[] {
  const read = readOperations(bytes, limits);
  if (read !== undefined) return read;
  const { operations } = decodeMessage(BatchRequest, 'BatchRequest', bytes);
  checkCount(operations.length, limits);
  return operations.map(toBatchOperation);
}

function checkCount(count: number, { batchOperationsMax }: ApiLimits): void {
  if (count <= batchOperationsMax) return;
  throw limitExceeded('batchOperationsMax', `the batch holds ${count} operations`, batchOperationsMax);
}

function readOperations(bytes: Uint8Array, limits: ApiLimits): readonly BatchOperation[] | undefined {
  const count = countOperations(bytes);
  if (count === undefined) return undefined;
  checkCount(count, limits);
  const reader = new WireReader(bytes);
  const operations: BatchOperation[] = [];
  while (reader.at < bytes.length) {
    reader.at++;
    const end = reader.contentEnd(bytes.length);
    const kindTag = bytes[reader.at++];
    if (reader.contentEnd(end) !== end) return undefined;
    const operation = readOperation(bytes, reader, kindTag, end);
    if (operation === undefined) return undefined;
    operations.push(operation);
  }
  return operations;
}

/** Before anything is made of them: a message has room for very many. */
function countOperations(bytes: Uint8Array): number | undefined {
  const reader = new WireReader(bytes);
  let count = 0;
  while (reader.at < bytes.length) {
    if (bytes[reader.at++] !== operationsTag) return undefined;
    const end = reader.contentEnd(bytes.length);
    if (end === -1) return undefined;
    reader.at = end;
    count++;
  }
  return count;
}

function readOperation(
  bytes: Uint8Array,
  reader: WireReader,
  kindTag: number | undefined,
  end: number,
): BatchOperation | undefined {
  switch (kindTag) {
    case putTag:
      return readPut(bytes, reader, end);
    case getTag:
      return readGet(bytes, reader, end);
    case deleteTag:
      return readDelete(bytes, reader, end);
    default:
      return undefined;
  }
}

function readPut(bytes: Uint8Array, reader: WireReader, end: number): BatchOperation | undefined {
  let key: Uint8Array = emptyBytes;
  let value: Uint8Array = emptyBytes;
  let expectedModRevision: Revision | undefined;
  while (reader.at < end) {
    const tag = bytes[reader.at++];
    if (tag === keyTag || tag === valueTag) {
      const contentEnd = reader.contentEnd(end);
      if (contentEnd === -1) return undefined;
      const content = reader.take(contentEnd);
      if (tag === keyTag) key = content;
      else value = content;
    } else {
      if (tag !== putExpectedTag) return undefined;
      expectedModRevision = reader.varint(end);
      if (expectedModRevision === -1) return undefined;
    }
  }
  return putOf(key, value, expectedModRevision);
}

function readGet(bytes: Uint8Array, reader: WireReader, end: number): BatchOperation | undefined {
  let key: Uint8Array = emptyBytes;
  let serializable = false;
  while (reader.at < end) {
    const tag = bytes[reader.at++];
    // A length, or the truth itself.
    const number = reader.varint(end);
    if (number === -1) return undefined;
    if (tag === keyTag && number <= end - reader.at) key = reader.take(reader.at + number);
    else if (tag === serializableTag) serializable = number !== 0;
    else return undefined;
  }
  return { type: 'get', key, serializable };
}

function readDelete(bytes: Uint8Array, reader: WireReader, end: number): BatchOperation | undefined {
  let key: Uint8Array = emptyBytes;
  let expectedModRevision: Revision | undefined;
  while (reader.at < end) {
    const tag = bytes[reader.at++];
    // A length, or the revision itself.
    const number = reader.varint(end);
    if (number === -1) return undefined;
    if (tag === keyTag && number <= end - reader.at) key = reader.take(reader.at + number);
    else if (tag === deleteExpectedTag) expectedModRevision = number;
    else return undefined;
  }
  return deleteOf(key, expectedModRevision);
}

function putOf(key: Uint8Array, value: Uint8Array, expectedModRevision: Revision | undefined): BatchWrite {
  return { type: 'put', key, value, lease: 0n, previous: false, expectedModRevision };
}

function deleteOf(key: Uint8Array, expectedModRevision: Revision | undefined): BatchWrite {
  return { type: 'delete-range', key, end: undefined, previous: false, expectedModRevision };
}

function toBatchOperation({ kind }: Operation, at: number): BatchOperation {
  if (kind === undefined) {
    const message = `operations[${at}] is of no kind that this member knows`;
    return { type: 'refused', error: new KvorumError('INVALID_REQUEST', message) };
  }
  if (kind.$case === 'get') return { type: 'get', ...kind.value };
  const { key, expectedModRevision: expected } = kind.value;
  if (expected !== undefined && (expected < 0n || expected > BigInt(Number.MAX_SAFE_INTEGER))) {
    const message = `expected_mod_revision cannot be a revision: ${expected}`;
    return { type: 'refused', error: new KvorumError('INVALID_REQUEST', message) };
  }
  const expectedModRevision = expected === undefined ? undefined : Number(expected);
  return kind.$case === 'put'
    ? putOf(key, kind.value.value, expectedModRevision)
    : deleteOf(key, expectedModRevision);
}
