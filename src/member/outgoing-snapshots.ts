import { isDamage } from '../base/errors.js';
import type { FeatureLevel } from '../base/feature-levels.js';
import { formatId, type Index, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { RandomSource } from '../base/prng.js';
import type { Backend } from '../ports/backend.js';
import type { Clock, Timer } from '../ports/clock.js';
import { SnapshotRefusedError, type Peers } from '../ports/peers.js';
import type { Raft } from '../raft/raft.js';
import { AttemptFailure } from './attempt-failure.js';
import type { MemberOptions } from './options.js';
import { SnapshotView } from './snapshot-view.js';
import { StallWatch } from './stall-watch.js';
import { TransferProgress, type Progress } from './transfer-progress.js';
import type { TransferSpace } from './transfer-space.js';
import { UnderWay } from './under-way.js';

type OutgoingOptions = Pick<
  MemberOptions,
  | 'snapshotChunkSizeBytes'
  | 'snapshotViewsMax'
  | 'snapshotKeptMs'
  | 'snapshotStallMs'
  | 'snapshotGrowthSizeBytesMax'
>;

interface Parts {
  readonly raft: Raft;
  readonly backend: Backend;
  readonly peers: Peers;
  readonly space: TransferSpace;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly options: OutgoingOptions;
  /** Of the cluster, as of what is applied here. */
  readonly featureLevel: () => FeatureLevel;
  /** What was appended to the log behind an index. */
  readonly sizeBytesBehind: (index: Index) => number;
  /** Of the log, what would be forgotten if it were not kept behind an index. */
  readonly heldLogSizeBytes: (index: Index) => number;
  /** Runs the member's loop soon. */
  readonly schedule: () => void;
  /** Stops the member: its own state is damaged. */
  readonly failed: (error: unknown) => void;
}

/** To one member. */
interface Transfer {
  readonly to: MemberId;
  /** `waiting`: it broke off, and Raft is told so soon. `kept`: Raft was told, and may ask for it again. */
  phase: 'opening' | 'sending' | 'waiting' | 'kept';
  abort: AbortController;
  view: SnapshotView | undefined;
  progress: TransferProgress | undefined;
  /** Attempts, one after the other, that brought nothing. */
  failures: number;
  readonly failure: AttemptFailure;
  /** When the other end took something of the view at last, or it was opened. */
  advancedMs: number;
  keptTimer: Timer | undefined;
}

/** Between two attempts to bring a snapshot to one member: after one that brought nothing, twice as long as before. */
const retryDelayMs = 500;
const retryDelayMsMax = 4000;

/** After one that has brought nothing for long: whoever waits for a view asks before. */
const idleDelayMs = 2 * retryDelayMsMax;

const diskIsShort = 'the disk is nearly full';

/** What a member lacks that was brought the state at `index`. */
function neededBehind(index: Index, row: { readonly match: Index } | undefined): Index {
  return Math.max(index, row?.match ?? 0);
}

/**
 * This member's state on its way to members whose entries are gone from the log: to each from a view of its own, without a
 * file. A transfer that breaks off goes on from the same view, as long as that is kept.
 */
export class OutgoingSnapshots {
  readonly #parts: Parts;
  readonly #transfers = new Map<MemberId, Transfer>();
  /**
   * Members that were brought a snapshot, its index, and how far they lay behind when they had it: until they have
   * caught up, the log goes back to there.
   */
  readonly #catchingUp = new Map<MemberId, { readonly index: Index; readonly lagSizeBytes: number }>();
  /** Views that are being opened, and what else must end before the state is closed. */
  readonly #underWay = new UnderWay();
  #isLooking = false;
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The log is still needed behind this index, for those that will go on from their snapshot. */
  get oldestNeededIndex(): Index {
    let oldest = Infinity;
    for (const { phase, view } of this.#transfers.values()) {
      if (view !== undefined) oldest = Math.min(oldest, view.index);
      else if (phase === 'opening') oldest = 0;
    }
    return oldest;
  }

  /**
   * Forgets the members that were brought a snapshot and have caught up, or gone.
   * @returns what the others need; Infinity where there are none. Were the log cut before they have its entries, they
   * would need another snapshot, and so on without end.
   */
  dropCaughtUp(): Index {
    if (this.#catchingUp.size === 0) return Infinity;
    const { progress, commit } = this.#parts.raft.status();
    let oldest = Infinity;
    for (const [id, { index }] of this.#catchingUp) {
      const row = progress.get(id);
      if (row === undefined || !row.recentActive || row.match >= commit) this.#catchingUp.delete(id);
      else oldest = Math.min(oldest, neededBehind(index, row));
    }
    return oldest;
  }

  /** Of those that were brought a snapshot and have not caught up, how far the last of them lay behind it. */
  get lagSizeBytes(): number {
    return Math.max(0, ...Array.from(this.#catchingUp.values(), (each) => each.lagSizeBytes));
  }

  /** Of the one that this member brings to `to`; undefined where there is none, or it has not begun. */
  progressTo(to: MemberId): Progress | undefined {
    const transfer = this.#transfers.get(to);
    return transfer?.phase === 'kept' ? undefined : transfer?.progress;
  }

  /** Why nothing of it gets there; empty: it does, or there is none, or none is needed any more. */
  failureTo(to: MemberId): string {
    const transfer = this.#transfers.get(to);
    if (transfer === undefined) return '';
    const { role, progress, firstIndex } = this.#parts.raft.status();
    const row = progress.get(to);
    const isNeeded =
      role === 'leader' && row !== undefined && (row.match === 0 || row.match + 1 < firstIndex);
    return isNeeded ? transfer.failure.reason : '';
  }

  /** Views that are open, or being opened. */
  get viewCount(): number {
    let count = 0;
    for (const { phase, view } of this.#transfers.values()) {
      if (phase === 'opening' || view !== undefined) count++;
    }
    return count;
  }

  /** Raft wants `to` to get this member's state. */
  send(to: MemberId): void {
    const before = this.#transfers.get(to);
    if (this.#closed || (before !== undefined && before.phase !== 'kept')) return;
    before?.keptTimer?.cancel();
    const transfer = before ?? newTransfer(to);
    this.#transfers.set(to, transfer);
    transfer.abort = new AbortController();
    transfer.phase = 'sending';
    // The other end could not go on from a state that the log does not reach back to.
    if (transfer.view !== undefined && transfer.view.index + 1 < this.#parts.raft.firstIndex) {
      this.#drop(transfer);
    }
    void this.#underWay.track(this.#attempt(transfer)).then(
      (index) => this.#arrived(transfer, index),
      (error: unknown) => this.#brokeOff(transfer, error),
    );
  }

  /** @returns of the state that the other end has now */
  async #attempt(transfer: Transfer): Promise<Index> {
    const view = transfer.view ?? (await this.#open(transfer));
    const { advances } = view;
    const watch = this.#watchStall(transfer, view);
    try {
      await this.#bring(transfer, view);
    } catch (error) {
      const isLost = error instanceof SnapshotRefusedError || transfer.abort.signal.aborted;
      transfer.failures = view.advances > advances && !isLost ? 0 : transfer.failures + 1;
      throw error;
    } finally {
      watch.end();
    }
    this.#parts.log.info({ to: formatId(transfer.to), index: view.index }, 'snapshot sent');
    return view.index;
  }

  #bring(transfer: Transfer, view: SnapshotView): Promise<void> {
    const { peers, clock } = this.#parts;
    const { signal } = transfer.abort;
    const advanced = (): void => {
      transfer.advancedMs = clock.monotonicMs();
      transfer.failure.over();
    };
    return peers.sendSnapshot(transfer.to, view.transfer({ signal, progress: transfer.progress!, advanced }));
  }

  #watchStall(transfer: Transfer, view: SnapshotView): StallWatch {
    const { clock, options } = this.#parts;
    const { snapshotStallMs: stallMs } = options;
    const { abort } = transfer;
    return new StallWatch({
      ...{ clock, stallMs },
      advancedMs: () => transfer.advancedMs,
      isTaken: () => view.isTaken,
      stalled: () =>
        abort.abort(new Error(`the other end is there, and has taken nothing for ${stallMs} ms`)),
    });
  }

  /** Nothing of its view has been taken for long, in however many attempts. */
  #isIdle({ view, advancedMs }: Transfer): boolean {
    const { clock, options } = this.#parts;
    return view !== undefined && clock.monotonicMs() - advancedMs >= options.snapshotStallMs;
  }

  async #open(transfer: Transfer): Promise<SnapshotView> {
    const { log, clock, failed, options } = this.#parts;
    this.#makeRoom();
    transfer.phase = 'opening';
    try {
      const { snapshotChunkSizeBytes: chunkSizeBytes } = options;
      transfer.view = await SnapshotView.open({ ...this.#parts, chunkSizeBytes, damaged: failed });
    } finally {
      transfer.phase = 'sending';
    }
    const { view } = transfer;
    transfer.advancedMs = clock.monotonicMs();
    transfer.abort.signal.throwIfAborted();
    const { sizeBytesEstimated } = view.offer;
    const fields = { to: formatId(transfer.to), index: view.index };
    log.info({ ...fields, sizeBytesEstimated }, 'sending a snapshot');
    const told = { clock, log, fields, message: 'a snapshot is being sent' };
    transfer.progress = new TransferProgress(sizeBytesEstimated, told);
    return view;
  }

  /**
   * A view that nobody asks for gives way. Not where it is soon tried again, as long as something of it is taken now and
   * then: links that break, and more of them than views, would let none of them come to its end.
   * @throws Error: none does
   */
  #makeRoom(): void {
    if (this.viewCount < this.#parts.options.snapshotViewsMax) return;
    const kept = [...this.#transfers.values()].find((each) => {
      const { phase, view } = each;
      return view !== undefined && (phase === 'kept' || (phase === 'waiting' && this.#isIdle(each)));
    });
    if (kept === undefined) throw new Error('as many snapshots are on their way as there may be');
    this.#drop(kept);
  }

  #drop(transfer: Transfer): void {
    transfer.keptTimer?.cancel();
    transfer.view?.close();
    transfer.view = undefined;
    transfer.progress = undefined;
    if (transfer.phase === 'kept') this.#transfers.delete(transfer.to);
  }

  #arrived(transfer: Transfer, index: Index): void {
    this.#catchingUp.set(transfer.to, { index, lagSizeBytes: this.#parts.sizeBytesBehind(index) });
    this.#drop(transfer);
    this.#transfers.delete(transfer.to);
    this.#tellRaft(transfer.to, true);
  }

  #brokeOff(transfer: Transfer, error: unknown): void {
    const { log, clock } = this.#parts;
    const isRefused = error instanceof SnapshotRefusedError;
    // Of one that is refused the other end has nothing: others that wait for a view may have this one's place.
    if (transfer.view?.isUseless === true || isDamage(error) || isRefused) this.#drop(transfer);
    transfer.phase = 'waiting';
    if (this.#closed) {
      this.#drop(transfer);
      return;
    }
    const reason = error instanceof Error ? error.message : String(error);
    if (transfer.failure.happened(reason, clock.monotonicMs())) {
      log.warn(
        { to: formatId(transfer.to), reason },
        transfer.view === undefined
          ? 'sending a snapshot failed; it begins anew'
          : 'sending a snapshot broke off; it goes on where it stopped',
      );
    }
    if (transfer.failures === 0 && transfer.view !== undefined) transfer.failure.over();
    const delayMs = Math.min(retryDelayMs * 2 ** Math.max(0, transfer.failures - 1), retryDelayMsMax);
    clock.setTimer(this.#isIdle(transfer) ? idleDelayMs : delayMs, () => this.#keep(transfer));
  }

  #keep(transfer: Transfer): void {
    if (this.#closed) return;
    transfer.phase = 'kept';
    const { clock, options } = this.#parts;
    transfer.keptTimer = clock.setTimer(options.snapshotKeptMs, () => this.#drop(transfer));
    this.#tellRaft(transfer.to, false);
  }

  #tellRaft(to: MemberId, ok: boolean): void {
    if (this.#closed) return;
    this.#parts.raft.reportSnapshot(to, ok);
    this.#parts.schedule();
  }

  /** The state on disk has grown, maybe for what views hold: those that hold too much are given up. */
  look(): void {
    if (this.viewCount === 0) return;
    const { options } = this.#parts;
    for (const transfer of this.#transfers.values()) {
      const pinnedBytes = transfer.view?.pinnedSizeBytes() ?? 0;
      if (pinnedBytes > options.snapshotGrowthSizeBytesMax) {
        this.#giveUp(transfer, `the state has grown by ${pinnedBytes} bytes because of it`);
      }
    }
    if (!this.#isLooking) void this.#underWay.track(this.#lookAtSpace());
  }

  async #lookAtSpace(): Promise<void> {
    this.#isLooking = true;
    try {
      if (await this.#parts.space.isShort()) this.#freeSpace();
    } catch {
      // Not known: whoever writes finds out.
    } finally {
      this.#isLooking = false;
    }
  }

  /** The one that costs most is given up; where none costs anything, the log is kept no longer for those that catch up. */
  #freeSpace(): void {
    const { heldLogSizeBytes, log, raft } = this.#parts;
    let most: Transfer | undefined;
    let mostBytes = 0;
    for (const transfer of this.#transfers.values()) {
      const { view } = transfer;
      const heldBytes = view === undefined ? 0 : view.pinnedSizeBytes() + heldLogSizeBytes(view.index);
      if (heldBytes > mostBytes) [most, mostBytes] = [transfer, heldBytes];
    }
    if (most !== undefined) {
      this.#giveUp(most, diskIsShort);
      return;
    }
    const { progress } = raft.status();
    for (const [id, { index }] of this.#catchingUp) {
      if (heldLogSizeBytes(neededBehind(index, progress.get(id))) === 0) continue;
      log.warn(
        { to: formatId(id), reason: diskIsShort },
        'the log is kept no longer for a member that catches up',
      );
      this.#catchingUp.delete(id);
    }
  }

  #giveUp(transfer: Transfer, reason: string): void {
    const { log } = this.#parts;
    log.warn({ to: formatId(transfer.to), reason }, 'a snapshot that was being sent is given up');
    this.#drop(transfer);
    transfer.abort.abort(new Error(reason));
  }

  /** Ends them all. Nothing reads the state any more when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const transfer of this.#transfers.values()) {
      this.#drop(transfer);
      transfer.abort.abort();
    }
    await this.#underWay.ended();
    for (const { view } of this.#transfers.values()) view?.close();
  }
}

function newTransfer(to: MemberId): Transfer {
  return {
    ...{ to, phase: 'sending', abort: new AbortController(), failures: 0 },
    ...{ view: undefined, progress: undefined, keptTimer: undefined },
    ...{ failure: new AttemptFailure(), advancedMs: 0 },
  } as const;
}
