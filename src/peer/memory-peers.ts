import { MalformedBytesError } from '../base/byte-stream.js';
import { emptyBytes } from '../base/bytes.js';
import { isDamage, KvorumError } from '../base/errors.js';
import type { MemberId, Term } from '../base/ids.js';
import type { Timer } from '../ports/clock.js';
import { DiskError } from '../ports/disk.js';
import {
  SnapshotRefusedError,
  type IncomingSnapshot,
  type OutgoingSnapshot,
  type PeerAddress,
  type PeerIdentity,
  type Peers,
  type PeersHandler,
  type SnapshotChunk,
  type SnapshotEnd,
  type SnapshotOffer,
} from '../ports/peers.js';
import type { Message } from '../raft/types.js';
import { AddressBook } from './address-book.js';
import { refusalOf, type Purpose, type Refusal } from './greeting.js';
import type { MemoryNetwork, Station } from './memory-network.js';
import { StartEpochs } from './start-epochs.js';
import { protocolVersions, type ProtocolVersions } from './protocol-versions.js';

/** As of PeerLink. */
const callIntervalMs = 1000;

/** The receiving end of a transfer: ends by finish() or by close(), whatever the sender still does. */
class SnapshotConnection {
  #incoming: IncomingSnapshot | undefined;
  #writing: Promise<void> = Promise.resolve();
  #ended = false;

  open(incoming: IncomingSnapshot): void {
    this.#incoming = incoming;
    if (this.#ended) this.#suspend(incoming);
  }

  async write(chunk: SnapshotChunk): Promise<void> {
    this.#writing = this.#receiver().write(chunk);
    await this.#writing;
    // The sender hears of it by this connection alone, and makes the next chunk when it does.
    this.#receiver();
  }

  async finish(end: SnapshotEnd): Promise<void> {
    const incoming = this.#receiver();
    this.#ended = true;
    await incoming.finish(end);
  }

  #receiver(): IncomingSnapshot {
    if (this.#ended || this.#incoming === undefined) throw new Error('the connection was closed');
    return this.#incoming;
  }

  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#incoming !== undefined) this.#suspend(this.#incoming);
  }

  /** A receiver takes in what it has begun to, then gives up. */
  #suspend(incoming: IncomingSnapshot): void {
    const suspend = (): Promise<void> => incoming.suspend();
    this.#writing.then(suspend, suspend).catch(() => {
      // Its disk failed, which ends the receiver by itself.
    });
  }
}

/** What the receiving end says of what failed there. */
function asAnswered(error: unknown): unknown {
  if (isDamage(error)) return error;
  const isSaid = error instanceof DiskError || error instanceof KvorumError;
  return isSaid ? new SnapshotRefusedError(error.message) : error;
}

/** One member's side of a MemoryNetwork; keeps the same rules as TcpPeers. */
export class MemoryPeers implements Peers, Station {
  readonly identity: PeerIdentity;
  readonly secret: Uint8Array;
  readonly versions: ProtocolVersions;
  readonly #network: MemoryNetwork;
  readonly #book: AddressBook;
  readonly #startEpochs = new StartEpochs();
  #removed: ReadonlySet<MemberId> = new Set();
  /** Members whose messages came in, and where from. */
  readonly #talkedTo = new Map<MemberId, PeerAddress>();
  /** Callers whose greeting was welcome, as long as nothing that decides on it has changed. */
  readonly #welcome = new Set<PeerIdentity>();
  /** Whether the last message to a member could leave. */
  readonly #reachable = new Map<MemberId, boolean>();
  #handler: PeersHandler | undefined;
  #closed = false;
  #callTimer: Timer | undefined;

  /** @param versions of the protocol, as far as greetings go: messages are the same in all */
  constructor(
    network: MemoryNetwork,
    identity: PeerIdentity,
    secret: Uint8Array = emptyBytes,
    versions: ProtocolVersions = protocolVersions,
  ) {
    this.versions = versions;
    this.#network = network;
    this.identity = identity;
    this.#book = new AddressBook(identity);
    this.secret = secret;
  }

  start(handler: PeersHandler): Promise<void> {
    if (!this.#network.listen(this)) {
      const message = `the member address ${this.identity.address} is in use`;
      return Promise.reject(new KvorumError('ADDRESS_UNAVAILABLE', message));
    }
    this.#handler = handler;
    this.#callRedirected();
    return Promise.resolve();
  }

  setMembers(members: ReadonlyMap<MemberId, PeerAddress>): void {
    for (const id of this.#book.setMembers(members)) if (!members.has(id)) this.#startEpochs.delete(id);
    this.#welcome.clear();
    this.#callRedirected();
  }

  setOverrides(overrides: ReadonlyMap<MemberId, PeerAddress>): void {
    this.#book.setOverrides(overrides);
    this.#callRedirected();
  }

  /**
   * Members that have moved are called though there is nothing to say, and again and again: they may not know where this
   * one is. Where all are as the table says, messages call them soon enough.
   */
  #callRedirected(): void {
    if (this.#closed || this.#handler === undefined || this.#callTimer !== undefined) return;
    const redirected = this.#book.redirected();
    if (redirected.size === 0) return;
    for (const [id, address] of redirected) {
      this.#network.later(() => {
        const other = this.#network.at(address);
        if (this.#closed || other === undefined || !this.#network.reaches(this.identity.memberId, id)) return;
        if (this.#network.understands(this, other) && this.#network.trusts(this, other)) {
          other.called(this.identity, id);
        }
      });
    }
    this.#callTimer = this.#network.clock.setTimer(callIntervalMs, () => {
      this.#callTimer = undefined;
      this.#callRedirected();
    });
  }

  called(from: PeerIdentity, target: MemberId): void {
    if (!this.#closed && !this.#welcome.has(from)) this.#meet(from, target);
  }

  /** The first of its addresses at which it is; each is called in turn, which takes no time here. */
  #addressOf(id: MemberId): PeerAddress | undefined {
    const addresses = this.#book.addressesOf(id);
    return addresses.find((each) => this.#isAt(id, each)) ?? addresses[0];
  }

  #isAt(id: MemberId, address: PeerAddress): boolean {
    const found = this.#network.at(address)?.identity;
    return found?.memberId === id && !this.#startEpochs.isOutdated(id, found.startEpoch);
  }

  elsewhere(): ReadonlyMap<MemberId, PeerAddress> {
    return this.#book.elsewhere();
  }

  setRemoved(removed: ReadonlySet<MemberId>): void {
    this.#removed = removed;
    this.#welcome.clear();
    for (const id of removed) {
      const address = this.#talkedTo.get(id);
      this.#book.delete(id);
      this.#startEpochs.delete(id);
      this.#talkedTo.delete(id);
      if (address !== undefined) this.#tellRemoved(address);
    }
  }

  #tellRemoved(address: PeerAddress): void {
    const by = this.identity.memberId;
    this.#network.later(() => {
      const other = this.#network.at(address);
      if (other !== undefined && this.#network.reaches(by, other.identity.memberId)) other.removedBy(by);
    });
  }

  removedBy(id: MemberId): void {
    this.#handler?.removedFromCluster(id);
  }

  send(messages: readonly Message[]): void {
    if (this.#closed || this.#handler === undefined) return;
    for (const message of messages) {
      const address = this.#addressOf(message.to);
      if (address === undefined) continue;
      const other = this.#network.at(address);
      if (other === undefined || !this.#network.reaches(this.identity.memberId, message.to)) {
        this.#tellReachable(message.to, address, false);
        continue;
      }
      this.#tellReachable(message.to, address, true);
      this.#network.carry(this, address, message);
    }
  }

  #tellReachable(id: MemberId, address: PeerAddress, now: boolean): void {
    if (this.#reachable.get(id) === now) return;
    this.#reachable.set(id, now);
    this.#network.later(() => {
      if (this.#closed) return;
      if (now) this.#handler?.reachable(id, address);
      else this.#handler?.unreachable(id, address, `${address} does not answer`);
    });
  }

  /** A message has arrived; the greeting that a connection begins with holds as it would now. */
  deliver(from: PeerIdentity, message: Message): void {
    if (this.#closed) return;
    const known = message.to === this.identity.memberId && this.#welcome.has(from);
    if (!known && !this.#meet(from, message.to)) return;
    try {
      this.#handler?.message(message);
    } catch (error) {
      if (!(error instanceof MalformedBytesError)) throw error;
      this.#talkedTo.delete(from.memberId);
      this.#welcome.delete(from);
    }
  }

  heard(id: MemberId, term: Term): void {
    if (!this.#closed && this.#talkedTo.has(id)) this.#handler?.heard(id, term);
  }

  /** @returns whether the caller may stay */
  #meet(from: PeerIdentity, target: MemberId): boolean {
    const refusal = this.#greet(from, target, 'messages');
    if (refusal !== undefined) {
      this.#sendAway(from, refusal);
      // It has looked for another one here, and has said where it is itself.
      if (refusal.code === 'wrong-target') this.#heardFrom(from);
      return false;
    }
    // Whoever is older now is met again, and sent away.
    if (this.#startEpochs.heard(from.memberId, from.startEpoch)) this.#welcome.clear();
    // What it has said since its connection is up it does not say anew.
    if (this.#talkedTo.get(from.memberId) !== from.address) this.#locate(from);
    this.#welcome.add(from);
    return true;
  }

  #locate(from: PeerIdentity): void {
    this.#talkedTo.set(from.memberId, from.address);
    this.#heardFrom(from);
  }

  #heardFrom({ memberId, address }: PeerIdentity): void {
    const { forgotten } = this.#book.greeted(memberId, address);
    this.#callRedirected();
    if (forgotten === undefined) return;
    this.#talkedTo.delete(forgotten);
    this.#startEpochs.delete(forgotten);
  }

  #greet(caller: PeerIdentity, target: MemberId, purpose: Purpose): Refusal | undefined {
    return refusalOf(
      { caller, target, purpose },
      { self: this.identity, removed: this.#removed, startEpochs: this.#startEpochs },
    );
  }

  #sendAway(caller: PeerIdentity, refusal: Refusal): void {
    const by = this.identity.memberId;
    this.#network.later(() => {
      if (!this.#network.reaches(by, caller.memberId)) return;
      // On the connection that it came by: another process may have its address by now.
      const other = this.#network.at(caller.address);
      if (other?.identity === caller) other.sentAway(by, refusal);
    });
  }

  sentAway(by: MemberId, refusal: Refusal): void {
    if (this.#closed) return;
    if (refusal.code === 'removed') this.#handler?.removedFromCluster(by);
    else this.#handler?.refused(by, refusal.code, refusal.reason);
  }

  lost(id: MemberId): void {
    if (this.#closed || !this.#talkedTo.delete(id)) return;
    this.#welcome.clear();
    this.#handler?.connectionLost(id);
  }

  async sendSnapshot(to: MemberId, transfer: OutgoingSnapshot): Promise<void> {
    const address = this.#addressOf(to);
    if (address === undefined) throw new Error('the address of the member is not known');
    await this.#hop(to, transfer.signal);
    const other = this.#network.at(address);
    if (other === undefined) throw new Error(`${address} does not answer`);
    if (!this.#network.understands(this, other)) throw new Error('no common version of the protocol');
    if (!this.#network.trusts(this, other)) throw new Error('the other end does not know the secret');
    const connection = new SnapshotConnection();
    let stop: (reason: Error) => void = () => {};
    const stopped = new Promise<never>((_, reject) => {
      stop = (reason) => {
        connection.close();
        reject(reason);
      };
    });
    const end = this.#network.stream(this.identity.memberId, to, () => {
      stop(new Error('the connection was closed'));
    });
    const sent = other.offered(this.identity, to, transfer.offer).then((incoming) => {
      if (incoming === undefined) throw new Error('the snapshot is not wanted now');
      connection.open(incoming);
      return this.#sendRows(to, transfer, connection, incoming);
    });
    const { signal } = transfer;
    const abort = (): void => stop(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([sent, stopped]);
    } catch (error) {
      throw asAnswered(error);
    } finally {
      signal.removeEventListener('abort', abort);
      end();
    }
  }

  async #sendRows(
    to: MemberId,
    transfer: OutgoingSnapshot,
    connection: SnapshotConnection,
    incoming: IncomingSnapshot,
  ): Promise<void> {
    const breaks = (): boolean =>
      this.#network.chance(this.#network.conditionsOf(this.identity.memberId, to).lossProbability);
    try {
      transfer.resume(incoming.place);
      for (;;) {
        const next = transfer.next();
        await this.#hop(to, transfer.signal);
        if (breaks()) throw new Error('the connection broke');
        if (!('bytes' in next)) {
          await connection.finish(next);
          return;
        }
        await connection.write(next);
        if (breaks()) throw new Error('the connection broke');
        transfer.taken(next.number);
      }
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  async #hop(to: MemberId, signal: AbortSignal): Promise<void> {
    const self = this.identity.memberId;
    await this.#network.hop(self, to);
    signal.throwIfAborted();
    const reaches = this.#network.reaches(self, to) && this.#network.reaches(to, self);
    if (this.#closed || !reaches) throw new Error('the connection was closed');
  }

  async offered(
    from: PeerIdentity,
    to: MemberId,
    offer: SnapshotOffer,
  ): Promise<IncomingSnapshot | undefined> {
    const refusal = this.#greet(from, to, 'snapshot');
    if (refusal !== undefined) throw new Error(refusal.reason);
    if (this.#closed) throw new Error('the connection was closed');
    return this.#handler?.incomingSnapshot(from.memberId, offer);
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#callTimer?.cancel();
    this.#network.unlisten(this);
    return Promise.resolve();
  }
}
