import { WireReader } from '../base/wire.js';
import type { KeyValue } from './results.js';

/** What a server says of one operation. */
export type BatchResult =
  | WriteResult
  | { readonly kind: 'get'; readonly pair: KeyValue | undefined }
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  /** Of no kind that this client knows. */
  | { readonly kind: 'unknown' };

export interface WriteResult {
  readonly kind: 'put' | 'delete';
  readonly revision: number;
  /** Of a delete. */
  readonly deleted: boolean;
  /** Set if another mod revision was expected. */
  readonly foundModRevision: number | undefined;
}

const resultsTag = 0x0a;
/** Of OperationResult's fields. */
const putTag = 0x0a;
const getTag = 0x12;
const deleteTag = 0x1a;
const revisionTag = 0x08;
const foundTags = { put: 0x10, delete: 0x18 } as const;
const deletedTag = 0x10;
const pairTag = 0x0a;
const keyTag = 0x0a;
const valueTag = 0x12;
const createRevisionTag = 0x18;
const modRevisionTag = 0x20;
const versionTag = 0x28;

const noBytes: Buffer = Buffer.alloc(0);

/**
 * The results of a BatchResponse; keys and values are views into `bytes`. Read in place.
 *
 * @returns undefined for what holds anything else than a server writes for operations that were done: that is left to
 * the generated code, which most programs never need to load
 */
export function readBatchResponse(bytes: Buffer): readonly BatchResult[] | undefined {
  const reader = new WireReader(bytes);
  const results: BatchResult[] = [];
  while (reader.at < bytes.length) {
    if (bytes[reader.at++] !== resultsTag) return undefined;
    const end = reader.contentEnd(bytes.length);
    if (end === -1) return undefined;
    const kindTag = bytes[reader.at++];
    if (reader.contentEnd(end) !== end) return undefined;
    const result = readResult(bytes, reader, kindTag, end);
    if (result === undefined) return undefined;
    results.push(result);
  }
  return results;
}

function readResult(
  bytes: Buffer,
  reader: WireReader,
  kindTag: number | undefined,
  end: number,
): BatchResult | undefined {
  switch (kindTag) {
    case putTag:
      return readWrite(bytes, reader, 'put', end);
    case getTag: {
      if (reader.at === end) return { kind: 'get', pair: undefined };
      if (bytes[reader.at++] !== pairTag || reader.contentEnd(end) !== end) return undefined;
      const pair = readPair(bytes, reader, end);
      return pair && { kind: 'get', pair };
    }
    case deleteTag:
      return readWrite(bytes, reader, 'delete', end);
    default:
      return undefined;
  }
}

function readWrite(
  bytes: Buffer,
  reader: WireReader,
  kind: WriteResult['kind'],
  end: number,
): WriteResult | undefined {
  let revision = 0;
  let deleted = false;
  let foundModRevision: number | undefined;
  while (reader.at < end) {
    const tag = bytes[reader.at++];
    const number = reader.varint(end);
    if (number === -1) return undefined;
    if (tag === revisionTag) revision = number;
    else if (tag === foundTags[kind]) foundModRevision = number;
    else if (tag === deletedTag && kind === 'delete') deleted = number > 0;
    else return undefined;
  }
  return { kind, revision, deleted, foundModRevision };
}

function readPair(bytes: Buffer, reader: WireReader, end: number): KeyValue | undefined {
  const pair = { key: noBytes, value: noBytes, createRevision: 0, modRevision: 0, version: 0 };
  while (reader.at < end) {
    const tag = bytes[reader.at++];
    // A length, or the number itself.
    const number = reader.varint(end);
    if (number === -1) return undefined;
    if (tag === keyTag || tag === valueTag) {
      const from = reader.at;
      reader.at += number;
      if (reader.at > end) return undefined;
      pair[tag === keyTag ? 'key' : 'value'] = bytes.subarray(from, reader.at);
    } else if (tag === createRevisionTag) pair.createRevision = number;
    else if (tag === modRevisionTag) pair.modRevision = number;
    else if (tag === versionTag) pair.version = number;
    else return undefined;
  }
  return pair;
}
