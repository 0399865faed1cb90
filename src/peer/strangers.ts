import { addressGroup } from '../base/address-group.js';

/** Connections that have not proven who they are, at a time; one more, and another gives way. */
export const strangersMax = 512;

/** Of those from one address that members come from: so many are not pushed out by others. */
export const strangersKeptPerMemberAddress = 4;

interface Stranger {
  close(): void;
}

/**
 * Connections whose greeting is awaited. When there are too many, the oldest of the address that has most of them gives
 * way: one that holds as many as it can, and comes again as often as it can, stands in nobody's way but its own.
 */
export class Strangers<T extends Stranger> {
  readonly #groups = new Map<string, Set<T>>();
  readonly #groupOf = new Map<T, string>();
  readonly #isMemberAddress: (group: string) => boolean;

  /** @param isMemberAddress whether members have come from there, by addressGroup() */
  constructor(isMemberAddress: (group: string) => boolean) {
    this.#isMemberAddress = isMemberAddress;
  }

  get size(): number {
    return this.#groupOf.size;
  }

  /** @returns whoever gives way, which is closed and forgotten */
  add(stranger: T, remoteAddress: string): T | undefined {
    const group = addressGroup(remoteAddress);
    let members = this.#groups.get(group);
    if (members === undefined) this.#groups.set(group, (members = new Set<T>()));
    members.add(stranger);
    this.#groupOf.set(stranger, group);
    if (this.#groupOf.size <= strangersMax) return undefined;
    const [oldest] = this.#largestGroup();
    this.delete(oldest!);
    oldest!.close();
    return oldest;
  }

  delete(stranger: T): void {
    const group = this.#groupOf.get(stranger);
    if (group === undefined) return;
    this.#groupOf.delete(stranger);
    const members = this.#groups.get(group)!;
    members.delete(stranger);
    if (members.size === 0) this.#groups.delete(group);
  }

  /** Of equal ones the one that was there first. */
  #largestGroup(): Set<T> {
    let largest = new Set<T>();
    let most = -Infinity;
    for (const [group, members] of this.#groups) {
      const count = members.size - (this.#isMemberAddress(group) ? strangersKeptPerMemberAddress : 0);
      if (count <= most) continue;
      most = count;
      largest = members;
    }
    return largest;
  }
}
