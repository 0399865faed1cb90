import { assert } from '../../base/assert.js';
import type { Revision } from '../../base/ids.js';
import { Slab } from '../../base/slab.js';
import type { KeyValue } from '../command.js';

/** Keys of rows: the backend lets them go together, when it has them on disk. */
const slab = new Slab();

/** Where in the history of the store something happened: revision, then order within it. */
export interface Place {
  readonly revision: Revision;
  readonly sub: number;
}

/** Of a version's row: what stands before the value. */
export const versionHeadSizeBytes = 37;
/** Of a version's row: where its place stands, and how many versions of its key there were with it. */
export const versionPlaceAt = 9;
export const versionNumberAt = 21;

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

export function versionSizeBytes(record: VersionRecord): number {
  return versionHeadSizeBytes + record.value.length;
}

/** Into zeros of versionSizeBytes() at `at`. */
export function writeVersion(bytes: Uint8Array, at: number, record: VersionRecord): void {
  bytes[at] = record.deleted ? 1 : 0;
  writeUint53(bytes, at + 1, record.createRevision);
  writePlace(bytes, at + versionPlaceAt, record.mod);
  writeUint53(bytes, at + versionNumberAt, record.version);
  if (record.lease !== 0n) viewOf(bytes).setBigUint64(at + 29, BigInt.asUintN(64, record.lease));
  bytes.set(record.value, at + versionHeadSizeBytes);
}

export function decodeVersion(row: Uint8Array): VersionRecord {
  const { createRevision, mod, version } = decodeLineage(row);
  const value = row.subarray(versionHeadSizeBytes);
  return { deleted: row[0] === 1, createRevision, mod, version, lease: readLease(row, 29), value };
}

/** What the next version of a key follows from. */
export type Lineage = Pick<VersionRecord, 'createRevision' | 'mod' | 'version'>;

/** A part of decodeVersion, for the many puts that look at no value. */
export function decodeLineage(row: Uint8Array): Lineage {
  return {
    createRevision: readUint53(row, 1),
    mod: readPlace(row, versionPlaceAt),
    version: readUint53(row, versionNumberAt),
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

export const placeSizeBytes = 12;

export function isBefore(left: Place, right: Place): boolean {
  return left.revision < right.revision || (left.revision === right.revision && left.sub < right.sub);
}

/** isBefore for a place that stands in `bytes`. */
export function isBeforeAt(bytes: Uint8Array, at: number, right: Place): boolean {
  const revision = readUint53(bytes, at);
  return revision < right.revision || (revision === right.revision && readUint32(bytes, at + 8) < right.sub);
}

export function isSamePlace(left: Place, right: Place): boolean {
  return left.revision === right.revision && left.sub === right.sub;
}

/** Key of the table `revisions`: sorts in the order of time. */
export function placeKey(place: Place): Uint8Array {
  const bytes = slab.take(placeSizeBytes);
  writePlace(bytes, 0, place);
  return bytes;
}

export function writePlace(bytes: Uint8Array, at: number, place: Place): void {
  writeUint53(bytes, at, place.revision);
  writeUint32(bytes, at + 8, place.sub);
}

export function readPlace(bytes: Uint8Array, at: number): Place {
  return { revision: readUint53(bytes, at), sub: readUint32(bytes, at + 8) };
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
  const prefixEnd = row.length - placeSizeBytes;
  const key = new Uint8Array(prefixEnd);
  let length = 0;
  for (let at = 0; at < prefixEnd - 2; at++) {
    key[length++] = row[at]!;
    if (row[at] === 0) at++;
  }
  return { key: key.subarray(0, length), place: readPlace(row, prefixEnd) };
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

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  assert(at + 4 <= bytes.length, 'a row is whole');
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}
