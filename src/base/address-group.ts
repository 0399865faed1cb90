/**
 * What whoever has one address may have all of: an IPv4 address stands for itself, also one that IPv6 carries; of IPv6
 * the first 64 bits, for whoever has one address there has a whole network of them (RFC 4291, section 2.5.4). Written
 * alike, however the address is.
 */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const [plain = ''] = address.toLowerCase().split('%', 1);
  const carried = /^(?:::|(?:0{1,4}:){5})ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(plain)?.[1];
  if (carried !== undefined) return carried;
  const network = groupsOf(plain).slice(0, 4);
  return network.map((group) => Number.parseInt(group, 16).toString(16)).join(':');
}

/** The eight groups of an IPv6 address, or seven and what stands for two more at its end. */
function groupsOf(address: string): readonly string[] {
  const [head = '', tail] = address.split('::', 2);
  const before = head === '' ? [] : head.split(':');
  if (tail === undefined) return before;
  const after = tail === '' ? [] : tail.split(':');
  const carried = tail.includes('.') ? 1 : 0;
  const left = Math.max(0, 8 - carried - before.length - after.length);
  return [...before, ...new Array<string>(left).fill('0'), ...after];
}
