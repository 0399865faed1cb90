import { isIP } from 'node:net';
import { parseHostPort } from '../base/address.js';
import { addressGroup } from '../base/address-group.js';
import type { MemberId } from '../base/ids.js';
import type { PeerAddress } from '../ports/peers.js';

/** Of one member: the one in the table, where it was reached, where it came from; a few more while it moves. */
const addressesPerMemberMax = 4;

/** From where members come: as the table says, or where one was that has proven itself. */
export class MemberAddresses {
  readonly #byMember = new Map<MemberId, Set<string>>();
  readonly #counts = new Map<string, number>();

  has(group: string): boolean {
    return this.#counts.has(group);
  }

  setMembers(members: ReadonlyMap<MemberId, PeerAddress>): void {
    for (const id of [...this.#byMember.keys()]) if (!members.has(id)) this.delete(id);
    for (const [id, address] of members) {
      const host = hostOf(address);
      // A name is known by the connections to it.
      if (isIP(host) !== 0) this.seen(id, host);
    }
  }

  seen(id: MemberId, address: string): void {
    if (address === '') return;
    const group = addressGroup(address);
    let groups = this.#byMember.get(id);
    if (groups === undefined) this.#byMember.set(id, (groups = new Set()));
    if (groups.has(group)) return;
    groups.add(group);
    this.#counts.set(group, (this.#counts.get(group) ?? 0) + 1);
    const [oldest] = groups;
    if (groups.size > addressesPerMemberMax) this.#forget(groups, oldest!);
  }

  delete(id: MemberId): void {
    const groups = this.#byMember.get(id);
    if (groups === undefined) return;
    for (const group of [...groups]) this.#forget(groups, group);
    this.#byMember.delete(id);
  }

  #forget(groups: Set<string>, group: string): void {
    groups.delete(group);
    const left = (this.#counts.get(group) ?? 0) - 1;
    if (left > 0) this.#counts.set(group, left);
    else this.#counts.delete(group);
  }
}

function hostOf(address: PeerAddress): string {
  try {
    return parseHostPort('peer address', address).host;
  } catch {
    return '';
  }
}
