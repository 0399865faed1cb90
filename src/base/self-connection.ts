import type { Socket } from 'node:net';

/**
 * Whether a connection ends where it began: TCP lets one be made on loopback to a port of the ephemeral range on which
 * nobody listens (simultaneous open, RFC 9293, section 3.5), once in some ten thousand times. It takes the port from whoever
 * is to listen there.
 */
export function isItself({ localPort, remotePort, localAddress, remoteAddress }: Socket): boolean {
  return localPort !== undefined && localPort === remotePort && localAddress === remoteAddress;
}
