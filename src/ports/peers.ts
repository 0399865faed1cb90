import type { FeatureLevel } from '../base/feature-levels.js';
import type { ClusterId, MemberId, Term } from '../base/ids.js';
import type { Message, SnapshotMeta } from '../raft/types.js';

/** Where a member listens for other members: host:port. */
export type PeerAddress = string;

/** Message transport between members. Messages may be lost, never altered; order holds per connection. */
export interface Peers {
  /** Begins to listen and to deliver. Rejects when the address cannot be used. */
  start(handler: PeersHandler): Promise<void>;
  /**
   * Replaces the table, with or without this member. One that is not in it, or comes from another address, is let in all the same, if it
   * knows the secret, and is called where it says that it listens, until the table says something new.
   */
  setMembers(members: ReadonlyMap<MemberId, PeerAddress>): void;
  /** Where members of the table are called in spite of it, until it says something new or they greet from elsewhere. */
  setOverrides(overrides: ReadonlyMap<MemberId, PeerAddress>): void;
  /** Members of the table whose last word on where they are is a greeting from another address. */
  elsewhere(): ReadonlyMap<MemberId, PeerAddress>;
  /** Members that were removed from the cluster: they are told so when they call. */
  setRemoved(removed: ReadonlySet<MemberId>): void;
  /** Queues; never throws. Messages of one turn leave together. Unknown receivers are dropped. */
  send(messages: readonly Message[]): void;
  /**
   * Sends a snapshot on a connection of its own; resumes where the receiver says it stands. Rejects when it breaks off, too.
   * @throws SnapshotRefusedError, KvorumError DATA_DAMAGED when it arrived damaged: the receiver has nothing of it any more
   */
  sendSnapshot(to: MemberId, transfer: OutgoingSnapshot): Promise<void>;
  close(): Promise<void>;
}

/** What a member brings another: the rows of a view of its state, as one stream of chunks. */
export interface SnapshotOffer {
  /** Random, made with the view: a transfer of the same one goes on where it broke off. */
  readonly id: bigint;
  readonly meta: SnapshotMeta;
  /** Of the state that it holds: whoever does not know it can read nothing of it. */
  readonly featureLevel: FeatureLevel;
  readonly sizeBytesEstimated: number;
}

/** How far a stream is: behind so many chunks, with the sum (CRC-32) of all their bytes. */
export interface SnapshotPlace {
  readonly chunks: number;
  readonly sum: number;
}

export interface SnapshotChunk {
  /** Counted from 1. */
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Over all bytes up to and with these. */
  readonly sum: number;
}

/** What all chunks together are. */
export interface SnapshotEnd extends SnapshotPlace {
  readonly rows: number;
}

/** The receiver cannot take it, for its disk is full, say, and has kept nothing of it. */
export class SnapshotRefusedError extends Error {
  override readonly name = 'SnapshotRefusedError';

  constructor(reason: string) {
    super(`the snapshot was refused: ${reason}`);
  }
}

export interface OutgoingSnapshot {
  readonly offer: SnapshotOffer;
  /** Called once, before next(): where the receiver stands. @throws Error: it cannot be gone on from there */
  resume(place: SnapshotPlace): void;
  /** A bounded piece of work. */
  next(): SnapshotChunk | SnapshotEnd;
  /** The receiver has so many chunks: those need not be sent again. */
  taken(chunks: number): void;
  /** Ends the transfer early; sendSnapshot then rejects at once, with the reason. */
  readonly signal: AbortSignal;
}

/** Where an arriving snapshot goes. Chunks come in order, behind `place`. */
export interface IncomingSnapshot {
  /** What is held from an earlier attempt at the same offer. */
  readonly place: SnapshotPlace;
  write(chunk: SnapshotChunk): Promise<void>;
  /** All of it is here: checks it, makes it durable and delivers it. Rejects if it is damaged (the sender begins anew). */
  finish(end: SnapshotEnd): Promise<void>;
  /** The connection broke: keep what is there. */
  suspend(): Promise<void>;
}

/** Why a member sends a caller away. Numbers on the wire are positions here: only ever append. */
export const refusalCodes = [
  'wrong-cluster',
  'wrong-version',
  'wrong-target',
  'removed',
  'own-id',
  /** Said by earlier versions alone, to a member that had moved. */
  'wrong-address',
  'busy',
  /** Without a reason: one of the two does not know the other's secret. */
  'refused',
  /** Another process with this id and a higher start epoch has been heard. */
  'superseded',
] as const;
export type RefusalCode = (typeof refusalCodes)[number];

export interface PeersHandler {
  /** @throws MalformedBytesError: no member of this cluster says so; the connection that brought it is closed */
  message(message: Message): void;
  /**
   * A part of a long message that member `id` sent in `term` has arrived; or `id` has taken in bytes of one that was sent to
   * it in that term. Told only while a message is under way and gets on.
   */
  heard(id: MemberId, term: Term): void;
  /** A connection that was up closed: the process at the other end probably died. */
  connectionLost(id: MemberId): void;
  /** Messages go to this member, for the first time or again. */
  reachable(id: MemberId, address: PeerAddress): void;
  /** Messages to this member are being dropped (no connection). Told once per loss and reason, which is one line. */
  unreachable(id: MemberId, address: PeerAddress, reason: string): void;
  /** Another member says that this one was removed from the cluster. */
  removedFromCluster(by: MemberId): void;
  /** The member at `id`'s address sends this one away. May be told again at each attempt. */
  refused(id: MemberId, code: RefusalCode, reason: string): void;
  /** Undefined: not wanted (another transfer is under way, or it is older than what is here). */
  incomingSnapshot(from: MemberId, offer: SnapshotOffer): Promise<IncomingSnapshot | undefined>;
}

/** What a member says of itself when it connects. */
export interface PeerIdentity {
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly name: string;
  /** Where it listens, as the others should have it in their member table. */
  readonly address: PeerAddress;
  /** As of the data folder; absent: of a version without. */
  readonly startEpoch?: number;
}
