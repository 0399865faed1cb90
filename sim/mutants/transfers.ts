import { mutant, type Mutant } from './mutant.js';
import { streamMutants } from './stream.js';

const rowStream = 'src/storage/backend/row-stream.ts';

/** Faults of snapshots on their way, from the view that they are read from to the state that takes the place of another. */
export const transferMutants: readonly Mutant[] = [
  mutant(
    'damaged-snapshot-accepted',
    'the sum of a received chunk is not looked at',
    rowStream,
    'const found = crc32(bytes, this.#sum);',
    'const found = sum;',
  ),
  mutant(
    'snapshot-without-membership',
    'a snapshot leaves out who the members are',
    rowStream,
    '        const row = next.value;\n',
    "        const row = next.value;\n        if (row.table === 'meta' && row.key[0] === 0x6d) continue;\n",
  ),
  mutant(
    'resumed-at-the-wrong-row',
    'a transfer that is gone on with leaves out a row',
    rowStream,
    '    this.#part = undefined;\n    if (mark.partBytes > 0) {',
    '    this.#part = undefined;\n    if (mark.behind !== undefined && mark.partBytes === 0) this.#rows.next();\n    if (mark.partBytes > 0) {',
  ),
  mutant(
    'state-without-its-log-accepted',
    'a state whose log has lost its end is taken for one that a snapshot has just brought',
    'src/member/log-fit.ts',
    'return isInstalled ? {',
    'return isInstalled || applied.index >= 0 ? {',
  ),
  mutant(
    'installed-state-not-known',
    'a state that a snapshot has just brought is taken for one whose log has lost its end',
    'src/member/log-fit.ts',
    'return isInstalled ? {',
    'return isInstalled && applied.index < 0 ? {',
  ),
  mutant(
    'damaged-snapshot-sent-for-ever',
    'a view whose rows have arrived damaged is sent again and again',
    'src/member/outgoing-snapshots.ts',
    '.isUseless === true || isDamage(error) || isRefused)',
    '.isUseless === true || isRefused)',
  ),
  mutant(
    'second-snapshot-beside-the-first',
    'a second snapshot may begin to arrive while the first is put in place',
    'src/member/incoming-snapshots.ts',
    'if (this.#closed || raft.installing || this.#whole !== undefined) return undefined;',
    'if (this.#closed) return undefined;',
  ),
  mutant(
    'reserve-taken-for-a-snapshot',
    'an arriving snapshot takes the disk space that the log has in reserve',
    'src/member/transfer-space.ts',
    'if (freeBytes - sizeBytes >= this.#reserveSizeBytes) return;',
    'if (freeBytes - sizeBytes >= 0) return;',
  ),
  mutant(
    'view-kept-for-ever',
    'a view whose transfer broke off, and is not gone on with, stays open',
    'src/member/outgoing-snapshots.ts',
    'setTimer(options.snapshotKeptMs, () => this.#drop(transfer));',
    'setTimer(options.snapshotKeptMs, () => void this.#transfers.delete(transfer.to));',
  ),
  ...streamMutants,
];
