import type { MemberRecord } from '../fsm/members/membership.js';
import type { MemberParts } from './parts.js';

/** Tells the transport where this process's operator says that members are. Nobody else is told. */
export function overrideAddresses(
  { id, peers, peerOverrides }: Pick<MemberParts, 'id' | 'peers' | 'peerOverrides'>,
  records: readonly MemberRecord[],
): void {
  if (peerOverrides === undefined || peerOverrides.size === 0) return;
  const others = records.filter((each) => each.id !== id);
  const named = others.flatMap((each) => {
    const address = peerOverrides.get(each.name);
    return address === undefined ? [] : [[each.id, address] as const];
  });
  peers.setOverrides(new Map(named));
}

/** The same list may be given to all members, so it may name this one. @returns what is no member's name */
export function unknownNames(
  peerOverrides: MemberParts['peerOverrides'],
  records: readonly MemberRecord[],
): readonly string[] {
  const known = new Set(records.map(({ name }) => name));
  return [...(peerOverrides?.keys() ?? [])].filter((name) => !known.has(name));
}
