import { parseHostPort } from '../base/address.js';
import { dial, DialError, lookUp } from '../client/dial.js';
import type { ReservedPort, ReservedPorts } from './reserve-ports.js';

const dialTimeoutMs = 1000;

/**
 * Which of our ports is called at an endpoint, if it is one of them whichever address of the name is taken. A name may
 * be that of all members, of which this is one.
 */
export async function ownPortAt(
  endpoint: string,
  { grpc, raft }: ReservedPorts,
): Promise<'grpc' | 'Raft' | undefined> {
  const { host, port } = parseHostPort('join', endpoint);
  const own = [grpc, raft].find((each) => each.port === port);
  if (own === undefined) return undefined;
  const addresses = await lookUp(host).catch(() => []);
  const ends = await Promise.all(addresses.map((address) => callEndsAt(own, address)));
  const taken = ends.filter((end) => end !== 'nowhere');
  if (taken.length === 0 || taken.includes('elsewhere')) return undefined;
  return own === grpc ? 'grpc' : 'Raft';
}

async function callEndsAt(own: ReservedPort, host: string): Promise<'here' | 'elsewhere' | 'nowhere'> {
  try {
    const socket = await dial({ host, port: own.port }, dialTimeoutMs, new AbortController().signal);
    socket.on('error', () => {});
    const here = await own.endsHere(socket);
    socket.destroy();
    return here ? 'here' : 'elsewhere';
  } catch (error) {
    if (error instanceof DialError) return 'nowhere';
    throw error;
  }
}
