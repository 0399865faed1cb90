import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as after } from 'node:timers/promises';
import { parseHostPort } from '../../src/base/address.js';
import type { ByteWriter } from '../../src/base/byte-stream.js';
import { formatId, type MemberId } from '../../src/base/ids.js';
import { encodeFrame } from '../../src/peer/frame.js';
import { writeMessage } from '../../src/peer/message-codec.js';
import type { Message } from '../../src/raft/types.js';
import type { ClusterMember } from '../system/processes/cluster-member.js';
import { within } from '../system/processes/deadline.js';
import { ProcessCluster } from '../system/processes/process-cluster.js';
import { drawSeed } from '../system/processes/seed.js';
import { AttackProcess } from './attacks/attack-process.js';
import { strangersHello, type Claim } from './attacks/stranger.js';
import { lookAt, type ClusterView } from './cluster-view.js';
import { attackerAddress } from './scene.js';

/** Longer than a greeting may take, and than any honest member needs to say what it came for. */
const strangerTimeMs = 20_000;

/** What a Raft port lets in. */
const raftConnectionsMax = 1024;
/** Far more than it takes where nobody is sent away. */
const floodTimeMsMax = 5000;

const made: Claim = { id: 0x5eed_5eed_5eedn, name: 'stranger', address: `${attackerAddress}:9` };

/** A connection to a member's Raft port that has greeted it. */
type Dial = (view: ClusterView, target: ClusterMember, claim: Claim) => Promise<Socket>;

/** As anybody can who asks a client port for ids. Others may be let in: their connection is what is wanted here. */
const dialAsStranger: Dial = async (view, target, claim) => {
  const address = parseHostPort('address', target.raftAddress);
  const socket = connect({ ...address, localAddress: attackerAddress });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(strangersHello(view.clusterId, view.idOf(target), claim));
  return socket;
};

function messageFrame(message: Message): Uint8Array {
  return encodeFrame((writer: ByteWriter) => writeMessage(writer, message));
}

/** Resolves at the end of a connection, by whichever side and however. */
async function ended(socket: Socket): Promise<void> {
  const closed = new Promise((resolve) => socket.once('close', resolve));
  if (!socket.destroyed) await within('end of a connection', closed, strangerTimeMs);
}

/** What a member tells a caller until it ends the connection. */
async function answerTo(member: ClusterMember, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect({ ...parseHostPort('address', member.raftAddress), localAddress: attackerAddress });
  const parts: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.write(bytes);
  await ended(socket);
  return Buffer.concat(parts);
}

/** Ids as they are shown and as they are sent, in either order of bytes. */
function idForms(id: bigint): Buffer[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, id));
  return [Buffer.from(formatId(id)), bytes, Buffer.from(bytes).reverse()];
}

/** Waits until a write is acknowledged again, whoever leads. */
async function writesGoOn(cluster: ProcessCluster): Promise<void> {
  await cluster.client(0, strangerTimeMs).set('still', 'here');
}

/** Sends what is forged to every member, once as somebody made up and once in each other member's name. */
async function forge(
  cluster: ProcessCluster,
  dial: Dial,
  message: (from: MemberId, to: MemberId) => Message,
): Promise<void> {
  const view = await lookAt(cluster);
  for (const target of cluster.members) {
    const others = cluster.members.filter((member) => member !== target);
    const claims = others.map((other): Claim => ({
      id: view.idOf(other),
      name: other.name,
      address: other.raftAddress,
    }));
    for (const claim of [made, ...claims]) {
      const socket = await dial(view, target, claim);
      socket.write(messageFrame(message(claim.id, view.idOf(target))));
      // Read in order: what answers or ends it has seen the message.
      socket.end();
      socket.resume();
      await ended(socket);
    }
  }
}

/** Waits until strangers have every connection that is to be had; those who are sent away never have. */
async function hasFilled({ process: { pid } }: ClusterMember): Promise<void> {
  const count = (): number => readdirSync(`/proc/${pid}/fd`).length;
  for (let waitedMs = 0; waitedMs < floodTimeMsMax && count() < raftConnectionsMax; waitedMs += 100)
    await after(100);
}

/** Each member stops and starts again, and the cluster works at each step: nothing bad was kept. */
async function restartsAll(cluster: ProcessCluster): Promise<void> {
  for (const member of cluster.members) {
    await member.stop();
    await writesGoOn(cluster);
    await member.start();
    await within('an answer', member.client().get('still'));
  }
}

describe('strangers on the Raft port', () => {
  it('are told nothing, and do not stay', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const view = await lookAt(cluster);
      const [member, other] = cluster.members;
      const own = view.idOf(member!);
      const known: Claim = { id: view.idOf(other!), name: other!.name, address: made.address };
      const greetings = [
        strangersHello(view.clusterId + 1n, own, made),
        strangersHello(1n, 1n, made),
        strangersHello(view.clusterId, own + 1n, made),
        strangersHello(view.clusterId, own, made),
        strangersHello(view.clusterId, own, { ...made, id: own }),
        strangersHello(view.clusterId, own, known),
      ];
      const answers = await Promise.all(greetings.map((bytes) => answerTo(member!, bytes)));
      const secrets = [
        ...[view.clusterId, ...cluster.members.map(view.idOf)].flatMap(idForms),
        ...cluster.members.flatMap(({ name, raftAddress }) => [Buffer.from(raftAddress), Buffer.from(name)]),
      ];
      for (const [at, answer] of answers.entries()) {
        const told = secrets.find((secret) => answer.includes(secret));
        assert.equal(
          told,
          undefined,
          `greeting ${at} was answered: ${JSON.stringify(answer.toString('latin1'))}`,
        );
      }
    });
  });

  it('send members nowhere', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const visited = createServer((socket) => socket.destroy()).listen(0, attackerAddress);
      const visits: unknown[] = [];
      visited.on('connection', () => visits.push('somebody came'));
      await once(visited, 'listening');
      const { port } = visited.address() as { port: number };
      const claim: Claim = { ...made, address: `${attackerAddress}:${port}` };
      const view = await lookAt(cluster);
      try {
        const sockets = await Promise.all(
          cluster.members.map((member) => dialAsStranger(view, member, claim)),
        );
        for (const [at, socket] of sockets.entries()) {
          const to = view.idOf(cluster.members[at]!);
          // Each asks for an answer.
          socket.write(messageFrame({ type: 'read-index', from: claim.id, to, term: 2, context: 1 }));
          const vote = { preVote: false, transfer: false, lastIndex: 1, lastTerm: 1 };
          socket.write(messageFrame({ type: 'vote-request', from: claim.id, to, term: 1, ...vote }));
          socket.resume();
        }
        // A member that wants to dial does so at once; some elections' time is plenty.
        await after(3000);
        for (const socket of sockets) socket.destroy();
        assert.deepEqual(visits, []);
      } finally {
        visited.close();
      }
    });
  });

  it('keep no member from coming back, and no majority from electing', async (t) => {
    const seed = drawSeed(t);
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const { leader, clusterId, targets } = await lookAt(cluster);
      const follower = cluster.members.find((member) => member !== leader)!;
      await writesGoOn(cluster);
      await follower.stop();
      const flood = new AttackProcess({
        ...{ attack: 'raft-strangers', from: attackerAddress, seconds: 40, seed },
        ...{ clusterId: String(clusterId), targets: targets() },
      });
      try {
        await hasFilled(leader);
        await follower.start();
        assert.equal(await follower.client().get('still'), 'here');
        await leader.crash();
        await writesGoOn(cluster);
      } finally {
        flood.kill();
      }
    });
  });

  it('cannot stop members by a proposal that is none', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const { term } = await cluster.client().status();
      await forge(cluster, dialAsStranger, (from, to) => {
        const what = {
          proposalId: 1,
          entryType: 'normal',
          configIndex: 0,
          behindId: 0,
          data: Buffer.alloc(7, 0xff),
        } as const;
        return { type: 'propose', from, to, term, ...what };
      });
      await writesGoOn(cluster);
      await restartsAll(cluster);
    });
  });

  it('cannot end all elections by a term', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      await forge(cluster, dialAsStranger, (from, to) => {
        const term = Number.MAX_SAFE_INTEGER;
        return { type: 'heartbeat', from, to, term, commit: 0, readRound: 0, leaseReads: false };
      });
      await writesGoOn(cluster);
      await restartsAll(cluster);
    });
  });
});
