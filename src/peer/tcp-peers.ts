import { createServer, type Server, type Socket } from 'node:net';
import { KvorumError } from '../base/errors.js';
import { formatId, type MemberId } from '../base/ids.js';
import { listenBacklogMax } from '../base/listen-backlog.js';
import type { Log } from '../base/log.js';
import type { RandomSource } from '../base/prng.js';
import { RatedLog } from '../base/rated-log.js';
import type { Clock } from '../ports/clock.js';
import type { OutgoingSnapshot, PeerAddress, PeerIdentity, Peers, PeersHandler } from '../ports/peers.js';
import type { Message } from '../raft/types.js';
import { AddressBook } from './address-book.js';
import { RefusedError } from './dial.js';
import { refusalOf, type Hello, type Refusal } from './greeting.js';
import { InboundBudget } from './inbound-budget.js';
import { InboundConnection } from './inbound-connection.js';
import { MemberAddresses } from './member-addresses.js';
import { OwnNonces } from './own-nonces.js';
import { PeerLink } from './peer-link.js';
import type { ProtocolVersions } from './protocol-versions.js';
import { SentAwayLog } from './sent-away-log.js';
import { sendSnapshot } from './snapshot-sender.js';
import { StrangerLog } from './stranger-log.js';
import { StartEpochs } from './start-epochs.js';
import { Strangers } from './strangers.js';

export interface TcpPeersOptions {
  readonly identity: PeerIdentity;
  /** What all members of the cluster know, and nobody else; empty in a cluster that was founded without one. */
  readonly secret: Uint8Array;
  readonly listenHost: string;
  readonly listenPort: number;
  /** Listens there already: its socket is taken at the start, served from then on, and closed at the end. */
  readonly reserved?: { take(): Server };
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly log: Log;
  /** Of the protocol; default: those of this version of Kvorum. */
  readonly versions?: ProtocolVersions;
  /** Connections that other processes may hold open here; default and at most `connectionsMax`. */
  readonly connectionsMax?: number;
}

/** Connections that other processes may hold open on the Raft port. Those of members are far fewer. */
export const connectionsMax = 1024;

/** The members of a cluster over TCP: one connection for each direction, one more for each snapshot. */
export class TcpPeers implements Peers {
  readonly #options: TcpPeersOptions;
  readonly #server: Server;
  readonly #inbound = new Set<InboundConnection>();
  /** Of these, whose greeting is awaited. */
  readonly #strangers: Strangers<InboundConnection>;
  readonly #strangerLog: StrangerLog;
  readonly #memberAddresses = new MemberAddresses();
  readonly #budget = new InboundBudget();
  readonly #ownNonces = new OwnNonces();
  readonly #links = new Map<MemberId, PeerLink>();
  readonly #book: AddressBook;
  readonly #startEpochs = new StartEpochs();
  #removed: ReadonlySet<MemberId> = new Set();
  /** Members with a connection that was welcomed, in either direction. */
  readonly #alive = new Set<MemberId>();
  readonly #sentAwayLog: SentAwayLog;
  readonly #acceptLog: RatedLog;
  #handler: PeersHandler | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(options: TcpPeersOptions) {
    this.#options = options;
    this.#book = new AddressBook(options.identity);
    this.#strangers = new Strangers((group) => this.#memberAddresses.has(group));
    this.#strangerLog = new StrangerLog(options.clock, options.log);
    this.#sentAwayLog = new SentAwayLog(options.clock, options.log);
    this.#acceptLog = new RatedLog(options.log);
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = options.connectionsMax ?? connectionsMax;
  }

  async start(handler: PeersHandler): Promise<void> {
    const { listenHost, listenPort, reserved } = this.#options;
    this.#handler = handler;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.message})`;
        const message = `raftport ${listenPort} on ${listenHost} ${why}`;
        reject(new KvorumError('ADDRESS_UNAVAILABLE', message, { cause: error }));
      });
      const backlog = listenBacklogMax;
      if (reserved === undefined)
        this.#server.listen({ port: listenPort, host: listenHost, backlog }, resolve);
      else this.#server.listen(reserved.take(), backlog, resolve);
    });
    this.#server.on('error', (error) => this.#acceptFailed(error));
    for (const id of this.#book.members.keys()) this.#linkTo(id);
  }

  /** When there are no file descriptors left, for example: it goes on with the next one. */
  #acceptFailed({ message }: Error): void {
    const nowMs = this.#options.clock.monotonicMs();
    this.#acceptLog.sweep(nowMs);
    this.#acceptLog.tell('warn', { error: message }, 'a member could not be accepted', undefined, nowMs);
  }

  /** What strangers and members make this one hold now. */
  get held(): { readonly strangers: number; readonly connections: number; readonly frameSizeBytes: number } {
    return {
      strangers: this.#strangers.size,
      connections: this.#inbound.size,
      frameSizeBytes: this.#budget.sizeBytes,
    };
  }

  /** The port that is listened on, for those that asked for any. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.listenPort;
  }

  setMembers(members: ReadonlyMap<MemberId, PeerAddress>): void {
    const others = new Map(members);
    others.delete(this.#options.identity.memberId);
    this.#memberAddresses.setMembers(others);
    for (const id of this.#book.setMembers(members)) {
      if (!members.has(id)) this.#startEpochs.delete(id);
      this.#redirect(id);
    }
    if (this.#handler === undefined) return;
    for (const id of members.keys()) this.#linkTo(id);
  }

  setOverrides(overrides: ReadonlyMap<MemberId, PeerAddress>): void {
    for (const id of this.#book.setOverrides(overrides)) this.#redirect(id);
  }

  /** The member is to be called at another address first, or nowhere. */
  #redirect(id: MemberId): void {
    const [first] = this.#book.addressesOf(id);
    const link = this.#links.get(id);
    if (link !== undefined && link.address !== first) {
      link.close();
      this.#links.delete(id);
    }
    if (this.#handler !== undefined && this.#book.members.has(id)) this.#linkTo(id);
  }

  elsewhere(): ReadonlyMap<MemberId, PeerAddress> {
    return this.#book.elsewhere();
  }

  setRemoved(removed: ReadonlySet<MemberId>): void {
    this.#removed = removed;
    for (const id of removed) {
      if (this.#book.members.has(id)) continue;
      this.#book.delete(id);
      this.#startEpochs.delete(id);
      this.#redirect(id);
    }
    for (const connection of this.#inbound) {
      const { caller } = connection;
      if (caller !== undefined && removed.has(caller)) {
        connection.refuse({ code: 'removed', reason: `member ${formatId(caller)} was removed` });
      }
    }
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) this.#linkTo(message.to)?.send(message);
  }

  async sendSnapshot(to: MemberId, transfer: OutgoingSnapshot): Promise<void> {
    const { identity: self, secret, versions, clock } = this.#options;
    const link = this.#links.get(to);
    const address = link?.isUp === true ? link.address : this.#book.addressesOf(to)[0];
    if (address === undefined) throw new Error(`the address of member ${formatId(to)} is not known`);
    try {
      const call = { self, secret, versions, ownNonces: this.#ownNonces, target: to, address, clock };
      await sendSnapshot(call, transfer);
    } catch (error) {
      if (error instanceof RefusedError) this.#refused(to, error.refusal);
      throw error;
    }
  }

  #linkTo(id: MemberId): PeerLink | undefined {
    const present = this.#links.get(id);
    if (present !== undefined || this.#closed || this.#handler === undefined) return present;
    if (id === this.#options.identity.memberId || this.#book.addressesOf(id).length === 0) return undefined;
    const { identity: self, secret, versions, clock, random, log } = this.#options;
    const link = new PeerLink({
      self,
      secret,
      versions,
      ownNonces: this.#ownNonces,
      target: id,
      addresses: () => this.#book.addressesOf(id),
      clock,
      random,
      listener: {
        isCurrent: (startEpoch) => this.#isCurrent(id, startEpoch),
        up: (address, remoteAddress) => {
          this.#alive.add(id);
          this.#memberAddresses.seen(id, remoteAddress);
          this.#handler?.reachable(id, address);
        },
        lost: () => this.#lost(id),
        unreachable: (address, reason) => {
          log.debug({ peer: formatId(id), address, reason }, 'no connection to a member');
          this.#handler?.unreachable(id, address, reason);
        },
        taken: (term) => this.#handler?.heard(id, term),
        refused: (refusal) => this.#refused(id, refusal),
      },
    });
    this.#links.set(id, link);
    return link;
  }

  /** Told once, however many connections the end of one process closes. */
  #lost(id: MemberId): void {
    if (this.#alive.delete(id) && !this.#closed) this.#handler?.connectionLost(id);
  }

  #refused(id: MemberId, refusal: Refusal): void {
    if (this.#closed) return;
    if (refusal.code === 'removed') this.#handler?.removedFromCluster(id);
    else if (refusal.code !== 'busy') this.#handler?.refused(id, refusal.code, refusal.reason);
  }

  #accept(socket: Socket): void {
    const handler = this.#handler;
    if (this.#closed || handler === undefined) return void socket.destroy();
    const { secret, versions, clock } = this.#options;
    const connection: InboundConnection = new InboundConnection({
      socket,
      startEpoch: this.#options.identity.startEpoch,
      secret,
      versions,
      clock,
      handler,
      budget: this.#budget,
      listener: {
        isOwnNonce: (nonce) => this.#ownNonces.has(nonce),
        greeted: (hello) => {
          this.#strangers.delete(connection);
          return this.#greeted(hello, connection.remoteAddress);
        },
        failed: (reason, hello) => this.#failed(connection.remoteAddress, reason, hello),
        closed: (byOther) => {
          this.#inbound.delete(connection);
          this.#strangers.delete(connection);
          const { caller, purpose } = connection;
          if (byOther && caller !== undefined && purpose === 'messages') this.#lost(caller);
        },
      },
    });
    this.#inbound.add(connection);
    const gaveWay = this.#strangers.add(connection, connection.remoteAddress);
    if (gaveWay !== undefined) this.#strangerLog.sentAway(gaveWay.remoteAddress, 'too many at once');
  }

  #failed(remoteAddress: string, reason: string, hello: Hello | undefined): void {
    if (this.#closed) return;
    if (hello === undefined) {
      this.#strangerLog.sentAway(remoteAddress, reason);
      return;
    }
    const { memberId: id, name } = hello.caller;
    this.#sentAwayLog.sentAway(id, reason, { name, address: remoteAddress });
  }

  /** The caller knows the secret. */
  #greeted(hello: Hello, remoteAddress: string): Refusal | undefined {
    const { identity: self } = this.#options;
    const { memberId: id, name, address, startEpoch } = hello.caller;
    const refusal = refusalOf(hello, { self, removed: this.#removed, startEpochs: this.#startEpochs });
    if (refusal !== undefined) {
      this.#sentAwayLog.sentAway(id, refusal.reason, { name, address });
      if (refusal.code === 'wrong-target') this.#soughtAnother(id, address);
      return refusal;
    }
    this.#sentAwayLog.welcomed(id);
    this.#isCurrent(id, startEpoch);
    // A caller has one connection for each purpose; an older one is a leftover of a network that broke.
    for (const other of this.#inbound) {
      // One that is outdated was told so, and is ending.
      const ends = this.#startEpochs.isOutdated(id, other.startEpoch);
      if (other.caller === id && other.purpose === hello.purpose && !ends) other.close();
    }
    this.#locate(id, address);
    this.#memberAddresses.seen(id, remoteAddress);
    if (hello.purpose === 'snapshot') return undefined;
    this.#alive.add(id);
    this.#links.get(id)?.hurry();
    return undefined;
  }

  /** A member has looked for another one here: it has said where it is itself, and may not know where this one is. */
  #soughtAnother(id: MemberId, address: PeerAddress): void {
    this.#locate(id, address);
    this.#links.get(id)?.hurry();
  }

  /** A process of the member has proven itself. Connections with older ones end. */
  #isCurrent(id: MemberId, startEpoch: number | undefined): boolean {
    if (this.#startEpochs.heard(id, startEpoch)) this.#fence(id);
    return !this.#startEpochs.isOutdated(id, startEpoch);
  }

  #fence(id: MemberId): void {
    for (const other of this.#inbound) {
      if (other.caller !== id || !this.#startEpochs.isOutdated(id, other.startEpoch)) continue;
      other.supersede();
    }
    const link = this.#links.get(id);
    if (link === undefined || !this.#startEpochs.isOutdated(id, link.startEpoch)) return;
    link.close();
    this.#links.delete(id);
    this.#linkTo(id);
  }

  #locate(id: MemberId, address: PeerAddress): void {
    const { moved, forgotten } = this.#book.greeted(id, address);
    if (moved) this.#redirect(id);
    if (forgotten === undefined) return;
    this.#startEpochs.delete(forgotten);
    this.#redirect(forgotten);
    this.#memberAddresses.delete(forgotten);
    for (const connection of this.#inbound) if (connection.caller === forgotten) connection.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#strangerLog.close();
    this.#sentAwayLog.close();
    this.#acceptLog.close();
    for (const link of this.#links.values()) link.close();
    for (const connection of this.#inbound) connection.close();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
