import type { Socket } from 'node:net';
import { randomId } from '../../../src/base/prng.js';
import { encodeFrame } from '../../../src/peer/frame.js';
import type { Attack } from './attack.js';
import type { Attacker } from './attacker.js';
import { strangersHello } from './stranger.js';

const mebibyte = 1024 * 1024;

/** More than a Raft port lets in, so that each place that becomes free is asked for at once. */
const crowd = 1074;

/** Holds `count` connections to each member's Raft port and makes those anew that are closed. */
async function hold(
  attacker: Attacker,
  count: number,
  greet: (socket: Socket, at: number) => void,
): Promise<void> {
  const { targets } = attacker.orders;
  await attacker.repeat(count * targets.length, async (at) => {
    const socket = await attacker.dial('raft', at % targets.length);
    if (socket === undefined) return;
    socket.resume();
    greet(socket, at);
    await new Promise((resolve) => socket.once('close', resolve));
  });
}

/** A stranger that knows the cluster's id and its members', as everybody can who asks the client port. */
function greeter({ random, orders: { targets, clusterId, from } }: Attacker): (at: number) => Uint8Array {
  return (at) => {
    const caller = { id: randomId(random), name: `stranger${at}`, address: `${from}:9` };
    return strangersHello(BigInt(clusterId), BigInt(targets[at % targets.length]!.id), caller);
  };
}

async function strangers(attacker: Attacker): Promise<void> {
  const hello = greeter(attacker);
  await hold(attacker, crowd, (socket, at) => socket.write(hello(at)));
}

/** Nearly all of a frame of the largest size, on connections that were greeted and on those that were not. */
async function bigFrames(attacker: Attacker): Promise<void> {
  const hello = greeter(attacker);
  // Length and checksum, as every frame begins. The checksum is never looked at: the frame does not come whole.
  const part = Buffer.alloc(60 * mebibyte);
  part.writeUInt32LE(63 * mebibyte);
  await hold(attacker, 8, (socket, at) => {
    socket.write(hello(at));
    socket.write(part);
  });
}

/** Frames with a checksum that is right, and nothing in them. */
async function garbage(attacker: Attacker): Promise<void> {
  const hello = greeter(attacker);
  const nonsense = encodeFrame((writer) => {
    for (let count = 0; count < 1000; count++) writer.uint32(attacker.random.nextUint32());
  });
  await hold(attacker, 20, (socket, at) => {
    socket.write(at % 2 === 0 ? Buffer.concat([hello(at), nonsense]) : nonsense);
  });
}

/** Each under another name, nearly as long as a greeting may be, of another cluster: each is news to the log. */
async function logFlood(attacker: Attacker): Promise<void> {
  const { targets, from, clusterId } = attacker.orders;
  await attacker.repeat(50, async (at) => {
    const socket = await attacker.dial('raft', at % targets.length);
    if (socket === undefined) return;
    const id = randomId(attacker.random);
    const name = `stranger-${id}-${'x'.repeat(3500)}`;
    const caller = { id, name, address: `${from}:9` };
    const target = BigInt(targets[at % targets.length]!.id);
    socket.resume().write(strangersHello(BigInt(clusterId) + BigInt(at % 2), target, caller));
    socket.write(Buffer.alloc(64, 'no frame'));
    await new Promise((resolve) => socket.once('close', resolve));
  });
}

async function slowGreetings(attacker: Attacker): Promise<void> {
  const hello = greeter(attacker);
  const { targets } = attacker.orders;
  await attacker.repeat(200, async (at) => {
    const socket = await attacker.dial('raft', at % targets.length);
    const bytes = hello(at);
    for (let sent = 0; !attacker.isOver && socket?.writable === true; sent++) {
      socket.resume().write(bytes.subarray(sent, sent + 1));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });
}

export const raftPortAttacks: readonly Attack[] = [
  {
    name: 'raft-silent',
    does: 'holds 1,074 silent connections to each Raft port',
    run: (attacker) => hold(attacker, crowd, () => {}),
  },
  { name: 'raft-strangers', does: 'greets each Raft port under 1,074 made-up ids', run: strangers },
  {
    name: 'raft-big-frames',
    does: 'sends nearly all of frames of 63 MiB to the Raft ports',
    seconds: 4,
    run: bigFrames,
  },
  { name: 'raft-garbage', does: 'sends frames without sense to the Raft ports', run: garbage },
  {
    name: 'raft-log-flood',
    does: 'gives the Raft ports always new reasons for a line of the log',
    run: logFlood,
  },
  { name: 'raft-slow-greetings', does: 'greets the Raft ports a byte at a time', run: slowGreetings },
];
