/**
 * An address of this process alone: a port that a member has given back while it is down can be taken by no
 * other test, nor by an outgoing connection. Elsewhere than on Linux, loopback is one address only.
 */
export function ownLoopback(): string {
  if (process.platform !== 'linux') return '127.0.0.1';
  const { pid } = process;
  return `127.${1 + ((pid >> 16) & 63)}.${(pid >> 8) & 255}.${pid & 255}`;
}
