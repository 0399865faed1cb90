import type { MemberId } from '../base/ids.js';
import type { PeerAddress, PeerIdentity } from '../ports/peers.js';

/** Members that called, but are not in the member table yet. */
export const learntMax = 64;

/** Who says where a member is: the member table, the operator of this process, or the member itself as it greets. */
type Source = 'table' | 'override' | 'greeting';

type Self = Pick<PeerIdentity, 'memberId' | 'address'>;

interface Entry {
  readonly source: Source;
  readonly address: PeerAddress;
}

/**
 * Where members are called. What was said last counts, and what other sources say is tried where that leads nowhere: a
 * table that is being caught up with says old things late. Holds one address of each source for the members of the table,
 * and of `learntMax` others what they said themselves.
 */
export class AddressBook {
  readonly #self: Self;
  /** Of each member, the newest first. */
  readonly #entries = new Map<MemberId, readonly Entry[]>();
  #members: ReadonlyMap<MemberId, PeerAddress> = new Map();
  /** As of elsewhere(); undefined: to be made anew. */
  #elsewhere: ReadonlyMap<MemberId, PeerAddress> | undefined;
  /** Members with a greeting that are not in the table, the oldest first. */
  readonly #learnt = new Set<MemberId>();

  /** @param self nobody else is there, whatever an old table says */
  constructor(self: Self) {
    this.#self = self;
  }

  /** As of the last setMembers(). */
  get members(): ReadonlyMap<MemberId, PeerAddress> {
    return this.#members;
  }

  /** In the order in which they are to be tried; empty: unknown. */
  addressesOf(id: MemberId): readonly PeerAddress[] {
    const { memberId, address: own } = this.#self;
    const addresses = (this.#entries.get(id) ?? []).map((each) => each.address);
    // Whose place this member has taken may be where this one was: of members that changed places all begin to call so.
    const former = this.#members.get(memberId);
    if (former !== undefined && addresses.includes(own)) addresses.push(former);
    return [...new Set(addresses)].filter((each) => each !== own);
  }

  /** @returns who is gone, and whose first address is another now */
  setMembers(members: ReadonlyMap<MemberId, PeerAddress>): readonly MemberId[] {
    const before = this.#members;
    const firstBefore = new Map([...before.keys()].map((id) => [id, this.addressesOf(id)[0]]));
    const gone = [...before.keys()].filter((id) => !members.has(id));
    this.#members = members;
    for (const id of gone) this.delete(id);
    for (const [id, address] of members) {
      this.#learnt.delete(id);
      if (before.get(id) !== address) this.#say(id, { source: 'table', address });
    }
    const moved = [...members.keys()].filter((id) => this.addressesOf(id)[0] !== firstBefore.get(id));
    return [...gone, ...moved];
  }

  /**
   * Of members of the table; one that was said before is no news.
   * @returns whose first address is another now
   */
  setOverrides(overrides: ReadonlyMap<MemberId, PeerAddress>): readonly MemberId[] {
    const changed: MemberId[] = [];
    for (const [id, address] of overrides) {
      const said = this.#entries.get(id)?.find(({ source }) => source === 'override');
      if (said?.address === address || !this.#members.has(id)) continue;
      if (this.#say(id, { source: 'override', address })) changed.push(id);
    }
    return changed;
  }

  /**
   * The member has greeted this one and proven itself.
   * @returns whether its first address is another now; who was forgotten for it, for there is no room for more
   */
  greeted(id: MemberId, address: PeerAddress): { readonly moved: boolean; readonly forgotten?: MemberId } {
    const moved = this.#say(id, { source: 'greeting', address });
    if (this.#members.has(id)) return { moved };
    this.#learnt.delete(id);
    this.#learnt.add(id);
    const [oldest] = this.#learnt;
    if (this.#learnt.size <= learntMax || oldest === undefined) return { moved };
    this.delete(oldest);
    return { moved, forgotten: oldest };
  }

  /** As of Peers. */
  elsewhere(): ReadonlyMap<MemberId, PeerAddress> {
    return (this.#elsewhere ??= this.#greetedElsewhere());
  }

  #greetedElsewhere(): ReadonlyMap<MemberId, PeerAddress> {
    const away = new Map<MemberId, PeerAddress>();
    for (const [id, address] of this.#members) {
      const [newest] = this.#entries.get(id) ?? [];
      if (newest?.source === 'greeting' && newest.address !== address) away.set(id, newest.address);
    }
    return away;
  }

  /** Members of the table that are called at another address first. */
  redirected(): ReadonlyMap<MemberId, PeerAddress> {
    const away = new Map<MemberId, PeerAddress>();
    for (const [id, address] of this.#members) {
      const [first] = this.addressesOf(id);
      if (id !== this.#self.memberId && first !== undefined && first !== address) away.set(id, first);
    }
    return away;
  }

  delete(id: MemberId): void {
    this.#elsewhere = undefined;
    this.#entries.delete(id);
    this.#learnt.delete(id);
  }

  #say(id: MemberId, entry: Entry): boolean {
    this.#elsewhere = undefined;
    const [first] = this.addressesOf(id);
    const others = (this.#entries.get(id) ?? []).filter(({ source }) => source !== entry.source);
    this.#entries.set(id, [entry, ...others]);
    return this.addressesOf(id)[0] !== first;
  }
}
