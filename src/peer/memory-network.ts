import { assert } from '../base/assert.js';
import { ByteReader, ByteWriter } from '../base/byte-stream.js';
import { equalBytes } from '../base/bytes.js';
import type { MemberId, Term } from '../base/ids.js';
import { randomInt, type RandomSource } from '../base/prng.js';
import type { Clock } from '../ports/clock.js';
import type { IncomingSnapshot, PeerIdentity, SnapshotOffer } from '../ports/peers.js';
import type { Message } from '../raft/types.js';
import type { Refusal } from './greeting.js';
import { readMessage, writeMessage } from './message-codec.js';
import { partSizeBytes } from './message-parts.js';
import { NarrowWay } from './narrow-way.js';
import { commonVersion, VersionError, type ProtocolVersions } from './protocol-versions.js';

/** How the network behaves; may be changed while it runs. Probabilities from 0 to 1. */
export interface NetworkConditions {
  latencyMsMin: number;
  latencyMsMax: number;
  lossProbability: number;
  duplicateProbability: number;
  /** Messages may overtake each other, as over connections that were made anew in between. */
  reorders: boolean;
  /** Of messages in one direction; Infinity: none waits for another. */
  bandwidthBytesPerMs: number;
  /** Of a long message over such a bandwidth, in one frame. */
  messagePartSizeBytes: number;
}

export const perfectNetwork: NetworkConditions = {
  latencyMsMin: 0,
  latencyMsMax: 0,
  lossProbability: 0,
  duplicateProbability: 0,
  reorders: false,
  bandwidthBytesPerMs: Infinity,
  messagePartSizeBytes: partSizeBytes,
};

/** A message, or a part of a snapshot, that leaves one member for another. */
export interface Parcel {
  readonly type: Message['type'] | 'snapshot-part';
  readonly from: MemberId;
  readonly to: MemberId;
  /** undefined: a part of a snapshot. */
  readonly message: Message | undefined;
}

/** @returns whether it keeps the parcel back; it is then lost unless `arrive` is called, at any time */
export type Holder = (parcel: Parcel, arrive: () => void) => boolean;

/** What a member of the network does for the others. */
export interface Station {
  readonly identity: PeerIdentity;
  readonly secret: Uint8Array;
  readonly versions: ProtocolVersions;
  /** A message has arrived. */
  deliver(from: PeerIdentity, message: Message): void;
  /** Another member has connected and greeted this one. */
  called(from: PeerIdentity, target: MemberId): void;
  /** Bytes of a long message from or to member `id`, of `term`, have arrived. */
  heard(id: MemberId, term: Term): void;
  /** The process of member `id` has ended. */
  lost(id: MemberId): void;
  /** Member `by` tells this one that it was removed. */
  removedBy(by: MemberId): void;
  sentAway(by: MemberId, refusal: Refusal): void;
  /** @returns undefined if the snapshot is not wanted */
  offered(from: PeerIdentity, to: MemberId, offer: SnapshotOffer): Promise<IncomingSnapshot | undefined>;
}

/**
 * Members that reach each other in one process. All delays come from the clock and all chance from `random`, so
 * that with a virtual clock a run is repeated exactly.
 */
export class MemoryNetwork {
  readonly clock: Clock;
  readonly #random: RandomSource;
  readonly conditions: NetworkConditions;
  readonly #byAddress = new Map<string, Station>();
  /** Of one direction, "from>to", where it is not as `conditions` say. */
  readonly #links = new Map<string, Partial<NetworkConditions>>();
  /** One-way, "from>to": how many reasons there are. */
  readonly #cuts = new Map<string, number>();
  /** Transfers that go on as long as both ends live. */
  readonly #streams = new Set<Stream>();
  /** Of two members: the number of the last message that was sent before their connections were closed. */
  readonly #closings = new Map<string, number>();
  readonly #holders = new Set<Holder>();
  #sent = 0;
  readonly #writer = new ByteWriter();
  /** By sender, then address. */
  readonly #ways = new Map<string, Map<string, Way>>();
  /** Told what becomes of each message. */
  watch: (event: 'arrives' | 'lost', message: Message) => void = () => {};

  constructor(clock: Clock, random: RandomSource, conditions: Partial<NetworkConditions> = {}) {
    this.clock = clock;
    this.#random = random;
    this.conditions = { ...perfectNetwork, ...conditions };
  }

  /** @returns false: the address is in use */
  listen(station: Station): boolean {
    const { address } = station.identity;
    if (this.#byAddress.has(address)) return false;
    this.#byAddress.set(address, station);
    return true;
  }

  /** The member's connections close: those that had talked to it notice. */
  unlisten(station: Station): void {
    const { address, memberId } = station.identity;
    if (this.#byAddress.get(address) !== station) return;
    this.#byAddress.delete(address);
    this.#resetNarrow((from, to) => from === address || to === address);
    for (const stream of [...this.#streams]) {
      if (stream.from === memberId || stream.to === memberId) this.#break(stream);
    }
    for (const other of this.#byAddress.values()) {
      if (this.reaches(memberId, other.identity.memberId)) this.later(() => other.lost(memberId));
    }
  }

  at(address: string): Station | undefined {
    return this.#byAddress.get(address);
  }

  /** Nothing goes from `from` to `to` until the returned function is called, or heal(). */
  cut(from: MemberId, to: MemberId): () => void {
    const direction = `${from}>${to}`;
    this.#cuts.set(direction, (this.#cuts.get(direction) ?? 0) + 1);
    return () => {
      const left = (this.#cuts.get(direction) ?? 0) - 1;
      if (left > 0) this.#cuts.set(direction, left);
      else this.#cuts.delete(direction);
    };
  }

  /** Nothing goes between the members of different groups; within a group all is as it was. @returns ends it */
  partition(...groups: readonly (readonly MemberId[])[]): () => void {
    const ends: (() => void)[] = [];
    for (const group of groups) {
      for (const other of groups) {
        if (other === group) continue;
        for (const from of group) for (const to of other) ends.push(this.cut(from, to));
      }
    }
    return () => {
      for (const end of ends) end();
    };
  }

  heal(): void {
    this.#cuts.clear();
  }

  reaches(from: MemberId, to: MemberId): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(`${from}>${to}`);
  }

  /** One direction behaves differently from the rest of the network; undefined: as the rest again. */
  setLink(from: MemberId, to: MemberId, conditions: Partial<NetworkConditions> | undefined): void {
    if (conditions === undefined) this.#links.delete(`${from}>${to}`);
    else this.#links.set(`${from}>${to}`, conditions);
  }

  /** Of one direction. */
  conditionsOf(from: MemberId, to: MemberId): NetworkConditions {
    const own = this.#links.size === 0 ? undefined : this.#links.get(`${from}>${to}`);
    return own === undefined ? this.conditions : { ...this.conditions, ...own };
  }

  /** The connections between two members close: what is on its way is lost, and both notice. */
  disconnect(one: MemberId, other: MemberId): void {
    this.#closings.set(pairOf(one, other), this.#sent);
    for (const stream of [...this.#streams]) {
      if (stream.from === one && stream.to === other) this.#break(stream);
      if (stream.from === other && stream.to === one) this.#break(stream);
    }
    const ends = new Set([one, other]);
    const isOf = (address: string): boolean => ends.has(this.at(address)?.identity.memberId ?? 0n);
    this.#resetNarrow((from, to) => isOf(from) && isOf(to));
    for (const station of this.#byAddress.values()) {
      const { memberId } = station.identity;
      if (memberId === one) this.later(() => station.lost(other));
      if (memberId === other) this.later(() => station.lost(one));
    }
  }

  #closedSince(sent: number, message: Message): boolean {
    return this.#closings.size > 0 && (this.#closings.get(pairOf(message.from, message.to)) ?? 0) >= sent;
  }

  /** Holds a transfer between two members; `broken` is called once if either ends before the returned function. */
  stream(from: MemberId, to: MemberId, broken: () => void): () => void {
    const stream = { from, to, broken };
    this.#streams.add(stream);
    return () => void this.#streams.delete(stream);
  }

  #break(stream: Stream): void {
    if (this.#streams.delete(stream)) stream.broken();
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#random.nextUint32() < probability * 0x1_0000_0000;
  }

  latencyMs(conditions = this.conditions): number {
    const { latencyMsMin, latencyMsMax } = conditions;
    assert(latencyMsMin <= latencyMsMax, 'a latency range runs upwards');
    const rangeMs = latencyMsMax - latencyMsMin;
    return latencyMsMin + (rangeMs === 0 ? 0 : randomInt(this.#random, rangeMs * 1000 + 1) / 1000);
  }

  /** Runs `action` after one latency. */
  later(action: () => void): void {
    this.clock.setTimer(this.latencyMs(), action);
  }

  /** Resolves when a part of a snapshot has arrived. */
  hop(from: MemberId, to: MemberId): Promise<void> {
    return new Promise((resolve) => {
      const parcel: Parcel = { type: 'snapshot-part', from, to, message: undefined };
      if (!this.#isHeld(parcel, resolve)) this.later(resolve);
    });
  }

  /** Shows `holder` all that leaves from now on, as long as nobody keeps it back before. @returns ends that */
  hold(holder: Holder): () => void {
    this.#holders.add(holder);
    return () => void this.#holders.delete(holder);
  }

  #isHeld(parcel: Parcel, arrive: () => void): boolean {
    for (const holder of this.#holders) if (holder(parcel, arrive)) return true;
    return false;
  }

  /** Brings the message to where the sender believes the receiver to be, encoded and decoded as on a wire. */
  carry(from: Station, address: string, message: Message): void {
    const conditions = this.conditionsOf(message.from, message.to);
    writeMessage(this.#writer.clear(), message);
    const bytes = this.#writer.finish();
    const sent = ++this.#sent;
    const copies = this.chance(conditions.duplicateProbability) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.chance(conditions.lossProbability)) {
        this.watch('lost', message);
        continue;
      }
      const received = readMessage(new ByteReader(bytes));
      const arrive = (): void => {
        const arrives = this.reaches(message.from, message.to) && !this.#closedSince(sent, message);
        const receiver = arrives ? this.at(address) : undefined;
        this.watch(receiver === undefined ? 'lost' : 'arrives', message);
        if (receiver === undefined || !this.understands(from, receiver)) return;
        if (this.trusts(from, receiver)) receiver.deliver(from.identity, received);
      };
      const { type, from: sender, to } = message;
      const isHeld = this.#holders.size > 0 && this.#isHeld({ type, from: sender, to, message }, arrive);
      if (isHeld) continue;
      const { bandwidthBytesPerMs } = conditions;
      const narrow = this.#way(from.identity.address, address).narrow;
      if (bandwidthBytesPerMs < Infinity || narrow?.busy === true) {
        this.#narrowWay(from, address, message.to).push(received, bandwidthBytesPerMs);
      } else this.#schedule(from, address, conditions, arrive);
    }
  }

  #narrowWay(from: Station, address: string, to: MemberId): NarrowWay {
    const sender = from.identity.memberId;
    const way = this.#way(from.identity.address, address);
    const conditions = (): NetworkConditions => this.conditionsOf(sender, to);
    // What does not get through is lost with its connection, and with all that waits for it.
    way.narrow ??= new NarrowWay(this.clock, conditions().messagePartSizeBytes, {
      bring: (arrive) => this.#schedule(from, address, { ...conditions(), reorders: false }, arrive),
      open: () => this.reaches(sender, to) && this.at(address) !== undefined,
      deliver: (message) => {
        const receiver = this.at(address);
        const sender = this.at(from.identity.address);
        this.watch(receiver === undefined || sender === undefined ? 'lost' : 'arrives', message);
        if (receiver === undefined || sender === undefined || !this.understands(sender, receiver)) return;
        if (this.trusts(sender, receiver)) receiver.deliver(sender.identity, message);
      },
      heard: (term) => {
        this.at(address)?.heard(sender, term);
        this.clock.setTimer(conditions().latencyMsMax, () => {
          if (this.reaches(to, sender)) this.at(from.identity.address)?.heard(to, term);
        });
      },
    });
    return way.narrow;
  }

  #resetNarrow(isOf: (from: string, to: string) => boolean): void {
    for (const [from, ways] of this.#ways) {
      for (const [to, way] of ways) if (isOf(from, to)) way.narrow?.reset();
    }
  }

  /** Two that speak no common version of the protocol hear nothing of each other but that. */
  understands(from: Station, receiver: Station): boolean {
    if (commonVersion(from.versions, receiver.versions) !== undefined) return true;
    const { message: reason } = new VersionError(from.versions, receiver.versions);
    this.later(() => from.sentAway(receiver.identity.memberId, { code: 'wrong-version', reason }));
    return false;
  }

  /** Two that do not share a secret hear nothing of each other but that. */
  trusts(from: Station, receiver: Station): boolean {
    if (from.secret === receiver.secret || equalBytes(from.secret, receiver.secret)) return true;
    const refusal = { code: 'refused', reason: 'the other end does not know the secret' } as const;
    this.later(() => from.sentAway(receiver.identity.memberId, refusal));
    return false;
  }

  #schedule(from: Station, address: string, conditions: NetworkConditions, arrive: () => void): void {
    const delayMs = this.latencyMs(conditions);
    if (conditions.reorders) {
      this.clock.setTimer(delayMs, arrive);
      return;
    }
    const way = this.#way(from.identity.address, address);
    const now = this.clock.monotonicMs();
    way.lastArrivalMs = Math.max(now + delayMs, way.lastArrivalMs);
    way.travelling.push(arrive);
    // Real timers that are due together may fire in any order: whichever does brings the oldest message.
    this.clock.setTimer(way.lastArrivalMs - now, () => way.travelling.shift()?.());
  }

  #way(from: string, to: string): Way {
    let ways = this.#ways.get(from);
    if (ways === undefined) this.#ways.set(from, (ways = new Map<string, Way>()));
    let way = ways.get(to);
    if (way === undefined) ways.set(to, (way = { lastArrivalMs: 0, travelling: [], narrow: undefined }));
    return way;
  }
}

/** One direction between two addresses, in which messages keep their order. */
interface Way {
  lastArrivalMs: number;
  /** What happens as each message arrives, the oldest first. */
  readonly travelling: (() => void)[];
  /** Once there is a bandwidth. */
  narrow: NarrowWay | undefined;
}

interface Stream {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly broken: () => void;
}

function pairOf(one: MemberId, other: MemberId): string {
  return one < other ? `${one}-${other}` : `${other}-${one}`;
}
