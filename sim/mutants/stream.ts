import { mutant, type Mutant } from './mutant.js';

const outgoing = 'src/member/outgoing-snapshots.ts';
const incoming = 'src/member/incoming-snapshots.ts';
const arrival = 'src/member/snapshot-arrival.ts';
const rowStream = 'src/storage/backend/row-stream.ts';

/** Faults of the stream by which a state is brought to a member, where it breaks off, waits, or comes to a bound. */
export const streamMutants: readonly Mutant[] = [
  mutant(
    'offer-of-the-known-not-answered',
    'a member that is offered a snapshot of what it has already says nothing of it to Raft',
    incoming,
    "      step({ type: 'snapshot', from, to: id, term: 0, snapshot: offer.meta });\n      return undefined;",
    '      return undefined;',
  ),
  mutant(
    'log-cut-behind-an-opening-view',
    'the log is not kept for a view that is being opened',
    outgoing,
    "else if (phase === 'opening') oldest = 0;",
    "else if (phase === 'opening') oldest = Infinity;",
  ),
  mutant(
    'opening-views-not-counted',
    'views that are being opened do not count as such',
    outgoing,
    "if (phase === 'opening' || view !== undefined) count++;",
    "if (phase !== 'opening' && view !== undefined) count++;",
  ),
  mutant(
    'log-cut-behind-an-arrived-snapshot',
    'the log is not kept for who was brought a snapshot and has not caught up',
    outgoing,
    '    this.#catchingUp.set(transfer.to, { index, lagSizeBytes: this.#parts.sizeBytesBehind(index) });\n',
    '    this.#parts.sizeBytesBehind(index);\n',
  ),
  mutant(
    'views-held-on-a-full-disk',
    'no view is given up though the disk is nearly full',
    outgoing,
    '    if (most !== undefined) {\n      this.#giveUp(most, diskIsShort);\n      return;\n    }\n',
    '    if (most !== undefined) return;\n',
  ),
  mutant(
    'snapshot-tried-again-at-once',
    'a transfer that broke off is tried again without a wait',
    outgoing,
    'this.#isIdle(transfer) ? idleDelayMs : delayMs, () => this.#keep(transfer));',
    'this.#isIdle(transfer) ? idleDelayMs : 0 * delayMs, () => this.#keep(transfer));',
  ),
  mutant(
    'snapshot-taken-from-anyone',
    'a member whom somebody leads takes a snapshot of another',
    incoming,
    'if (raft.leader !== noMember) return from === raft.leader;',
    'if (raft.leader !== noMember) return true;',
  ),
  mutant(
    'sum-of-the-stream-unchecked',
    'the end of a snapshot may have the sum of another',
    rowStream,
    'if (chunks !== this.#chunks || sum !== this.#sum)',
    'if (chunks !== this.#chunks)',
  ),
  mutant(
    'resumed-one-chunk-before',
    'a transfer that is gone on with counts one chunk too few',
    rowStream,
    '    this.#at = mark;\n    this.#marks = [mark];',
    '    this.#at = { ...mark, chunks: Math.max(0, mark.chunks - 1) };\n    this.#marks = [mark];',
  ),
  mutant(
    'view-older-than-the-log',
    'a transfer goes on from a view that the log has left behind',
    outgoing,
    'transfer.view !== undefined && transfer.view.index + 1 < this.#parts.raft.firstIndex',
    'transfer.view !== undefined && transfer.view.index + 1 < 0',
  ),
  mutant(
    'view-open-after-it-was-given-up',
    'a view whose transfer was given up stays open',
    outgoing,
    '    this.#drop(transfer);\n    transfer.abort.abort(new Error(reason));\n  }\n\n  /** Ends them all.',
    '    transfer.view = undefined;\n    transfer.abort.abort(new Error(reason));\n  }\n\n  /** Ends them all.',
  ),
  mutant(
    'arrival-kept-for-ever',
    'what has arrived of a snapshot that broke off is kept until another comes',
    arrival,
    'clock.setTimer(keptMs, () => void this.abort());',
    'clock.setTimer(keptMs, () => {});',
  ),
  mutant(
    'state-may-grow-for-a-view',
    'a view is held however much the state grows for it',
    outgoing,
    'if (pinnedBytes > options.snapshotGrowthSizeBytesMax) {',
    'if (pinnedBytes > Infinity * options.snapshotGrowthSizeBytesMax) {',
  ),
];
