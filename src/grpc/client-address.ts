import { addressGroup } from '../base/address-group.js';

/** What all connections of one client have in common: its IPv4 address, or its network of IPv6. */
export function clientOf(remoteAddress: string | undefined): string {
  const group = addressGroup(remoteAddress ?? '');
  return group.includes(':') ? `${group}::/64` : group;
}
