import { ByteReader, ByteWriter } from '../base/byte-stream.js';
import { encodeUtf8 } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';
import type { Index, Term } from '../base/ids.js';
import type { Backend } from '../ports/backend.js';
import { indexMax, termMax } from '../raft/plausible.js';
import type { Entry } from '../raft/types.js';
import { checkEntry } from './entry-check.js';

/** One entry and no other: another one at its index is of another term, or has another checksum. */
export interface EntryName {
  readonly index: Index;
  readonly term: Term;
  /** CRC-32C over its type and bytes. */
  readonly checksum: number;
}

/** An entry that is to be taken for an empty one. */
export interface PassedOver extends EntryName {
  /** It is known that it could not be applied. Else it is passed over only if its bytes are no entry of ours. */
  readonly tried: boolean;
}

const typeNumbers = { normal: 0, config: 1, empty: 2 } as const;
const rowPrefix = encodeUtf8('passed-over/');
const rowEnd = encodeUtf8('passed-over0');

export function entryName({ index, term, type, data }: Entry): EntryName {
  return { index, term, checksum: crc32c(data, crc32c(Uint8Array.of(typeNumbers[type]))) };
}

/** `INDEX:TERM:CHECKSUM`, the checksum in eight hex digits. */
export function formatEntryName({ index, term, checksum }: EntryName): string {
  return `${index}:${term}:${checksum.toString(16).padStart(8, '0')}`;
}

/** @throws RangeError for what formatEntryName does not give, and for places where no entry can be */
export function parseEntryName(text: string): EntryName {
  const [index = '', term = '', checksum = '', ...rest] = text.split(':');
  const refuse = (rule: string): never => {
    throw new RangeError(`must be INDEX:TERM:CHECKSUM${rule}, not ${JSON.stringify(text.slice(0, 100))}`);
  };
  if (checksum === '' || rest.length > 0) refuse('');
  if (!isWholeNumber(index, 1, indexMax)) refuse(`, INDEX a whole number from 1 to ${indexMax}`);
  if (!isWholeNumber(term, 0, termMax)) refuse(`, TERM a whole number from 0 to ${termMax}`);
  if (!/^[0-9a-f]{8}$/.test(checksum)) refuse(', CHECKSUM eight hex digits in lower case');
  return { index: Number(index), term: Number(term), checksum: Number.parseInt(checksum, 16) };
}

function isWholeNumber(text: string, min: number, max: number): boolean {
  return /^\d{1,16}$/.test(text) && Number(text) >= min && Number(text) <= max;
}

export function sameEntry(one: EntryName, other: EntryName): boolean {
  return one.index === other.index && one.term === other.term && one.checksum === other.checksum;
}

/**
 * Entries that the operator has this member pass over. The state says of each that its effects are not in it, so that
 * two that passed over different ones are told apart, and whoever gets the state by a snapshot knows it too.
 */
export class PassedOverEntries {
  readonly #byIndex: ReadonlyMap<Index, PassedOver>;

  constructor(entries: readonly PassedOver[]) {
    this.#byIndex = new Map(entries.map((each) => [each.index, each]));
  }

  has(entry: Entry): boolean {
    if (this.#byIndex.size === 0) return false;
    const named = this.#byIndex.get(entry.index);
    if (named === undefined || !sameEntry(named, entryName(entry))) return false;
    return named.tried || !isWellFormed(entry);
  }
}

export function isWellFormed({ type, data }: Entry): boolean {
  try {
    checkEntry(type, data);
    return true;
  } catch {
    return false;
  }
}

/** Part of the state of whoever has passed over an entry. */
export function markPassedOver(backend: Backend, entry: Entry): void {
  const { index, term, checksum } = entryName(entry);
  const key = new ByteWriter(rowPrefix.length + 8).raw(rowPrefix).uint64(bigEndian(index)).finish();
  backend.put('meta', key, new ByteWriter(24).varint(index).varint(term).uint32(checksum).finish());
}

/** What the state says, in the order of the log. */
export function passedOverIn(backend: Pick<Backend, 'range'>): EntryName[] {
  return [...backend.range('meta', { start: rowPrefix, end: rowEnd })].map(({ value }) => {
    const reader = new ByteReader(value);
    return { index: reader.varint(), term: reader.varint(), checksum: reader.uint32() };
  });
}

/** Numbers are written with the lowest byte first, rows are in the order of their bytes. */
function bigEndian(index: Index): bigint {
  const bytes = new DataView(new ArrayBuffer(8));
  bytes.setBigUint64(0, BigInt(index));
  return bytes.getBigUint64(0, true);
}
