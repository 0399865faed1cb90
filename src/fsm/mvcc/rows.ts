import type { Revision } from '../../base/ids.js';
import type { KeyValue } from '../command.js';

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
  const bytes = new Uint8Array(recordHeadSizeBytes + record.value.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, record.deleted ? 1 : 0);
  writeUint53(view, 1, record.createRevision);
  writeUint53(view, 9, record.mod.revision);
  view.setUint32(17, record.mod.sub);
  writeUint53(view, 21, record.version);
  view.setBigUint64(29, BigInt.asUintN(64, record.lease));
  bytes.set(record.value, recordHeadSizeBytes);
  return bytes;
}

export function decodeVersion(row: Uint8Array): VersionRecord {
  const view = viewOf(row);
  return {
    deleted: view.getUint8(0) === 1,
    createRevision: readUint53(view, 1),
    mod: { revision: readUint53(view, 9), sub: view.getUint32(17) },
    version: readUint53(view, 21),
    lease: BigInt.asIntN(64, view.getBigUint64(29)),
    value: row.subarray(recordHeadSizeBytes),
  };
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
  const bytes = new Uint8Array(changeHeadSizeBytes + record.key.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, record.deleted ? 1 : 0);
  writeUint53(view, 1, record.previous.revision);
  view.setUint32(9, record.previous.sub);
  bytes.set(record.key, changeHeadSizeBytes);
  return bytes;
}

export function decodeChange(row: Uint8Array): ChangeRecord {
  const view = viewOf(row);
  return {
    deleted: view.getUint8(0) === 1,
    previous: { revision: readUint53(view, 1), sub: view.getUint32(9) },
    key: row.subarray(changeHeadSizeBytes),
  };
}

/** Key of the table `revisions`: sorts in the order of time. */
export function placeKey(place: Place): Uint8Array {
  const bytes = new Uint8Array(12);
  const view = new DataView(bytes.buffer);
  writeUint53(view, 0, place.revision);
  view.setUint32(8, place.sub);
  return bytes;
}

export function decodePlaceKey(key: Uint8Array): Place {
  const view = viewOf(key);
  return { revision: readUint53(view, 0), sub: view.getUint32(8) };
}

/**
 * Key of the table `history`: the user's key, then the place. Zero bytes become 00 FF and the key ends with
 * 00 01, so that rows sort by key first, whatever bytes it has.
 */
export function historyKey(key: Uint8Array, place: Place): Uint8Array {
  const prefix = historyPrefix(key);
  const bytes = new Uint8Array(prefix.length + 12);
  bytes.set(prefix);
  bytes.set(placeKey(place), prefix.length);
  return bytes;
}

/** What all history rows of a key begin with. */
export function historyPrefix(key: Uint8Array): Uint8Array {
  let zeros = 0;
  for (const byte of key) if (byte === 0) zeros++;
  const bytes = new Uint8Array(key.length + zeros + 2);
  let at = 0;
  for (const byte of key) {
    bytes[at++] = byte;
    if (byte === 0) bytes[at++] = 0xff;
  }
  bytes[at] = 0;
  bytes[at + 1] = 1;
  return bytes;
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

export function writeUint53(view: DataView, at: number, value: number): void {
  view.setUint32(at, Math.floor(value / 0x1_0000_0000));
  view.setUint32(at + 4, value >>> 0);
}

export function readUint53(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}
