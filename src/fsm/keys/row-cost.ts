import type { Work } from '../../base/work.js';
import type { Row } from '../../ports/backend.js';

/** What is passed over unread costs such a part of what is looked at. */
const passedOverPart = 1 / 16;

/** Charges a row of which `wantedSizeBytes` of the value are looked at: the same whether or not the rest came. */
export function chargeRow(work: Work, row: Row, wantedSizeBytes: number): void {
  const sizeBytes = row.wholeSizeBytes ?? row.value.length;
  const touchedSizeBytes = Math.min(sizeBytes, wantedSizeBytes);
  work.charge(row.key.length + touchedSizeBytes);
  work.touch((sizeBytes - touchedSizeBytes) * passedOverPart);
}
