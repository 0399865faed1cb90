import type { ServiceError } from '@grpc/grpc-js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { serveMember, type ServedMember } from '../api/testing/served-member.js';
import { clusterField, formatId, type ClusterId } from '../base/ids.js';
import { connect, type KvorumClient } from './client.js';

/** No time that a test waits for. */
const timeoutMs = 10 ** 9;
const [one, other]: readonly [ClusterId, ClusterId] = [0x1111n, 0x2222n];

function clientOf(t: TestContext, ...members: readonly ServedMember[]): KvorumClient {
  const endpoints = members.map(({ port }) => `127.0.0.1:${port}`);
  const client = connect({ endpoints, timeoutMs: 10_000 });
  t.after(() => client.close());
  return client;
}

/** Answers each call with an empty message, or with an error, and with any name of a cluster. */
async function fakeServer(t: TestContext): Promise<{
  readonly endpoint: string;
  readonly server: Http2Server;
  readonly answer: { cluster: string; error?: string };
}> {
  const answer: { cluster: string; error?: string } = { cluster: '' };
  const server = createServer().listen(0, '127.0.0.1');
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream) => {
    const head = { ':status': 200, 'content-type': 'application/grpc', [clusterField]: answer.cluster };
    if (answer.error !== undefined) {
      const error = { 'grpc-status': '5', 'kvorum-error': answer.error, 'kvorum-outcome': 'not-applied' };
      stream.respond({ ...head, ...error }, { endStream: true });
      return;
    }
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(5));
  });
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { endpoint: `127.0.0.1:${address.port}`, server, answer };
}

const refusal = {
  code: 'WRONG_CLUSTER',
  outcome: 'not-applied',
  message:
    /127\.0\.0\.1:\d+: this is a member of cluster 0000000000002222, and the call is for cluster 0000000000001111/,
};

describe('another cluster at a known address', () => {
  it('is refused by a client that has talked to the first one, for writes, reads and the rest', async (t) => {
    const first = await serveMember(t, { clusterId: one });
    const client = clientOf(t, first);
    await client.set('a', '1');
    await first.server.closeGracefully(0);
    const second = await serveMember(t, { clusterId: other, port: first.port });
    // Nobody is left to wait for: each call ends long before its time.
    await assert.rejects(client.set('a', '2', { timeoutMs }), refusal);
    await assert.rejects(client.get('a', { timeoutMs }), refusal);
    await assert.rejects(client.get('a', { serializable: true, timeoutMs }), refusal);
    await assert.rejects(client.members({ timeoutMs }), refusal);
    assert.equal(second.member.status().revision, 1, 'nothing was written there');
    // Who has not talked to either is not hindered.
    const anew = clientOf(t, second);
    await anew.set('a', '3');
    assert.equal(await anew.get('a'), '3');
  });

  it('is passed over where others of the first one answer', async (t) => {
    const first = await serveMember(t, { clusterId: one });
    const second = await serveMember(t, { clusterId: other });
    const third = await serveMember(t, { clusterId: one });
    const client = clientOf(t, first, second, third);
    await client.set('a', '1');
    await first.server.closeGracefully(0);
    await client.set('b', '2');
    assert.equal(second.member.status().revision, 1);
    assert.equal(third.member.status().revision, 2);
  });

  it('is passed over until one of the first one is back', async (t) => {
    const first = await serveMember(t, { clusterId: one });
    const second = await fakeServer(t);
    Object.assign(second.answer, { cluster: formatId(other), error: 'WRONG_CLUSTER' });
    const client = connect({ endpoints: [`127.0.0.1:${first.port}`, second.endpoint] });
    t.after(() => client.close());
    await client.set('a', '1');
    await first.server.closeGracefully(0);
    const refused = once(second.server, 'stream');
    const written = client.set('b', '2', { timeoutMs });
    await refused;
    const again = await serveMember(t, { clusterId: one, port: first.port });
    await written;
    assert.equal(again.member.status().revision, 2);
  });

  it('is the right one where the first only refuses, for want of a leader', async (t) => {
    const first = await serveMember(t, { clusterId: one });
    const second = await serveMember(t, { clusterId: other });
    first.member.loseLeader();
    // Long enough for an attempt at each.
    const endpoints = [first, second].map(({ port }) => `127.0.0.1:${port}`);
    const client = connect({ endpoints, timeoutMs: 10_000 });
    t.after(() => client.close());
    await client.set('a', '1', { timeoutMs: 4000 });
    assert.equal(await client.get('a'), '1');
    assert.equal(client.clusterId, other);
    assert.equal(second.member.status().revision, 2);
  });

  it('is not taken for one because of a header that names none', async (t) => {
    const { endpoint, answer } = await fakeServer(t);
    const client = connect({ endpoints: endpoint, timeoutMs: 1000 });
    t.after(() => client.close());
    for (const told of ['', 'evil', '0000000000001111, 0000000000001111', '000000000000111G']) {
      answer.cluster = told;
      assert.deepEqual((await client.members()).members, []);
      assert.equal(client.clusterId, undefined);
    }
    answer.cluster = formatId(one);
    await client.members();
    assert.equal(client.clusterId, one);
    // An error of another is no answer either, though it comes in the same block of headers.
    answer.cluster = formatId(other);
    answer.error = 'MEMBER_NOT_FOUND';
    await assert.rejects(client.removeMember(7n), { code: 'WRONG_CLUSTER' });
  });

  it('may still be asked for its status: that says what it is', async (t) => {
    const first = await serveMember(t, { clusterId: one });
    const second = await serveMember(t, { clusterId: other });
    const client = clientOf(t, first);
    await client.set('a', '1');
    assert.equal((await client.status(`127.0.0.1:${second.port}`)).revision, 1);
  });

  it('refuses, and answers with its name, whoever means another', async (t) => {
    const { client } = await serveMember(t, { clusterId: one });
    const call = (meant: string): Promise<unknown> =>
      client.call('/kvorum.v1.Cluster/Status', Buffer.alloc(0), {
        metadata: { [clusterField]: meant },
      });
    await call(formatId(one));
    for (const wrong of [formatId(other), '', 'x'.repeat(2000)]) {
      const error = await call(wrong).then(
        () => assert.fail('it was served'),
        (refused: unknown) => refused as ServiceError,
      );
      assert.equal(error.metadata.get('kvorum-error')[0], 'WRONG_CLUSTER');
      assert.equal(error.metadata.get('kvorum-outcome')[0], 'not-applied');
    }
  });
});
