import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { ApiServer } from '../api/api-server.js';
import { keyValueStore } from '../api/kvstore/key-value-store.js';
import { makeApiLimits } from '../api/limits.js';
import { MapMember } from '../api/testing/map-member.js';
import { formatHostPort } from '../base/address.js';
import { emptyBytes } from '../base/bytes.js';
import { firstLevels, requireKnown, type LevelRange } from '../base/feature-levels.js';
import { silentLog } from '../base/log.js';
import { deadEndpoint, listen, serveSockets } from '../client/testing/sockets.js';
import { GrpcServer } from '../grpc/index.js';
import { tlsIdentity } from '../grpc/testing/tls-identity.js';
import type { JoinAnswer, JoinRequest, Member } from '../member/types.js';
import { ownLoopback } from '../testing/own-loopback.js';
import { portOf, RunningServers } from '../testing/running-servers.js';
import { joinCluster } from './join-cluster.js';
import { releasePorts, reservePorts } from './reserve-ports.js';

/** None of these tests waits for it: what cannot be right is not tried to the end. */
const joinTimeoutMs = 60_000;

async function otherGrpcServer(t: TestContext): Promise<string> {
  const server = new GrpcServer({ services: [] });
  const port = await server.listen('127.0.0.1', 0);
  t.after(() => server.closeGracefully(0));
  return `127.0.0.1:${port}`;
}

describe('joining through an address that can be no member', () => {
  /** Starts a server that is to join through `join`, which no server can. @returns what it said */
  async function refusalOf(
    servers: RunningServers,
    join: readonly string[],
    place: { readonly host?: string; readonly grpcPort?: number; readonly raftPort?: number } = {},
  ): Promise<string> {
    let said = '';
    await assert.rejects(servers.start({ id: 'node2', join, joinTimeoutMs, ...place }), (error: Error) => {
      said = error.message;
      assert.equal((error as Error & { code: string }).code, 'INVALID_REQUEST', said);
      return true;
    });
    assert.ok(!(await readdir(servers.dataRoot).catch((): string[] => [])).includes('node2'));
    return said;
  }

  it('ends at once, and says what each is', async (t) => {
    const servers = await RunningServers.in(t);
    const founder = await servers.start({ id: 'node1', bootstrap: true });
    const notHere = 'no Kvorum server listens there: ';
    const plainHttp2 = createHttp2Server((_, response) => response.end('hello'));
    const wrong: readonly (readonly [string, string])[] = [
      [
        founder.raftAddress,
        'that is the Raft port of a member, for members alone: name its client port (-grpcport)',
      ],
      [await listen(t, createHttpServer()), `${notHere}it speaks HTTP/1 alone`],
      [
        await serveSockets(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n')),
        `${notHere}it speaks something else than gRPC`,
      ],
      [await listen(t, createTlsServer(tlsIdentity)), 'it expects TLS, which this client does not speak'],
      [
        await otherGrpcServer(t),
        `${notHere}it does not serve this call (unknown method /proto.KeyValueStore/Join)`,
      ],
      [await listen(t, plainHttp2), `${notHere}it answers with content of no type`],
    ];
    for (const [endpoint, what] of wrong) {
      assert.equal(await refusalOf(servers, [endpoint]), `-join=${endpoint}: ${what}`);
    }
    const said = await refusalOf(
      servers,
      wrong.map(([endpoint]) => endpoint),
    );
    for (const [endpoint, what] of wrong) assert.ok(said.includes(`-join=${endpoint}: ${what}`), said);
    // Whoever can be one is asked all the same, whatever stands before it.
    const join = [...wrong.map(([endpoint]) => endpoint), founder.grpcAddress];
    await servers.start({ id: 'node2', join, joinTimeoutMs });
  });

  it('knows its own ports, by whichever name', { skip: process.platform !== 'linux' }, async (t) => {
    const servers = await RunningServers.in(t);
    const advice = 'name the client port (-grpcport) of a member of the cluster';
    for (const [host, names] of [
      [ownLoopback(), [ownLoopback()]],
      ['127.0.0.1', ['127.0.0.1', 'localhost']],
      ['0.0.0.0', ['127.0.0.1', 'localhost']],
      ['::', ['127.0.0.1', '::1', 'localhost']],
    ] as const) {
      const [grpcPort, raftPort] = [portOf(await deadEndpoint()), portOf(await deadEndpoint())];
      const place = { host, advertiseHost: names[0], grpcPort, raftPort };
      for (const name of names) {
        const own = formatHostPort(name, grpcPort);
        const said = await refusalOf(servers, [own], place);
        assert.equal(said, `-join=${own}: that is this server's own grpc port: ${advice}`);
        const raft = formatHostPort(name, raftPort);
        assert.equal(
          await refusalOf(servers, [raft, own], place),
          `-join=${raft}: that is this server's own Raft port: ${advice}; -join=${own}: that is this server's own grpc port: ${advice}`,
        );
      }
    }
  });

  it('goes on with those that may yet answer, and names the others in the end', async (t) => {
    const servers = await RunningServers.in(t);
    const dead = await deadEndpoint();
    const web = await listen(t, createHttpServer());
    const told: unknown[] = [];
    const log = { ...silentLog, warn: (fields: object, text: string) => told.push([text, fields]) };
    await assert.rejects(servers.start({ id: 'node2', join: [web, dead], joinTimeoutMs: 300, log }), {
      code: 'SERVER_UNREACHABLE',
      message: `cannot connect to ${dead}: connection refused: nothing listens there; -join=${web}: no Kvorum server listens there: it speaks HTTP/1 alone`,
    });
    assert.deepEqual(told[0], [
      'cannot join through this address',
      { address: web, reason: 'no Kvorum server listens there: it speaks HTTP/1 alone' },
    ]);
  });

  it('does not take for wrong who closes connections as a member does that is about to serve', async (t) => {
    const servers = await RunningServers.in(t);
    const founder = await servers.start({ id: 'node1', bootstrap: true });
    let calls = 0;
    // One that is not ready at first, also while it is looked at closely.
    const starting = await serveSockets(t, (socket) => {
      calls += 1;
      if (calls === 2) socket.write(Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0));
      else socket.end();
    });
    const stop = new AbortController();
    const log = { ...silentLog, warn: (_: object, text: string) => text === 'joining again' && stop.abort() };
    const joining = servers.start({ id: 'node2', join: [starting], joinTimeoutMs, log }, stop.signal);
    await assert.rejects(joining, { code: 'MEMBER_STOPPING' });
    assert.ok(calls >= 2);
    await servers.start({ id: 'node2', join: [starting, founder.grpcAddress], joinTimeoutMs });
  });
});

describe('joining a cluster whose level this member was to hold back', () => {
  /** A member of a cluster at `level`, as far as joining goes. */
  async function clusterAt(
    t: TestContext,
    level: number,
  ): Promise<{ readonly endpoint: string; readonly asked: LevelRange[] }> {
    const asked: LevelRange[] = [];
    const join = async (request: JoinRequest): Promise<JoinAnswer> => {
      const { levels = firstLevels } = request;
      asked.push(levels);
      requireKnown(levels, level, 'the version that member node2 runs');
      return await Promise.resolve({ clusterId: 7n, id: request.id, members: [], secret: emptyBytes });
    };
    const limits = makeApiLimits();
    const member: Member = Object.assign(new MapMember(), { join });
    const server = new ApiServer({
      services: [keyValueStore(member, limits)],
      limits,
      log: silentLog,
      version: 'test',
      clusterId: 7n,
    });
    const port = await server.listen('127.0.0.1', 0);
    t.after(() => server.closeGracefully(0));
    return { endpoint: `127.0.0.1:${port}`, asked };
  }

  async function joinWith(t: TestContext, endpoint: string, featureLevelMax: number): Promise<void> {
    const ports = await reservePorts('127.0.0.1', { grpcPort: 0, raftPort: 0 });
    t.after(() => releasePorts(ports));
    await joinCluster({
      ...{
        endpoints: [endpoint],
        name: 'node2',
        raftAddress: 'node2:1',
        ports,
        memberId: 9n,
        featureLevelMax,
      },
      ...{ levels: { min: 1, max: 3 }, timeoutMs: joinTimeoutMs, log: silentLog, signal: undefined },
    });
  }

  it('holds it no further back than it has come', async (t) => {
    const { endpoint, asked } = await clusterAt(t, 2);
    await joinWith(t, endpoint, 1);
    assert.deepEqual(asked, [
      { min: 1, max: 1 },
      { min: 1, max: 2 },
    ]);
  });

  it('is refused where this version knows too little', async (t) => {
    const { endpoint, asked } = await clusterAt(t, 4);
    await assert.rejects(joinWith(t, endpoint, 2), {
      code: 'VERSION_MISMATCH',
      message: /knows 1 to 3: a newer version/,
    });
    assert.equal(asked.length, 2);
  });
});
