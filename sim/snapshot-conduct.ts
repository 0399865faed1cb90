import { assert } from '../src/base/assert.js';
import { isDamage } from '../src/base/errors.js';
import { noMember, type Index, type MemberId, type Term } from '../src/base/ids.js';
import { memberDefaults, type MemberOptions } from '../src/member/options.js';
import type { MemberParts } from '../src/member/parts.js';
import type { Raft } from '../src/raft/raft.js';
import type { BackendView } from '../src/ports/backend.js';
import type { SnapshotOffer } from '../src/ports/peers.js';
import type { Attempt } from './gated-peers.js';
import { KeptArrivals } from './kept-arrivals.js';
import type { Machine } from './machine.js';
import type { Process } from './process.js';

/** Between two attempts to bring a snapshot to one member, the first of which failed. */
const retryMsMin = 500;
/** What rates and timers may round to. */
const roundingMs = 0.01;

/** A snapshot that is offered to a member. */
export interface Offered {
  readonly from: Machine;
  readonly to: MemberId;
  readonly offer: SnapshotOffer;
}

interface OpenView {
  readonly index: Index;
  readonly view: BackendView;
  /** So often in a row it was told that the disk is short, and what this view holds could be freed. */
  timesShort: number;
}

/** One life of a member, as a sender of snapshots. */
interface Sender {
  opening: number;
  readonly open: Set<OpenView>;
  /** When the last attempt to each failed. */
  readonly failedMs: Map<MemberId, number>;
  /** Who was brought a state here, and its index: as long as they need the log behind it. */
  readonly arrived: Map<MemberId, Index>;
  /** States that were put in the place of this member's own. */
  installations: number;
}

interface Surroundings {
  readonly options: MemberOptions;
  readonly driftMax: number;
  readonly nowMs: () => number;
  readonly fail: (error: unknown) => void;
}

/**
 * What members must not do with snapshots, though no harm may come of it in this run: hold more views than they may,
 * forget the log that goes on from one, offer what the log has left behind, take one from whomever, or leave something
 * behind.
 */
export class SnapshotConduct {
  readonly #around: Surroundings;
  readonly #senders = new WeakMap<Process, Sender>();
  readonly arrivals: KeptArrivals;
  /** Told of each attempt when it begins. */
  readonly offerListeners = new Set<(offered: Offered) => void>();

  constructor(around: Surroundings) {
    this.#around = around;
    this.arrivals = new KeptArrivals(around);
  }

  #senderOf(process: Process): Sender {
    let sender = this.#senders.get(process);
    if (sender === undefined) {
      sender = { opening: 0, open: new Set(), failedMs: new Map(), arrived: new Map(), installations: 0 };
      this.#senders.set(process, sender);
    }
    return sender;
  }

  /** A member has read its data folder; from now on it is looked at. */
  attach(machine: Machine, parts: MemberParts): void {
    const sender = this.#senderOf(machine.life!.process);
    this.#watchViews(machine, parts, sender);
    this.#watchLog(machine, parts, sender);
    this.#watchSwitch(machine, parts, sender);
    this.#watchSpace(machine, parts, sender);
  }

  #watchViews({ name, backend }: Machine, { raft }: MemberParts, sender: Sender): void {
    const { snapshotViewsMax } = this.#around.options;
    const open = backend.view.bind(backend);
    backend.view = async () => {
      const views = ++sender.opening + sender.open.size;
      const { installations } = sender;
      try {
        if (views > snapshotViewsMax) this.#refuse(`${name} opens ${views} views of its state at once`);
        const view = await open();
        const { index } = view.position;
        const isCut = installations === sender.installations && raft.firstIndex > index + 1;
        if (isCut && !this.#mayForget) this.#refuse(`${name} has cut its log behind a view of ${index}`);
        this.#opened(view, sender);
        return view;
      } finally {
        sender.opening--;
      }
    };
  }

  /** The run fails, and so does what was asked for. */
  #refuse(what: string): never {
    const error = new Error(what);
    this.#around.fail(error);
    throw error;
  }

  #opened(view: BackendView, { open }: Sender): void {
    const opened: OpenView = { index: view.position.index, view, timesShort: 0 };
    open.add(opened);
    const close = view.close.bind(view);
    view.close = () => {
      open.delete(opened);
      close();
    };
  }

  /** The log has a bound that a run may come to: whoever lags further gets a snapshot. */
  get #mayForget(): boolean {
    return this.#around.options.logSizeBytesMax < memberDefaults.logSizeBytesMax;
  }

  #watchLog({ name }: Machine, { wal, raft }: MemberParts, { open, arrived }: Sender): void {
    if (this.#mayForget) return;
    const { logSizeBytesKept } = this.#around.options;
    const status = raft.status.bind(raft);
    // Whoever looks may find that one has caught up, or is silent: it is not waited for any more, whatever it lacks later.
    raft.status = () => {
      const found = status();
      if (arrived.size > 0) forgetCaughtUp(arrived, found);
      return found;
    };
    const cut = wal.cut.bind(wal);
    wal.cut = (index) => {
      for (const { index: viewIndex } of open) {
        assert(
          index <= viewIndex,
          `${name} forgets its log up to ${index}, and sends a view of ${viewIndex}`,
        );
      }
      // With less, a follower may be too slow for it.
      if (logSizeBytesKept >= memberDefaults.logSizeBytesKept) this.#checkKept(name, raft, arrived, index);
      return cut(index);
    };
  }

  /** Were it cut before who was brought a snapshot has caught up, one would not be enough. */
  #checkKept(name: string, raft: Raft, arrived: Map<MemberId, Index>, cutIndex: Index): void {
    if (arrived.size === 0) return;
    const { progress } = raft.status();
    for (const [to, index] of arrived) {
      if (cutIndex <= Math.max(index, progress.get(to)?.match ?? 0)) continue;
      throw new Error(`${name} forgets its log up to ${cutIndex}, and ${to} has just been brought ${index}`);
    }
  }

  /** A state is put in place only when its term is on disk, and ends the views of the one before. */
  #watchSwitch({ name, backend }: Machine, { raft, wal, machine: state }: MemberParts, sender: Sender): void {
    let durableTerm: Term = raft.term;
    const append = wal.append.bind(wal);
    wal.append = (batch) => {
      const writing = append(batch);
      const term = batch.hardState?.term ?? 0;
      const done = (): void => {
        durableTerm = Math.max(durableTerm, term);
      };
      writing.then(done, () => {});
      return writing;
    };
    const reload = state.reload.bind(state);
    state.reload = () => {
      reload();
      sender.installations++;
      sender.open.clear();
      const { term } = backend.applied;
      assert(
        term <= durableTerm,
        `${name} has a state of term ${term} in place, and has ${durableTerm} on disk`,
      );
    };
  }

  /** Whoever is told that the disk is short lets go of a view that holds something, the one that costs most first. */
  #watchSpace({ name, backend }: Machine, { disk }: MemberParts, { open, arrived }: Sender): void {
    const { diskReserveSizeBytes, snapshotViewsMax, snapshotGrowthSizeBytesMax } = this.#around.options;
    const space = disk.space.bind(disk);
    disk.space = () => {
      const asked = space();
      // It is asked by who looks at the views, or by who takes in a snapshot.
      const looks = backend.arrivingSizeBytes === undefined;
      for (const { index, view } of looks ? open : []) {
        if (view.pinnedSizeBytes() <= snapshotGrowthSizeBytesMax) continue;
        this.#around.fail(
          new Error(`${name} holds a view of ${index}, for which its state has grown too much`),
        );
      }
      const told = (freeBytes: number): void => {
        const isShort = freeBytes < diskReserveSizeBytes;
        if (isShort) arrived.clear();
        const mustFree = isShort && looks;
        for (const each of open) {
          each.timesShort = mustFree && each.view.pinnedSizeBytes() > 0 ? each.timesShort + 1 : 0;
          if (each.timesShort <= snapshotViewsMax + 1) continue;
          this.#around.fail(new Error(`${name} holds a view of ${each.index}, and its disk is nearly full`));
        }
      };
      asked.then(told, () => {});
      return asked;
    };
  }

  /** An attempt begins. */
  attempt(from: Machine, process: Process, to: MemberId, offer: SnapshotOffer): Attempt {
    const { failedMs, arrived } = this.#senderOf(process);
    const { nowMs, fail, driftMax } = this.#around;
    const { index } = offer.meta;
    for (const listener of this.offerListeners) listener({ from, to, offer });
    const sinceMs = nowMs() - (failedMs.get(to) ?? -Infinity);
    if (sinceMs < retryMsMin / (1 + driftMax) - roundingMs) {
      fail(new Error(`${from.name} tries again after ${sinceMs} ms to bring a snapshot to ${to}`));
    }
    const firstIndex = from.life?.process === process ? from.parts.raft.firstIndex : 0;
    if (index + 1 < firstIndex) {
      fail(new Error(`${from.name} sends a snapshot of ${index}, and its log begins at ${firstIndex}`));
    }
    let isChanged = false;
    return {
      changed: () => {
        isChanged = true;
      },
      arrived: () => {
        failedMs.delete(to);
        arrived.set(to, index);
        if (isChanged) fail(new Error(`a snapshot of ${index} was taken that has changed on its way`));
      },
      failed: (error) => {
        failedMs.set(to, nowMs());
        if (!isDamage(error) || isChanged || from.backend.holdsRot) return;
        fail(new Error(`a snapshot of ${index} is said to be damaged, and was not: ${error.message}`));
      },
    };
  }

  /** One is taken in. @param leader as the receiver knew it when it was offered */
  taken(at: Machine, process: Process, from: MemberId, leader: MemberId): void {
    this.arrivals.connected(process);
    if (leader === noMember || leader === from) return;
    this.#around.fail(new Error(`${at.name} takes a snapshot of ${from}, and ${leader} leads it`));
  }
}

function forgetCaughtUp(
  arrived: Map<MemberId, Index>,
  { progress, commit }: ReturnType<Raft['status']>,
): void {
  for (const to of arrived.keys()) {
    const row = progress.get(to);
    if (row === undefined || !row.recentActive || row.match >= commit) arrived.delete(to);
  }
}
