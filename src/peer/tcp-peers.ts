import { createServer, type Server, type Socket } from 'node:net';
import { KvorumError } from '../base/errors.js';
import { formatId, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { RandomSource } from '../base/prng.js';
import type { Clock } from '../ports/clock.js';
import type { OutgoingSnapshot, PeerAddress, PeerIdentity, Peers, PeersHandler } from '../ports/peers.js';
import type { Message } from '../raft/types.js';
import { RefusedError } from './dial.js';
import { refusalOf, type Hello, type Refusal } from './greeting.js';
import { InboundConnection } from './inbound-connection.js';
import { PeerLink } from './peer-link.js';
import { sendSnapshot } from './snapshot-sender.js';

export interface TcpPeersOptions {
  readonly identity: PeerIdentity;
  readonly listenHost: string;
  readonly listenPort: number;
  readonly random: RandomSource;
  readonly clock: Clock;
  readonly log: Log;
}

/** Connections that other processes may hold open on the Raft port. */
export const connectionsMax = 1024;
/** Of these, that have not said who they are; one more, and the oldest gives way. Members say so at once. */
export const strangersMax = 256;
/** Members that called, but are not in the member table yet. */
const learntMax = 64;

/** The members of a cluster over TCP: one connection for each direction, one more for each snapshot. */
export class TcpPeers implements Peers {
  readonly #options: TcpPeersOptions;
  readonly #server: Server;
  readonly #inbound = new Set<InboundConnection>();
  /** Of these, whose greeting is awaited, oldest first. */
  readonly #strangers = new Set<InboundConnection>();
  readonly #links = new Map<MemberId, PeerLink>();
  #members: ReadonlyMap<MemberId, PeerAddress> = new Map();
  #removed: ReadonlySet<MemberId> = new Set();
  /** Where members that are not in the table listen, as they said themselves. */
  readonly #learnt = new Map<MemberId, PeerAddress>();
  /** Members with a connection that was welcomed, in either direction. */
  readonly #alive = new Set<MemberId>();
  /** Who was sent away last, and why: a caller that comes again and again is logged once. */
  readonly #sentAway = new Map<MemberId, string>();
  #handler: PeersHandler | undefined;
  #closed = false;

  constructor(options: TcpPeersOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
    this.#server.maxConnections = connectionsMax;
  }

  async start(handler: PeersHandler): Promise<void> {
    const { listenHost, listenPort } = this.#options;
    this.#handler = handler;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const why = error.code === 'EADDRINUSE' ? 'is in use' : `cannot be used (${error.message})`;
        const message = `raftport ${listenPort} on ${listenHost} ${why}`;
        reject(new KvorumError('ADDRESS_UNAVAILABLE', message, { cause: error }));
      });
      this.#server.listen(listenPort, listenHost, resolve);
    });
    this.#server.on('error', (error) => {
      this.#options.log.warn({ error: error.message }, 'accepting a member failed');
    });
    for (const id of this.#members.keys()) this.#linkTo(id);
  }

  /** The port that is listened on, for those that asked for any. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : this.#options.listenPort;
  }

  setMembers(members: ReadonlyMap<MemberId, PeerAddress>): void {
    this.#members = members;
    for (const id of members.keys()) this.#learnt.delete(id);
    for (const [id, link] of this.#links) {
      if (this.#addressOf(id) === link.address) continue;
      link.close();
      this.#links.delete(id);
    }
    if (this.#handler === undefined) return;
    for (const id of members.keys()) this.#linkTo(id);
  }

  setRemoved(removed: ReadonlySet<MemberId>): void {
    this.#removed = removed;
    for (const id of removed) this.#learnt.delete(id);
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
    const { identity: self, clock } = this.#options;
    const address = this.#addressOf(to);
    if (address === undefined) throw new Error(`the address of member ${formatId(to)} is not known`);
    try {
      await sendSnapshot({ self, target: to, address, clock }, transfer);
    } catch (error) {
      if (error instanceof RefusedError) this.#refused(to, error.refusal);
      throw error;
    }
  }

  #addressOf(id: MemberId): PeerAddress | undefined {
    return this.#members.get(id) ?? this.#learnt.get(id);
  }

  #linkTo(id: MemberId): PeerLink | undefined {
    const present = this.#links.get(id);
    if (present !== undefined || this.#closed || this.#handler === undefined) return present;
    const address = this.#addressOf(id);
    if (address === undefined || id === this.#options.identity.memberId) return undefined;
    const { identity: self, clock, random, log } = this.#options;
    const link = new PeerLink({
      self,
      target: id,
      address,
      clock,
      random,
      listener: {
        up: () => this.#alive.add(id),
        lost: () => this.#lost(id),
        unreachable: (reason) => {
          log.debug({ peer: formatId(id), address, reason }, 'no connection to a member');
          this.#handler?.unreachable(id);
        },
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
    const connection: InboundConnection = new InboundConnection({
      socket,
      clock: this.#options.clock,
      handler,
      listener: {
        greeted: (hello) => {
          this.#strangers.delete(connection);
          return this.#greeted(hello);
        },
        closed: (byOther) => {
          this.#inbound.delete(connection);
          this.#strangers.delete(connection);
          const { caller, purpose } = connection;
          if (byOther && caller !== undefined && purpose === 'messages') this.#lost(caller);
        },
      },
    });
    this.#inbound.add(connection);
    const [oldest] = this.#strangers;
    if (this.#strangers.size >= strangersMax) oldest!.close();
    this.#strangers.add(connection);
  }

  #greeted(hello: Hello): Refusal | undefined {
    const { identity: self, log } = this.#options;
    const { memberId: id, name, address } = hello.caller;
    const refusal = refusalOf(hello, { self, members: this.#members, removed: this.#removed });
    if (refusal !== undefined) {
      if (this.#sentAway.get(id) !== refusal.reason) {
        log.warn({ peer: formatId(id), name, address, reason: refusal.reason }, 'sent a caller away');
      }
      if (this.#sentAway.size >= learntMax) this.#sentAway.clear();
      this.#sentAway.set(id, refusal.reason);
      return refusal;
    }
    this.#sentAway.delete(id);
    if (hello.purpose === 'snapshot') return undefined;
    // A caller has one connection; an older one is a leftover of a network that broke.
    for (const other of this.#inbound) {
      if (other.caller === id && other.purpose === 'messages') other.close();
    }
    this.#alive.add(id);
    if (!this.#members.has(id)) this.#learn(id, address);
    this.#links.get(id)?.hurry();
    return undefined;
  }

  #learn(id: MemberId, address: PeerAddress): void {
    const link = this.#links.get(id);
    if (link !== undefined && link.address !== address) {
      link.close();
      this.#links.delete(id);
    }
    this.#learnt.delete(id);
    this.#learnt.set(id, address);
    const [oldest] = this.#learnt.keys();
    if (this.#learnt.size <= learntMax || oldest === undefined) return;
    this.#learnt.delete(oldest);
    this.#links.get(oldest)?.close();
    this.#links.delete(oldest);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const link of this.#links.values()) link.close();
    for (const connection of this.#inbound) connection.close();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
