import type { Work } from '../../base/work.js';
import type { Row } from '../../ports/backend.js';

/** What is passed over unread costs such a part of what is looked at. */
const passedOverPart = 1 / 16;

/** A longer key is put together of pieces, from a row for each (storage/backend/long-keys.ts)... */
const keyPieceSizeBytes = 2048;
/** ...which costs so many times what its bytes do: some 50 µs a piece. */
const longKeyFactor = 20;

/** Charges what a key costs to find or to write that is a long one. */
export function chargeLongKey(work: Work, key: Uint8Array): void {
  if (key.length > keyPieceSizeBytes) work.touch(longKeyFactor * key.length);
}

/** Charges a row of which `wantedSizeBytes` of the value are looked at: the same whether or not the rest came. */
export function chargeRow(work: Work, row: Row, wantedSizeBytes: number): void {
  const sizeBytes = row.wholeSizeBytes ?? row.value.length;
  const touchedSizeBytes = Math.min(sizeBytes, wantedSizeBytes);
  work.charge(row.key.length + touchedSizeBytes);
  chargeLongKey(work, row.key);
  work.touch((sizeBytes - touchedSizeBytes) * passedOverPart);
}
