import { formatId, type MemberId } from '../base/ids.js';
import type { MemberCommand } from '../fsm/members/member-commands.js';
import type { MemberRecord } from '../fsm/members/membership.js';
import type { PeerAddress } from '../ports/peers.js';

type ChangeAddress = Extract<MemberCommand, { type: 'change-address' }>;

export type Placing =
  /** For one entry, in this order. */
  | { readonly commands: readonly ChangeAddress[] }
  /** Has the address, and has not been heard from anywhere else. */
  | { readonly holder: MemberRecord };

/**
 * How the member table, in which each address stands once, comes to say that a member is at `address`. Whoever holds that
 * there, and is known to be elsewhere, makes room: it is placed where it is, or, where a third one still holds that, in
 * exchange. Each such step places one member for good, so members that have changed places need not all know one another.
 *
 * @param records the table; has a member `id`
 * @param elsewhere as of Peers
 */
export function placing(
  id: MemberId,
  address: PeerAddress,
  records: readonly MemberRecord[],
  elsewhere: ReadonlyMap<MemberId, PeerAddress>,
): Placing {
  const holderOf = (place: PeerAddress): MemberRecord | undefined =>
    records.find((each) => each.peerAddress === place && each.id !== id);
  const holder = holderOf(address);
  if (holder === undefined) return { commands: [changeAddress(id, address)] };
  const next = elsewhere.get(holder.id);
  if (next === undefined || next === address) return { holder };
  const former = records.find((each) => each.id === id)!.peerAddress;
  const free = holderOf(next) === undefined ? next : former;
  return {
    commands: [changeAddress(id, parked(id)), changeAddress(holder.id, free), changeAddress(id, address)],
  };
}

function changeAddress(id: MemberId, peerAddress: PeerAddress): ChangeAddress {
  return { type: 'change-address', id, peerAddress };
}

/** Nobody's, for as long as the entry is applied, so that two can change places (RFC 2606 keeps .invalid free). */
function parked(id: MemberId): PeerAddress {
  return `${formatId(id)}.moving.invalid:1`;
}
