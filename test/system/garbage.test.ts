import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import { greetingTimeoutMs } from '../../src/peer/dial.js';
import { encodeFrame } from '../../src/peer/frame.js';
import { CallerHandshake, nonceSizeBytes } from '../../src/peer/handshake.js';
import { checkRegisters } from './history/register.js';
import { RegisterLoad } from './history/register-load.js';
import { within } from './processes/deadline.js';
import { Intruder } from './processes/intruder.js';
import { ProcessCluster } from './processes/process-cluster.js';
import { drawSeed } from './processes/seed.js';

const clientConnectionsMax = 200;
const raftConnectionsMax = 1024;
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
const http1 = 'GET /nothing HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n';

function randomBytes(random: Prng, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => random.nextUint32() & 255));
}

describe('garbage on the ports', () => {
  it('disturbs neither clients nor members', async (t) => {
    const seed = drawSeed(t);
    const random = new Prng(seed);
    const flags = [`-connections-max=${clientConnectionsMax}`];
    await ProcessCluster.run(t, { size: 3, flags }, async (cluster) => {
      const client = cluster.client();
      const { process: leader } = await cluster.leader(client);
      const { clusterId, members } = await client.members();
      const caller = { clusterId, memberId: 1n, name: 'stranger', address: '127.0.0.1:1' };
      const hello = { caller, target: members[0]!.id, purpose: 'messages' } as const;
      const handshake = new CallerHandshake(
        randomBytes(random, 32),
        randomBytes(random, nonceSizeBytes),
        hello,
      );
      const opening = handshake.opening();
      const load = RegisterLoad.start({ callers: cluster.callers(4), keys: ['a', 'b'], seed });
      const before = leader.log.length;
      const intruders = cluster.members.flatMap(({ endpoint, raftAddress }) => [
        new Intruder(endpoint),
        new Intruder(raftAddress),
      ]);
      try {
        for (const intruder of intruders) {
          // At half the length of a head, of a preface, and far beyond.
          for (const length of [2, 12, 4096, 300_000]) await intruder.linger(randomBytes(random, length));
          await intruder.linger('');
          await intruder.linger(preface.slice(0, 10));
          await intruder.linger(preface);
          await within('end of a connection', intruder.say(preface + 'x'.repeat(10_000)));
          await within('end of a connection', intruder.say(`${http1}${'x'.repeat(10_000)}`));
          const frame = encodeFrame((writer) => writer.raw(randomBytes(random, 60)));
          await intruder.linger(frame);
          await intruder.linger(opening);
          await intruder.linger(Buffer.concat([opening, frame]));
        }
        const answers = intruders.filter((_, at) => at % 2 === 0).map((intruder) => intruder.say(http1));
        for (const answer of await within('answer to HTTP/1', Promise.all(answers))) {
          assert.match(answer, /^HTTP\/1\.1 404 [^]*gRPC/);
        }
        await load.moreWrites(50);
      } finally {
        for (const intruder of intruders) intruder.close();
      }
      await load.stop();
      t.diagnostic(load.summary);
      checkRegisters(load.operations);
      assert.deepEqual([...load.unknown, ...load.refused], []);
      assert.deepEqual(leader.log.all('role and term', before), []);
      for (const { process } of cluster.members) assert.ok(process.isRunning);
    });
  });

  it('may be as many connections as there can be: clients that are there are served, members come back', async (t) => {
    const seed = drawSeed(t);
    const flags = [`-connections-max=${clientConnectionsMax}`];
    await ProcessCluster.run(t, { size: 3, flags }, async (cluster) => {
      const client = cluster.client();
      const leader = await cluster.leader(client);
      const [away, other] = cluster.members.filter((member) => member !== leader);
      const load = RegisterLoad.start({ callers: cluster.callers(3), keys: ['a', 'b'], seed });
      await load.moreWrites(20);
      await away!.stop();
      const floods = [new Intruder(leader.endpoint), new Intruder(leader.raftAddress)];
      try {
        await floods[0]!.flood(clientConnectionsMax + 50);
        await floods[1]!.flood(raftConnectionsMax + 50);
        await load.moreWrites(20);
        // From now on the leader needs the member that comes back.
        await away!.start();
        await other!.crash();
        await within('writes', load.moreWrites(20));
      } finally {
        for (const flood of floods) flood.close();
      }
      // The port is free again for those who have something to say.
      assert.equal(await leader.client().get('nothing'), undefined);
      await load.stop();
      t.diagnostic(load.summary);
      checkRegisters(load.operations);
      assert.ok(load.longestGapMs < greetingTimeoutMs, `${load.longestGapMs} ms without a write`);
    });
  });
});
