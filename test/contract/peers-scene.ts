import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { MalformedBytesError } from '../../src/base/byte-stream.js';
import { KvorumError } from '../../src/base/errors.js';
import type { MemberId } from '../../src/base/ids.js';
import type { ProtocolVersions } from '../../src/peer/protocol-versions.js';
import type {
  IncomingSnapshot,
  PeerIdentity,
  Peers,
  PeersHandler,
  SnapshotOffer,
} from '../../src/ports/peers.js';
import type { Message } from '../../src/raft/types.js';

/** How one kind of transport is made. */
export interface PeersKind {
  readonly name: string;
  /** An address that is free. */
  address(): Promise<string>;
  make(identity: PeerIdentity, secret: Uint8Array, versions?: ProtocolVersions): Peers;
}

export const clusterId = 7n;
export const secret: Uint8Array = new Uint8Array(32).fill(5);

/** What one end was told, in order, as lines; emits 'line' with each. */
class Told extends EventEmitter implements PeersHandler {
  readonly lines: string[] = [];
  readonly messages: Message[] = [];
  /** By member, the address that was told last. */
  readonly whereIs = new Map<MemberId, string>();
  readonly snapshot = {
    ...{ bytes: new Uint8Array(0), chunks: 0, sum: 0 },
    offer: undefined as SnapshotOffer | undefined,
  };
  /** Holds up each chunk of a snapshot. */
  takes: () => Promise<void> = () => Promise.resolve();
  /** Holds up the end of a snapshot. */
  finishes: () => Promise<void> = () => Promise.resolve();
  findsDamage = false;
  /** Finds fault with every message. */
  malformed = false;
  /** Incoming chunks after which the receiver fails, once. */
  failAfterBytes = Infinity;
  wanted = true;

  #tell(line: string): void {
    this.lines.push(line);
    this.emit('line', line);
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await once(this, 'line', { signal: AbortSignal.timeout(10_000) });
  }

  message(message: Message): void {
    if (this.malformed) {
      this.#tell(`malformed ${message.type}`);
      throw new MalformedBytesError('as the test wants it');
    }
    this.messages.push(message);
    this.#tell(`message ${message.type}`);
  }

  /** Not a line: how often depends on the transport. */
  heard(): void {}

  connectionLost(id: MemberId): void {
    this.#tell(`lost ${id}`);
  }

  reachable(id: MemberId, address: string): void {
    this.whereIs.set(id, address);
    this.#tell(`reachable ${id}`);
  }

  unreachable(id: MemberId, address: string, reason: string): void {
    assert.ok(reason !== '');
    this.whereIs.set(id, address);
    this.#tell(`unreachable ${id}`);
  }

  removedFromCluster(by: MemberId): void {
    this.#tell(`removed by ${by}`);
  }

  refused(id: MemberId, code: string): void {
    this.#tell(`refused by ${id}: ${code}`);
  }

  incomingSnapshot(from: MemberId, offer: SnapshotOffer): Promise<IncomingSnapshot | undefined> {
    this.#tell(`snapshot offered by ${from}`);
    if (!this.wanted) return Promise.resolve(undefined);
    if (this.snapshot.offer?.id !== offer.id) {
      Object.assign(this.snapshot, { bytes: new Uint8Array(0), chunks: 0, sum: 0, offer });
    }
    const held = this.snapshot;
    return Promise.resolve({
      place: { chunks: held.chunks, sum: held.sum },
      write: ({ number, bytes, sum }) => {
        assert.equal(number, held.chunks + 1, 'chunks come in order');
        if (held.bytes.length >= this.failAfterBytes) {
          this.failAfterBytes = Infinity;
          return Promise.reject(new Error('broken off by the test'));
        }
        const grown = new Uint8Array(held.bytes.length + bytes.length);
        grown.set(held.bytes);
        grown.set(bytes, held.bytes.length);
        Object.assign(held, { bytes: grown, chunks: number, sum });
        return this.takes();
      },
      finish: async ({ chunks, sum }) => {
        assert.deepEqual([chunks, sum], [held.chunks, held.sum]);
        await this.finishes();
        if (this.findsDamage) throw new KvorumError('DATA_DAMAGED', 'a bit is wrong');
        this.#tell('snapshot finished');
      },
      suspend: () => {
        this.#tell(`snapshot suspended at ${held.bytes.length}`);
        return Promise.resolve();
      },
    });
  }
}

export interface End {
  readonly identity: PeerIdentity;
  readonly peers: Peers;
  readonly told: Told;
}

export function heartbeat(from: End, to: End, commit = 0): Message {
  return {
    type: 'heartbeat',
    from: from.identity.memberId,
    to: to.identity.memberId,
    term: 1,
    commit,
    readRound: 0,
    leaseReads: false,
  };
}

export type Make = (
  id: bigint,
  cluster?: bigint,
  address?: string,
  known?: Uint8Array,
  versions?: ProtocolVersions,
  startEpoch?: number,
) => Promise<End>;

/** Ends that are closed when `action` is over. */
export async function scene(kind: PeersKind, action: (make: Make) => Promise<void>): Promise<void> {
  const ends: End[] = [];
  const make = async (
    id: bigint,
    cluster = clusterId,
    given?: string,
    known = secret,
    versions?: ProtocolVersions,
    startEpoch?: number,
  ): Promise<End> => {
    const address = given ?? (await kind.address());
    const named = { clusterId: cluster, memberId: id, name: `n${id}`, address };
    const identity = startEpoch === undefined ? named : { ...named, startEpoch };
    const end = { identity, peers: kind.make(identity, known, versions), told: new Told() };
    ends.push(end);
    await end.peers.start(end.told);
    return end;
  };
  try {
    await action(make);
  } finally {
    for (const { peers } of ends) await peers.close();
  }
}

export function acquaint(...ends: End[]): void {
  for (const end of ends) {
    const others = ends.filter((other) => other !== end);
    end.peers.setMembers(new Map(others.map((each) => [each.identity.memberId, each.identity.address])));
  }
}

/** Sends again and again: what goes before there is a connection is lost. */
export async function sendUntilHeard(from: End, to: End): Promise<void> {
  const before = to.told.messages.length;
  while (to.told.messages.length === before) {
    from.peers.send([heartbeat(from, to)]);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
