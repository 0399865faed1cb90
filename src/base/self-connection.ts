/** Both ends of a TCP connection, as a socket of Node has them. */
interface Ends {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Whether two sockets of this process are the ends of one connection. */
export function areBothEnds(one: Ends, other: Ends): boolean {
  return (
    one.localPort !== undefined &&
    one.localPort === other.remotePort &&
    one.remotePort === other.localPort &&
    plain(one.localAddress) === plain(other.remoteAddress)
  );
}

/** A listener on IPv6 that takes IPv4 too has its callers' addresses mapped (RFC 4291, section 2.5.5.2). */
function plain(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:/, '');
}

/**
 * Whether a connection ends where it began: TCP lets one be made on loopback to a port of the ephemeral range on which
 * nobody listens (simultaneous open, RFC 9293, section 3.5), once in some ten thousand times. It takes the port from whoever
 * is to listen there.
 */
export function isItself({ localPort, remotePort, localAddress, remoteAddress }: Ends): boolean {
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress;
}
