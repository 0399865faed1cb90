import { assert } from '../base/assert.js';
import { isDamage } from '../base/errors.js';
import type { FeatureLevel } from '../base/feature-levels.js';
import type { Index } from '../base/ids.js';
import { randomId, type RandomSource } from '../base/prng.js';
import type { Backend, BackendView } from '../ports/backend.js';
import type { OutgoingSnapshot, SnapshotOffer } from '../ports/peers.js';
import type { Raft } from '../raft/raft.js';
import { RowEncoder } from '../storage/backend/row-stream.js';
import type { TransferProgress } from './transfer-progress.js';

/** What one attempt to bring it is told by. */
interface Attempt {
  readonly signal: AbortSignal;
  readonly progress: TransferProgress;
  /** The other end has more than before. */
  readonly advanced: () => void;
}

interface Source {
  readonly raft: Raft;
  readonly backend: Backend;
  readonly random: RandomSource;
  /** Of the cluster, as of what is applied here. */
  readonly featureLevel: () => FeatureLevel;
  readonly chunkSizeBytes: number;
  /** The state cannot be read. */
  readonly damaged: (error: unknown) => void;
}

/** A view of the state that is brought to one member, with what is known of how far that member has it. */
export class SnapshotView {
  readonly offer: SnapshotOffer;
  readonly #view: BackendView;
  readonly #rows: RowEncoder;
  readonly #damaged: (error: unknown) => void;
  /** The other end stands where this view has nothing for it. */
  #isUseless = false;
  /** That the other end is known to have. */
  #heldChunks = 0;
  #advances = 0;
  /** Of all of it, once they are counted. */
  #chunks = Infinity;
  /** What the other end has was told in this attempt: it may have begun anew since the one before. */
  #isPlaced = false;

  private constructor(view: BackendView, offer: SnapshotOffer, source: Source) {
    this.#view = view;
    this.offer = offer;
    this.#rows = new RowEncoder(view, source.chunkSizeBytes);
    this.#damaged = source.damaged;
  }

  static async open(source: Source): Promise<SnapshotView> {
    let view: BackendView | undefined;
    try {
      view = await source.backend.view();
      return new SnapshotView(view, SnapshotView.#offerOf(view, source), source);
    } catch (error) {
      view?.close();
      if (isDamage(error)) source.damaged(error);
      throw error;
    }
  }

  static #offerOf(view: BackendView, { raft, random, featureLevel }: Source): SnapshotOffer {
    const { position, sizeBytesEstimated } = view;
    const meta = raft.snapshotMetaAt(position.index);
    // The log reaches back to what is flushed, but where it begins anew already and the state does not.
    if (meta === undefined) throw new Error('another state is being put in the place of this one');
    assert(meta.term === position.term, 'log and state are of one history');
    // The level is that of the view, or one that was raised since: no less.
    return { id: randomId(random), meta, featureLevel: featureLevel(), sizeBytesEstimated };
  }

  get index(): Index {
    return this.offer.meta.index;
  }

  get isUseless(): boolean {
    return this.#isUseless;
  }

  /** So often the other end was heard to have more than before, at the begin of an attempt or in it. */
  get advances(): number {
    return this.#advances;
  }

  /** The other end has all of it, and makes it durable. */
  get isTaken(): boolean {
    return this.#isPlaced && this.#heldChunks >= this.#chunks;
  }

  pinnedSizeBytes(): number {
    return this.#view.pinnedSizeBytes();
  }

  transfer({ signal, progress, advanced }: Attempt): OutgoingSnapshot {
    this.#isPlaced = false;
    const holds = (chunks: number): void => {
      if (this.#holds(chunks)) advanced();
    };
    return {
      offer: this.offer,
      signal,
      resume: (place) => {
        this.#isUseless = !this.#rows.resume(place);
        if (this.#isUseless) throw new Error(`the other end has ${place.chunks} chunks of something else`);
        progress.moved(this.#rows.sizeBytes);
        holds(place.chunks);
        this.#isPlaced = true;
      },
      next: () => {
        try {
          const next = this.#rows.next();
          progress.moved(this.#rows.sizeBytes);
          if (!('bytes' in next)) this.#chunks = next.chunks;
          return next;
        } catch (error) {
          this.#isUseless = true;
          if (isDamage(error)) this.#damaged(error);
          throw error;
        }
      },
      taken: (chunks) => {
        holds(chunks);
        this.#rows.taken(chunks);
      },
    };
  }

  /** @returns whether it is more than before */
  #holds(chunks: number): boolean {
    const isMore = chunks > this.#heldChunks;
    if (isMore) this.#advances++;
    this.#heldChunks = chunks;
    return isMore;
  }

  close(): void {
    this.#isUseless = true;
    this.#view.close();
  }
}
