import { assert } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import { Slab } from '../../base/slab.js';
import type { KeyValue } from '../command.js';

/** Rows and their keys: the backend lets them go together, when it has them on disk. */
const slab = new Slab();

/** Where in the history of the store something happened: revision, then order within it. */
export interface Place {
  readonly revision: Revision;
  readonly sub: number;
}

const recordHeadSizeBytes = 37;

/** A version of a key as it is stored: 1 byte kind, then revisions, lease and value. */
export interface VersionRecord {
  /** A tombstone: the key was deleted here. */
  readonly deleted: boolean;
  readonly createRevision: Revision;
  readonly mod: Place;
  readonly version: number;
  readonly lease: bigint;
  /** A view into the row. */
  readonly value: Uint8Array;
}

export function encodeVersion(record: VersionRecord): Uint8Array {
  const bytes = slab.take(recordHeadSizeBytes + record.value.length);
  bytes[0] = record.deleted ? 1 : 0;
  writeUint53(bytes, 1, record.createRevision);
  writeUint53(bytes, 9, record.mod.revision);
  writeUint32(bytes, 17, record.mod.sub);
  writeUint53(bytes, 21, record.version);
  if (record.lease !== 0n) viewOf(bytes).setBigUint64(29, BigInt.asUintN(64, record.lease));
  bytes.set(record.value, recordHeadSizeBytes);
  return bytes;
}

export function decodeVersion(row: Uint8Array): VersionRecord {
  const { createRevision, mod, version } = decodeLineage(row);
  const value = row.subarray(recordHeadSizeBytes);
  return { deleted: row[0] === 1, createRevision, mod, version, lease: readLease(row, 29), value };
}

/** What the next version of a key follows from. */
export type Lineage = Pick<VersionRecord, 'createRevision' | 'mod' | 'version'>;

/** A part of decodeVersion, for the many puts that look at no value. */
export function decodeLineage(row: Uint8Array): Lineage {
  return {
    createRevision: readUint53(row, 1),
    mod: { revision: readUint53(row, 9), sub: readUint32(row, 17) },
    version: readUint53(row, 21),
  };
}

/** Most keys have none: no view and no big number for them. */
function readLease(row: Uint8Array, at: number): bigint {
  if (readUint32(row, at) === 0 && readUint32(row, at + 4) === 0) return 0n;
  return BigInt.asIntN(64, viewOf(row).getBigUint64(at));
}

export function toKeyValue(key: Uint8Array, record: VersionRecord, keysOnly: boolean): KeyValue {
  return {
    key,
    value: keysOnly ? new Uint8Array(0) : record.value,
    createRevision: record.createRevision,
    modRevision: record.mod.revision,
    version: record.version,
    lease: record.lease,
  };
}

/** One change, in the order in which changes happened. */
export interface ChangeRecord {
  readonly deleted: boolean;
  /** The version of the key that it ended; revision 0: there was none. */
  readonly previous: Place;
  readonly key: Uint8Array;
}

const changeHeadSizeBytes = 13;

export function encodeChange(record: ChangeRecord): Uint8Array {
  const bytes = slab.take(changeHeadSizeBytes + record.key.length);
  bytes[0] = record.deleted ? 1 : 0;
  writeUint53(bytes, 1, record.previous.revision);
  writeUint32(bytes, 9, record.previous.sub);
  bytes.set(record.key, changeHeadSizeBytes);
  return bytes;
}

export function decodeChange(row: Uint8Array): ChangeRecord {
  return {
    deleted: row[0] === 1,
    previous: { revision: readUint53(row, 1), sub: readUint32(row, 9) },
    key: row.subarray(changeHeadSizeBytes),
  };
}

const placeSizeBytes = 12;

/** Key of the table `revisions`: sorts in the order of time. */
export function placeKey(place: Place): Uint8Array {
  const bytes = slab.take(placeSizeBytes);
  writePlace(bytes, 0, place);
  return bytes;
}

function writePlace(bytes: Uint8Array, at: number, place: Place): void {
  writeUint53(bytes, at, place.revision);
  writeUint32(bytes, at + 8, place.sub);
}

export function decodePlaceKey(key: Uint8Array): Place {
  return { revision: readUint53(key, 0), sub: readUint32(key, 8) };
}

/**
 * Key of the table `history`: the user's key, then the place. Zero bytes become 00 FF and the key ends with
 * 00 01, so that rows sort by key first, whatever bytes it has.
 */
export function historyKey(key: Uint8Array, place: Place): Uint8Array {
  const prefixSizeBytes = historyPrefixSizeBytes(key);
  const bytes = slab.take(prefixSizeBytes + placeSizeBytes);
  writeHistoryPrefix(bytes, key);
  writePlace(bytes, prefixSizeBytes, place);
  return bytes;
}

/** What all history rows of a key begin with. */
export function historyPrefix(key: Uint8Array): Uint8Array {
  const bytes = slab.take(historyPrefixSizeBytes(key));
  writeHistoryPrefix(bytes, key);
  return bytes;
}

function historyPrefixSizeBytes(key: Uint8Array): number {
  let sizeBytes = key.length + 2;
  for (let at = 0; at < key.length; at++) if (key[at] === 0) sizeBytes++;
  return sizeBytes;
}

function writeHistoryPrefix(bytes: Uint8Array, key: Uint8Array): void {
  let to = 0;
  for (let at = 0; at < key.length; at++) {
    const byte = key[at]!;
    bytes[to++] = byte;
    if (byte === 0) bytes[to++] = 0xff;
  }
  bytes[to] = 0;
  bytes[to + 1] = 1;
}

export function decodeHistoryKey(row: Uint8Array): { readonly key: Uint8Array; readonly place: Place } {
  const prefixEnd = row.length - 12;
  const key = new Uint8Array(prefixEnd);
  let length = 0;
  for (let at = 0; at < prefixEnd - 2; at++) {
    key[length++] = row[at]!;
    if (row[at] === 0) at++;
  }
  return { key: key.subarray(0, length), place: decodePlaceKey(row.subarray(prefixEnd)) };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Big-endian, so that byte order is the order of numbers. */
export function writeUint53(bytes: Uint8Array, at: number, value: number): void {
  writeUint32(bytes, at, Math.floor(value / 0x1_0000_0000));
  writeUint32(bytes, at + 4, value >>> 0);
}

export function readUint53(bytes: Uint8Array, at: number): number {
  return readUint32(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 4);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function readUint32(bytes: Uint8Array, at: number): number {
  assert(at + 4 <= bytes.length, 'a row is whole');
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
