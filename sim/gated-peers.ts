import { isDamage } from '../src/base/errors.js';
import type { MemberId } from '../src/base/ids.js';
import type { MemoryPeers } from '../src/peer/memory-peers.js';
import type {
  IncomingSnapshot,
  OutgoingSnapshot,
  PeerAddress,
  Peers,
  PeersHandler,
  SnapshotOffer,
} from '../src/ports/peers.js';
import type { Message } from '../src/raft/types.js';
import type { Process } from './process.js';

/** Of one attempt to bring a snapshot to a member. */
export interface Attempt {
  /** A bit of what it brings has been changed on its way. */
  changed(): void;
  arrived(): void;
  failed(error: unknown): void;
}

/** Of the snapshots that a process sends. */
export interface Sending {
  /** So long their views may be open when nothing is sent. */
  readonly keptMs: number;
  /** Views of the state that are open. */
  readonly viewCount: () => number;
  /** Whether a bit of the next chunk changes on its way. */
  readonly rotsChunk: () => boolean;
  /** The same of the end, in which it is a bit of its sum or its number of rows. */
  readonly rotsEnd: () => 'sum' | 'rows' | undefined;
  /** One begins to be sent. */
  readonly attempt: (to: MemberId, offer: SnapshotOffer) => Attempt;
}

/** Of those that it receives. */
export interface Receiving {
  readonly leader: () => MemberId;
  /** @param leader as it was known when the snapshot was offered */
  readonly taken: (from: MemberId, leader: MemberId) => void;
  /** A connection by which one came is gone. */
  readonly broken: () => void;
}

/** What passes between two attempts is no more, by far. */
const attemptMsMax = 6000;

/** The network as one process sees it: nothing arrives while it is stopped. */
export class GatedPeers implements Peers {
  readonly #peers: MemoryPeers;
  readonly #process: Process;
  readonly #sent: (messages: readonly Message[]) => void;

  readonly #failed: (error: unknown) => void;
  /** What arrives, as this process reads it. */
  readonly #read: (message: Message) => Message;
  /** Ids of snapshots that arrived damaged. */
  readonly #damaged = new Set<bigint>();
  readonly #sending: Sending;
  readonly #receiving: Receiving;
  /** Transfers that are under way, or broke off not long ago. */
  readonly #transfers = new Map<bigint, number>();
  #closed = false;

  constructor(
    peers: MemoryPeers,
    process: Process,
    sent: (messages: readonly Message[]) => void,
    failed: (error: unknown) => void,
    read: (message: Message) => Message,
    { sending, receiving }: { readonly sending: Sending; readonly receiving: Receiving },
  ) {
    this.#receiving = receiving;
    this.#sending = sending;
    this.#read = read;
    this.#failed = failed;
    this.#peers = peers;
    this.#process = process;
    this.#sent = sent;
  }

  start(handler: PeersHandler): Promise<void> {
    const process = this.#process;
    return this.#peers.start({
      message: (message) => process.enter(() => this.#deliver(handler, message)),
      heard: (id, term) => process.enter(() => handler.heard(id, term)),
      connectionLost: (id) => process.enter(() => handler.connectionLost(id)),
      reachable: (id, address) => process.enter(() => handler.reachable(id, address)),
      unreachable: (id, address, reason) => process.enter(() => handler.unreachable(id, address, reason)),
      removedFromCluster: (by) => process.enter(() => handler.removedFromCluster(by)),
      refused: (by, code, reason) => process.enter(() => handler.refused(by, code, reason)),
      incomingSnapshot: async (from, offer) => {
        const { leader, taken, broken } = this.#receiving;
        let known: MemberId = from;
        const incoming = await process.call(() => {
          known = leader();
          return handler.incomingSnapshot(from, offer);
        });
        if (incoming === undefined) return undefined;
        taken(from, known);
        return gated(incoming, process, broken);
      },
    });
  }

  /** No member sends another what that one cannot read. */
  #deliver(handler: PeersHandler, message: Message): void {
    const read = this.#read(message);
    try {
      handler.message(read);
    } catch (error) {
      if (read !== message) this.#failed(error);
      throw error;
    }
  }

  setMembers(members: ReadonlyMap<MemberId, PeerAddress>): void {
    this.#peers.setMembers(members);
  }

  setOverrides(overrides: ReadonlyMap<MemberId, PeerAddress>): void {
    this.#peers.setOverrides(overrides);
  }

  elsewhere(): ReadonlyMap<MemberId, PeerAddress> {
    return this.#peers.elsewhere();
  }

  setRemoved(removed: ReadonlySet<MemberId>): void {
    this.#peers.setRemoved(removed);
  }

  send(messages: readonly Message[]): void {
    this.#sent(messages);
    this.#peers.send(messages);
  }

  /** One that arrived damaged must not be sent again: it may be damaged where it is read. */
  async sendSnapshot(to: MemberId, transfer: OutgoingSnapshot): Promise<void> {
    const { id } = transfer.offer;
    if (this.#damaged.has(id)) this.#failed(new Error(`the damaged snapshot ${id} is sent again`));
    this.#transfers.set(id, (this.#transfers.get(id) ?? 0) + 1);
    const attempt = this.#sending.attempt(to, transfer.offer);
    try {
      await this.#peers.sendSnapshot(to, this.#rotting(transfer, attempt));
      attempt.arrived();
    } catch (error) {
      attempt.failed(error);
      if (isDamage(error)) this.#damaged.add(id);
      throw error;
    } finally {
      this.#afterOthers(attemptMsMax, () => {
        this.#afterOthers(this.#sending.keptMs, () => this.#forget(id));
      });
    }
  }

  /** After `delayMs`, and behind all else that is due by then: one that was stopped notices that in any order. */
  #afterOthers(delayMs: number, action: () => void): void {
    this.#process.setTimer(delayMs, () => this.#process.setTimer(1, action));
  }

  /** Whoever sends a snapshot holds on to what it sees, and must let go of that some time. */
  #forget(id: bigint): void {
    const attempts = this.#transfers.get(id)! - 1;
    if (attempts > 0) this.#transfers.set(id, attempts);
    else this.#transfers.delete(id);
    const views = this.#sending.viewCount();
    if (views <= this.#transfers.size) return;
    this.#failed(new Error(`${views} views of the state are open, for ${this.#transfers.size} snapshots`));
  }

  #rotting(transfer: OutgoingSnapshot, attempt: Attempt): OutgoingSnapshot {
    return {
      ...transfer,
      next: () => {
        const next = transfer.next();
        if (!('bytes' in next)) {
          const part = this.#sending.rotsEnd();
          if (part === undefined) return next;
          attempt.changed();
          return { ...next, [part]: next[part] ^ 1 };
        }
        if (!this.#sending.rotsChunk()) return next;
        attempt.changed();
        const bytes = next.bytes.slice();
        bytes[next.number % bytes.length]! ^= 1 << (next.number % 8);
        return { ...next, bytes };
      },
    };
  }

  /** The process has nothing more to do with the others, though it may still have its disk to wait for. */
  get closed(): boolean {
    return this.#closed;
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#peers.close();
  }
}

function gated(incoming: IncomingSnapshot, process: Process, broken: () => void): IncomingSnapshot {
  return {
    place: incoming.place,
    write: (chunk) => process.call(() => incoming.write(chunk)),
    finish: (end) => process.call(() => incoming.finish(end)),
    suspend: () =>
      process.call(() => {
        broken();
        return incoming.suspend();
      }),
  };
}
