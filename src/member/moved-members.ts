import type { MemberId } from '../base/ids.js';
import type { PeerAddress } from '../ports/peers.js';

interface Wait {
  readonly address: PeerAddress;
  ticks: number;
}

/**
 * Members that have greeted this one from elsewhere than the table says, and have not made that known: they may reach this
 * member and not the leader. After a while it is made known for them.
 */
export class MovedMembers {
  readonly #ticksMax: number;
  #waits: ReadonlyMap<MemberId, Wait> = new Map();

  /** @param ticksMax that they are given to do so themselves */
  constructor(ticksMax: number) {
    this.#ticksMax = ticksMax;
  }

  /** A tick. @param elsewhere as of Peers @returns whose time is over, and where it is */
  tick(elsewhere: ReadonlyMap<MemberId, PeerAddress>): readonly (readonly [MemberId, PeerAddress])[] {
    const waits = new Map<MemberId, Wait>();
    for (const [id, address] of elsewhere) {
      const before = this.#waits.get(id);
      waits.set(id, before?.address === address ? before : { address, ticks: 0 });
    }
    this.#waits = waits;
    return [...waits].flatMap(([id, wait]) =>
      ++wait.ticks > this.#ticksMax ? [[id, wait.address] as const] : [],
    );
  }
}
