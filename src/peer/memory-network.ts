import { assert } from '../base/assert.js';
import { ByteReader, ByteWriter } from '../base/byte-stream.js';
import type { MemberId } from '../base/ids.js';
import { randomInt, type RandomSource } from '../base/prng.js';
import type { Clock } from '../ports/clock.js';
import type { IncomingSnapshot, PeerIdentity, SnapshotHeader } from '../ports/peers.js';
import type { Message } from '../raft/types.js';
import type { Refusal } from './greeting.js';
import { readMessage, writeMessage } from './message-codec.js';

/** How the network behaves; may be changed while it runs. Probabilities from 0 to 1. */
export interface NetworkConditions {
  latencyMsMin: number;
  latencyMsMax: number;
  lossProbability: number;
  duplicateProbability: number;
  /** Messages may overtake each other, as over connections that were made anew in between. */
  reorders: boolean;
}

export const perfectNetwork: NetworkConditions = {
  latencyMsMin: 0,
  latencyMsMax: 0,
  lossProbability: 0,
  duplicateProbability: 0,
  reorders: false,
};

/** What a member of the network does for the others. */
export interface Station {
  readonly identity: PeerIdentity;
  /** A message has arrived. */
  deliver(from: PeerIdentity, message: Message): void;
  /** The process of member `id` has ended. */
  lost(id: MemberId): void;
  /** Member `by` tells this one that it was removed. */
  removedBy(by: MemberId): void;
  sentAway(by: MemberId, refusal: Refusal): void;
  /** @returns undefined if the snapshot is not wanted */
  offered(from: PeerIdentity, to: MemberId, header: SnapshotHeader): Promise<IncomingSnapshot | undefined>;
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
  /** One-way: "from>to". */
  readonly #cut = new Set<string>();
  /** When the last message of a direction arrives: order holds. */
  readonly #arrivals = new Map<string, number>();

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
    for (const other of this.#byAddress.values()) {
      if (this.reaches(memberId, other.identity.memberId)) this.later(() => other.lost(memberId));
    }
  }

  at(address: string): Station | undefined {
    return this.#byAddress.get(address);
  }

  /** Nothing goes from `from` to `to` until heal(). */
  cut(from: MemberId, to: MemberId): void {
    this.#cut.add(`${from}>${to}`);
  }

  /** Nothing goes between the members of different groups; within a group all is as it was. */
  partition(...groups: readonly (readonly MemberId[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (other === group) continue;
        for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  heal(): void {
    this.#cut.clear();
  }

  reaches(from: MemberId, to: MemberId): boolean {
    return !this.#cut.has(`${from}>${to}`);
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#random.nextUint32() < probability * 0x1_0000_0000;
  }

  latencyMs(): number {
    const { latencyMsMin, latencyMsMax } = this.conditions;
    assert(latencyMsMin <= latencyMsMax, 'a latency range runs upwards');
    const rangeMs = latencyMsMax - latencyMsMin;
    return latencyMsMin + (rangeMs === 0 ? 0 : randomInt(this.#random, rangeMs * 1000 + 1) / 1000);
  }

  /** Runs `action` after one latency. */
  later(action: () => void): void {
    this.clock.setTimer(this.latencyMs(), action);
  }

  /** Resolves after one latency. */
  hop(): Promise<void> {
    return new Promise((resolve) => this.later(resolve));
  }

  /** Brings the message to where the sender believes the receiver to be, encoded and decoded as on a wire. */
  carry(from: Station, address: string, message: Message): void {
    const writer = new ByteWriter();
    writeMessage(writer, message);
    const bytes = writer.finish();
    const copies = this.chance(this.conditions.duplicateProbability) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.chance(this.conditions.lossProbability)) continue;
      this.clock.setTimer(this.#delayMs(from, address), () => {
        if (!this.reaches(message.from, message.to)) return;
        this.at(address)?.deliver(from.identity, readMessage(new ByteReader(bytes)));
      });
    }
  }

  #delayMs(from: Station, address: string): number {
    const delayMs = this.latencyMs();
    if (this.conditions.reorders) return delayMs;
    const direction = `${from.identity.address}>${address}`;
    const now = this.clock.monotonicMs();
    const arrival = Math.max(now + delayMs, this.#arrivals.get(direction) ?? 0);
    this.#arrivals.set(direction, arrival);
    return arrival - now;
  }
}
