import { assert } from '../base/assert.js';
import { MalformedBytesError } from '../base/byte-stream.js';
import { isDamage } from '../base/errors.js';
import { requireKnown, type FeatureLevel, type LevelRange } from '../base/feature-levels.js';
import { formatId, noMember, type Index, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Backend, BackendView } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import type { IncomingSnapshot, Peers, SnapshotHeader } from '../ports/peers.js';
import { memberIds } from '../raft/config-change.js';
import type { Raft } from '../raft/raft.js';
import type { Message } from '../raft/types.js';
import type { SnapshotFile, SnapshotStore } from '../storage/snapshot/snapshot-store.js';
import { SnapshotArrival } from './snapshot-arrival.js';
import { TransferProgress, type Progress } from './transfer-progress.js';

interface Parts {
  readonly id: MemberId;
  readonly raft: Raft;
  readonly backend: Backend;
  readonly store: SnapshotStore;
  readonly peers: Peers;
  readonly log: Log;
  readonly clock: Clock;
  /** The feature levels of this version. */
  readonly levels: LevelRange;
  /** Of the cluster, as of what is applied here. */
  readonly featureLevel: () => FeatureLevel;
  /** What was appended to the log behind an index. */
  readonly sizeBytesBehind: (index: Index) => number;
  /** Hands a message to Raft. */
  readonly step: (message: Message) => void;
  /** Runs the member's loop soon. */
  readonly schedule: () => void;
  /** Stops the member: its own state is damaged, or another's is of a feature level that this version does not know. */
  readonly failed: (error: Error) => void;
}

interface Outgoing {
  readonly abort: AbortController;
  /** Undefined, like the next: its file is still being made. */
  index: Index | undefined;
  progress: Progress | undefined;
}

/** Between two attempts to bring a snapshot to one member. */
const retryDelayMs = 500;

/** State on its way to members whose entries are gone from the log, and from a leader to this member. */
export class SnapshotTransfers {
  readonly #parts: Parts;
  readonly #outgoing = new Map<MemberId, Outgoing>();
  /**
   * Members that were brought a snapshot, its index, and how far they lay behind when they had it: until they have
   * caught up, the log goes back to there.
   */
  readonly #catchingUp = new Map<MemberId, { readonly index: Index; readonly lagSizeBytes: number }>();
  #making: Promise<SnapshotFile> | undefined;
  /** A file that arrived damaged: it may be so on this member's own disk. */
  #damaged: SnapshotFile | undefined;
  /** The one on its way here. One is being opened while its sender has no answer yet. */
  #receiving: SnapshotArrival | 'opening' | undefined;
  /** What touches the disk until it has ended. */
  readonly #underWay = new Set<Promise<unknown>>();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** The log is still needed behind this index, for those that will go on from their snapshot. */
  get oldestNeededIndex(): Index {
    let oldest = Infinity;
    for (const { index } of this.#outgoing.values()) oldest = Math.min(oldest, index ?? 0);
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
      else oldest = Math.min(oldest, Math.max(index, row.match));
    }
    return oldest;
  }

  /** Of those that were brought a snapshot and have not caught up, how far the last of them lay behind it. */
  get lagSizeBytes(): number {
    return Math.max(0, ...Array.from(this.#catchingUp.values(), (each) => each.lagSizeBytes));
  }

  /** Of the one that this member brings to `to`; undefined where there is none, or its file is still being made. */
  progressTo(to: MemberId): Progress | undefined {
    return this.#outgoing.get(to)?.progress;
  }

  /** Whether one is on its way here. */
  get isReceiving(): boolean {
    return this.#receiving !== undefined;
  }

  /** Raft wants `to` to get this member's state. */
  send(to: MemberId): void {
    if (this.#closed || this.#outgoing.has(to)) return;
    const transfer: Outgoing = { abort: new AbortController(), index: undefined, progress: undefined };
    this.#outgoing.set(to, transfer);
    void this.#transfer(to, transfer).then(
      () => {
        const { index } = transfer;
        if (index !== undefined) {
          this.#catchingUp.set(to, { index, lagSizeBytes: this.#parts.sizeBytesBehind(index) });
        }
        this.#sent(to, true);
      },
      (error: unknown) => {
        if (!this.#closed) {
          this.#parts.log.warn(
            { to: formatId(to), reason: error instanceof Error ? error.message : String(error) },
            'sending a snapshot broke off; it goes on where it stopped',
          );
        }
        if (!this.#closed) this.#parts.clock.setTimer(retryDelayMs, () => this.#sent(to, false));
      },
    );
  }

  async #transfer(to: MemberId, transfer: Outgoing): Promise<void> {
    const { peers, log, clock } = this.#parts;
    const file = await this.#current(transfer.abort.signal);
    const { meta, sizeBytes } = file.header;
    transfer.index = meta.index;
    const fields = { to: formatId(to), index: meta.index };
    log.info({ ...fields, sizeBytes }, 'sending a snapshot');
    const progress = new TransferProgress(
      { doneBytes: 0, sizeBytes },
      { clock, log, fields, message: 'a snapshot is being sent' },
    );
    transfer.progress = progress;
    try {
      await peers.sendSnapshot(to, {
        header: file.header,
        read: (position, lengthBytes) => {
          progress.moved(position);
          return file.read(position, lengthBytes);
        },
        signal: transfer.abort.signal,
      });
    } catch (error) {
      if (isDamage(error)) this.#damaged = file;
      throw error;
    }
    log.info(fields, 'snapshot sent');
  }

  #sent(to: MemberId, ok: boolean): void {
    this.#outgoing.delete(to);
    if (this.#closed) return;
    this.#parts.raft.reportSnapshot(to, ok);
    this.#parts.schedule();
  }

  /** A file that the log still reaches back to, and nobody found damaged; a new one when there is none. */
  #current(signal: AbortSignal): Promise<SnapshotFile> {
    const { raft, store } = this.#parts;
    const latest = store.latest();
    const isGood = latest !== undefined && latest !== this.#damaged;
    if (isGood && latest.header.meta.index + 1 >= raft.firstIndex) return Promise.resolve(latest);
    this.#making ??= this.#track(this.#make(signal));
    return this.#making;
  }

  async #make(signal: AbortSignal): Promise<SnapshotFile> {
    const { raft, store, backend, featureLevel, failed } = this.#parts;
    let view: BackendView | undefined;
    try {
      view = await backend.view();
      const meta = raft.snapshotMetaAt(view.position.index);
      assert(meta?.term === view.position.term, 'the log reaches back to what is flushed');
      // That of the view, or one that was raised since: no less.
      return await store.create(view, { meta, featureLevel: featureLevel() }, signal);
    } catch (error) {
      if (isDamage(error)) failed(error);
      throw error;
    } finally {
      view?.close();
      this.#making = undefined;
    }
  }

  #track<T>(work: Promise<T>): Promise<T> {
    const end = (): void => void this.#underWay.delete(work);
    this.#underWay.add(work);
    work.then(end, end);
    return work;
  }

  /** The log may no longer reach back to the latest file: it is of no more use then. */
  logCut(): void {
    const { raft, store, log } = this.#parts;
    const latest = store.latest();
    if (latest === undefined || latest.header.meta.index + 1 >= raft.firstIndex) return;
    if (this.#making !== undefined || this.#outgoing.size > 0) return;
    this.#track(store.dropLatest()).catch((error: unknown) => {
      log.warn({ reason: String(error) }, 'cannot remove an old snapshot');
    });
  }

  /** @returns undefined when it is not wanted */
  async receive(from: MemberId, header: SnapshotHeader): Promise<IncomingSnapshot | undefined> {
    const { id, raft, step } = this.#parts;
    const underWay = this.#receiving;
    // The file that came last may still be read.
    if (this.#closed || raft.installing || !this.#givesWay(underWay, from)) return undefined;
    const objection = raft.objectionToSnapshot(header.meta);
    if (objection !== undefined) throw new MalformedBytesError(objection);
    if (header.meta.index <= raft.commit) {
      // It came from another member, whom the acknowledgement went to. This one would offer it for ever.
      step({ type: 'snapshot', from, to: id, term: 0, snapshot: header.meta });
      return undefined;
    }
    if (!this.#mayOffer(from)) return undefined;
    this.#requireKnown(header);
    this.#receiving = 'opening';
    try {
      if (underWay instanceof SnapshotArrival) await underWay.giveWay();
      const arrival = await this.#track(this.#open(from, header));
      this.#receiving = arrival;
      return arrival;
    } catch (error) {
      this.#receiving = undefined;
      throw error;
    }
  }

  /** Nothing of a state that this version cannot read is taken in: the member ends. */
  #requireKnown({ featureLevel }: SnapshotHeader): void {
    const { levels, failed } = this.#parts;
    try {
      requireKnown(levels, featureLevel, 'this version of Kvorum');
    } catch (error) {
      failed(error as Error);
      throw error;
    }
  }

  /** Whether there is none under way, or the one that is may be ended for one of `from`. */
  #givesWay(underWay: SnapshotArrival | 'opening' | undefined, from: MemberId): boolean {
    if (underWay === undefined) return true;
    return (
      underWay !== 'opening' &&
      underWay.mayGiveWay &&
      underWay.from !== from &&
      from === this.#parts.raft.leader
    );
  }

  /**
   * Whoever knows the secret can name any index, and what it sends takes disk space and keeps the leader's out. A
   * member that has just joined knows no configuration: it must believe the first that brings it one.
   */
  #mayOffer(from: MemberId): boolean {
    const { raft } = this.#parts;
    if (raft.leader !== noMember) return from === raft.leader;
    const { config } = raft.status();
    return config.voters.length === 0 || memberIds(config).includes(from);
  }

  async #open(from: MemberId, header: SnapshotHeader): Promise<SnapshotArrival> {
    const { id, store, log, clock, step } = this.#parts;
    const incoming = await store.receive(header);
    const { receivedBytes } = incoming;
    const { sizeBytes } = header;
    const fields = { from: formatId(from), index: header.meta.index };
    log.info({ ...fields, sizeBytes, receivedBytes }, 'receiving a snapshot');
    const progress = new TransferProgress(
      { doneBytes: receivedBytes, sizeBytes },
      { clock, log, fields, message: 'a snapshot is being received' },
    );
    const arrival = new SnapshotArrival(from, incoming, {
      moved: (doneBytes) => progress.moved(doneBytes),
      ended: () => {
        if (this.#receiving === arrival) this.#receiving = undefined;
        void this.#track(arrival.close());
      },
      arrived: () => {
        log.info({ ...fields, sizeBytes }, 'a snapshot is here as a whole: installing it');
        this.#arrived.set(header.meta.index, header);
        // Term 0: committed state is good whoever sent it, and says nothing of who leads now.
        step({ type: 'snapshot', from, to: id, term: 0, snapshot: header.meta });
      },
    });
    if (this.#closed) void this.#track(arrival.close());
    return arrival;
  }

  readonly #arrived = new Map<Index, SnapshotHeader>();

  /** The snapshot that Raft decided to install; its rows are here. */
  takeArrived(index: Index): SnapshotHeader | undefined {
    const header = this.#arrived.get(index);
    this.#arrived.clear();
    return header;
  }

  /** Ends them all. Nothing of them touches the disk any more when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const { abort } of this.#outgoing.values()) abort.abort();
    if (this.#receiving instanceof SnapshotArrival) void this.#track(this.#receiving.close());
    void this.#track(this.#parts.store.close());
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay]);
  }
}
