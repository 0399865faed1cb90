import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { silentLog } from '../../base/log.js';
import { Prng } from '../../base/prng.js';
import type { PeersHandler } from '../../ports/peers.js';
import { RealClock } from '../../ports/real-clock.js';
import type { Message } from '../../raft/types.js';
import { TcpPeers, type TcpPeersOptions } from '../tcp-peers.js';
import { greetAsCaller } from './greetings.js';

export const self = { clusterId: 7n, memberId: 1n, name: 'n1' };
export const secret = new Uint8Array(32).fill(3);
export const other = { clusterId: 7n, memberId: 2n, name: 'n2', address: '127.0.0.1:2' };
export const hello = { caller: other, target: 1n, purpose: 'messages' } as const;

/** Takes no notice but of these. */
export function ignoring(
  message: (message: Message) => void,
  heard: PeersHandler['heard'] = () => {},
): PeersHandler {
  return {
    message,
    heard,
    connectionLost: () => {},
    reachable: () => {},
    unreachable: () => {},
    removedFromCluster: () => {},
    refused: () => {},
    incomingSnapshot: () => Promise.resolve(undefined),
  };
}

/** A member that has not begun to listen. */
export function notListening(given: Partial<TcpPeersOptions> = {}): TcpPeers {
  return new TcpPeers({
    identity: { ...self, address: '127.0.0.1:1' },
    secret,
    listenHost: '127.0.0.1',
    listenPort: 0,
    random: new Prng(1),
    clock: new RealClock(),
    log: silentLog,
    ...given,
  });
}

/** A member that others may call. */
export async function listening(
  message: (message: Message) => void = () => {},
  given: Partial<TcpPeersOptions> = {},
  heard?: PeersHandler['heard'],
): Promise<TcpPeers> {
  const peers = notListening(given);
  await peers.start(ignoring(message, heard));
  return peers;
}

/** Whoever calls it. */
export async function calling(peers: TcpPeers): Promise<Socket> {
  const socket = connect({ port: peers.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

/** However it ends: a reset is an end too. */
export function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}

/** A member that has been let in. */
export async function member(peers: TcpPeers, as = hello): Promise<Socket> {
  const socket = await calling(peers);
  await greetAsCaller(socket, secret, as);
  return socket;
}
