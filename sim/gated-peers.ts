import { isDamage } from '../src/base/errors.js';
import type { MemberId } from '../src/base/ids.js';
import type { MemoryPeers } from '../src/peer/memory-peers.js';
import type {
  IncomingSnapshot,
  OutgoingSnapshot,
  PeerAddress,
  Peers,
  PeersHandler,
} from '../src/ports/peers.js';
import type { Message } from '../src/raft/types.js';
import type { Process } from './process.js';

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
  #closed = false;

  constructor(
    peers: MemoryPeers,
    process: Process,
    sent: (messages: readonly Message[]) => void,
    failed: (error: unknown) => void,
    read: (message: Message) => Message,
  ) {
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
      incomingSnapshot: async (from, header) => {
        const incoming = await process.call(() => handler.incomingSnapshot(from, header));
        return incoming === undefined ? undefined : gated(incoming, process);
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

  /** One that arrived damaged must not be sent again: it may be damaged where it was made. */
  async sendSnapshot(to: MemberId, transfer: OutgoingSnapshot): Promise<void> {
    const { id } = transfer.header;
    if (this.#damaged.has(id)) this.#failed(new Error(`the damaged snapshot ${id} is sent again`));
    try {
      await this.#peers.sendSnapshot(to, transfer);
    } catch (error) {
      if (isDamage(error)) this.#damaged.add(id);
      throw error;
    }
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

function gated(incoming: IncomingSnapshot, process: Process): IncomingSnapshot {
  return {
    receivedBytes: incoming.receivedBytes,
    write: (position, bytes) => process.call(() => incoming.write(position, bytes)),
    finish: () => process.call(() => incoming.finish()),
    suspend: () => process.call(() => incoming.suspend()),
  };
}
