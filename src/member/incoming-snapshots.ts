import { MalformedBytesError } from '../base/byte-stream.js';
import { requireKnown, type LevelRange } from '../base/feature-levels.js';
import { KvorumError } from '../base/errors.js';
import { formatId, noMember, type Index, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Backend, BackendInstall } from '../ports/backend.js';
import type { Clock } from '../ports/clock.js';
import { DiskError } from '../ports/disk.js';
import type { IncomingSnapshot, SnapshotOffer } from '../ports/peers.js';
import { memberIds } from '../raft/config-change.js';
import type { Raft } from '../raft/raft.js';
import type { Message } from '../raft/types.js';
import { SnapshotArrival } from './snapshot-arrival.js';
import { TransferProgress } from './transfer-progress.js';
import type { TransferSpace } from './transfer-space.js';
import { UnderWay } from './under-way.js';

interface Parts {
  readonly id: MemberId;
  readonly raft: Raft;
  readonly backend: Backend;
  readonly space: TransferSpace;
  readonly log: Log;
  readonly clock: Clock;
  /** The feature levels of this version. */
  readonly levels: LevelRange;
  readonly options: { readonly snapshotKeptMs: number };
  /** Hands a message to Raft. */
  readonly step: (message: Message) => void;
  /** Stops the member: what came is of a feature level that this version does not know, or there is a fault in it. */
  readonly failed: (error: Error) => void;
}

/** The state that a leader brings to this member. */
export class IncomingSnapshots {
  readonly #parts: Parts;
  /** The one on its way here, or what there is of one that broke off. One is being opened while its sender has no answer yet. */
  #arrival: SnapshotArrival | 'opening' | undefined;
  /** It is here as a whole: Raft takes it, or it is being removed. */
  #whole: { readonly index: Index; readonly install: BackendInstall } | undefined;
  /** What touches the disk until it has ended. */
  readonly #underWay = new UnderWay();
  #closed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Whether one is on its way here. */
  get isReceiving(): boolean {
    const arrival = this.#arrival;
    return this.#whole !== undefined || arrival === 'opening' || arrival?.isKept === false;
  }

  /** @returns undefined when it is not wanted */
  async receive(from: MemberId, offer: SnapshotOffer): Promise<IncomingSnapshot | undefined> {
    const { id, raft, step } = this.#parts;
    const underWay = this.#arrival;
    // The one that came last may be about to take effect.
    if (this.#closed || raft.installing || this.#whole !== undefined) return undefined;
    if (!this.#givesWay(underWay, from)) return undefined;
    const objection = raft.objectionToSnapshot(offer.meta);
    if (objection !== undefined) throw new MalformedBytesError(objection);
    if (offer.meta.index <= raft.commit) {
      // It came from another member, whom the acknowledgement went to. This one would offer it for ever.
      step({ type: 'snapshot', from, to: id, term: 0, snapshot: offer.meta });
      return undefined;
    }
    if (!this.#mayOffer(from)) return undefined;
    this.#requireKnown(offer);
    if (underWay instanceof SnapshotArrival && underWay.isKept && underWay.offer.id === offer.id) {
      this.#tellResumed(underWay);
      return underWay.connect();
    }
    return await this.#underWay.track(this.#begin(from, offer, underWay));
  }

  #tellResumed({ from, offer, place }: SnapshotArrival): void {
    const fields = { from: formatId(from), index: offer.meta.index };
    this.#parts.log.info(
      { ...fields, chunks: place.chunks },
      'receiving a snapshot goes on where it broke off',
    );
  }

  /** Nothing of a state that this version cannot read is taken in: the member ends. */
  #requireKnown({ featureLevel }: SnapshotOffer): void {
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
    if (underWay === 'opening' || !underWay.mayGiveWay) return false;
    return underWay.isKept || (underWay.from !== from && from === this.#parts.raft.leader);
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

  async #begin(
    from: MemberId,
    offer: SnapshotOffer,
    before: SnapshotArrival | 'opening' | undefined,
  ): Promise<IncomingSnapshot | undefined> {
    this.#arrival = 'opening';
    try {
      if (before instanceof SnapshotArrival) await before.abort();
      const arrival = await this.#open(from, offer);
      this.#arrival = arrival;
      // Its end was not waited for.
      if (this.#closed) await arrival.abort();
      return this.#closed ? undefined : arrival.connect();
    } catch (error) {
      this.#arrival = undefined;
      // Anything else is a fault of this member.
      if (!(error instanceof DiskError || error instanceof KvorumError)) this.#parts.failed(error as Error);
      throw error;
    }
  }

  async #open(from: MemberId, offer: SnapshotOffer): Promise<SnapshotArrival> {
    const { backend, space, log, clock, options } = this.#parts;
    const { sizeBytesEstimated: sizeBytes } = offer;
    await space.require(sizeBytes);
    const install = await backend.beginInstall();
    const fields = { from: formatId(from), index: offer.meta.index };
    log.info({ ...fields, sizeBytesEstimated: sizeBytes }, 'receiving a snapshot');
    const progress = new TransferProgress(sizeBytes, {
      ...{ clock, log, fields },
      message: 'a snapshot is being received',
    });
    const arrival: SnapshotArrival = new SnapshotArrival(from, offer, install, {
      ...{ clock, space, keptMs: options.snapshotKeptMs },
      moved: (doneBytes) => progress.moved(doneBytes),
      ended: () => {
        if (this.#arrival === arrival) this.#arrival = undefined;
      },
      arrived: () => this.#arrived(from, offer, install),
    });
    return arrival;
  }

  #arrived(from: MemberId, { meta }: SnapshotOffer, install: BackendInstall): void {
    const { id, log, raft, step } = this.#parts;
    log.info({ from: formatId(from), index: meta.index }, 'a snapshot is here as a whole');
    this.#whole = { index: meta.index, install };
    // Term 0: committed state is good whoever sent it, and says nothing of who leads now.
    step({ type: 'snapshot', from, to: id, term: 0, snapshot: meta });
    if (raft.installing) return;
    // The log came faster than the snapshot.
    void this.#underWay.track(this.#remove(install));
  }

  /** No other begins to arrive before: a state has room for one beside it. */
  async #remove(install: BackendInstall): Promise<void> {
    try {
      await install.abort();
    } catch {
      // What is left of it is removed at the next start.
    }
    this.#whole = undefined;
  }

  /** The snapshot that Raft decided to install: prepared, and to be activated. */
  takeArrived(index: Index): BackendInstall | undefined {
    const whole = this.#whole;
    this.#whole = undefined;
    return whole?.index === index ? whole.install : undefined;
  }

  /** Ends them all. Nothing of them touches the disk any more when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#arrival instanceof SnapshotArrival) void this.#underWay.track(this.#arrival.abort());
    if (this.#whole !== undefined) void this.#underWay.track(this.#remove(this.#whole.install));
    await this.#underWay.ended();
  }
}
