import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { connect as connectTo, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { KvorumError } from '../base/errors.js';
import { silentLog } from '../base/log.js';
import { freePort } from '../base/testing/free-port.js';
import { connect } from '../client/index.js';
import type { ServerOptions } from './server.js';
import { ownLoopback } from '../testing/own-loopback.js';
import { placeOf, portOf, RunningServers } from '../testing/running-servers.js';

const notLinux = process.platform === 'linux' ? false : 'needs Linux';

/** What serves on an endpoint, while the test runs. */
function clientOf(t: TestContext, endpoint: string) {
  const client = connect({ endpoints: endpoint });
  t.after(() => client.close());
  return client;
}

async function listening(server: Server, port: number, host: string): Promise<number> {
  await once(server.listen(port, host), 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return address.port;
}

async function busyPort(t: TestContext, host = '127.0.0.1'): Promise<number> {
  const server = createServer();
  t.after(() => server.close());
  return await listening(server, 0, host);
}

function codeOf(settled: PromiseSettledResult<unknown>): string | undefined {
  if (settled.status === 'fulfilled') return undefined;
  return settled.reason instanceof KvorumError ? settled.reason.code : String(settled.reason);
}

/** Where connections are taken and nothing is ever said. */
async function muteServer(
  t: TestContext,
): Promise<{ readonly endpoint: string; readonly called: Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  const called = once(server, 'connection').then(([socket]) => {
    t.after(() => (socket as Socket).destroy());
  });
  t.after(() => server.close());
  return { endpoint: `127.0.0.1:${address.port}`, called };
}

/** What this process has open in a folder. */
async function openFilesIn(folder: string): Promise<string[]> {
  const files = '/proc/self/fd';
  // Of the listing itself there is nothing left to read.
  const paths = (await readdir(files)).map((fd) => readlink(join(files, fd)).catch(() => ''));
  return (await Promise.all(paths)).filter((path) => path.startsWith(folder));
}

describe('startServer', () => {
  const wrong: [string, Partial<ServerOptions>, RegExp][] = [
    ['an id that would leave the folder', { id: '../x' }, /^id must be 1 to 128 letters/],
    ['an id that is too long', { id: 'n'.repeat(129) }, /^id must be/],
    ['no host', { host: '' }, /^host must be a host name or an address .*, not ""$/],
    [
      'a host that is no address of IPv6',
      { host: 'a:b:c' },
      /^host must be a host name or an address .*IPv6/,
    ],
    ['a pattern to advertise', { advertiseHost: '*' }, /^advertise-host must be a host name .*, not "\*"$/],
    ['a host with a port', { host: 'localhost:1' }, /^host must be/],
    ['an advertised host with a space', { advertiseHost: 'a b' }, /^advertise-host must be a host name/],
    ['a wildcard that others would be told', { host: '0.0.0.0' }, /^advertise-host must be an address that/],
    ['a wildcard of IPv6', { host: '::' }, /^advertise-host must be an address that/],
    ['the same, written otherwise', { host: '::0' }, /^advertise-host must be an address that/],
    ['a port that is none', { grpcPort: 65_536 }, /^grpcport must be a port from 0 to 65535, not 65536$/],
    ['a port with a fraction', { raftPort: 1.5 }, /^raftport must be a port/],
    ['one port for both', { grpcPort: 7, raftPort: 7 }, /^raftport must differ from grpcport, both are 7$/],
    ['no data folder', { dataDir: '' }, /^data-dir must name a folder$/],
    ['bootstrap with join', { bootstrap: true, join: ['a:1'] }, /^bootstrap and join exclude each other/],
    ['an address to join that is none', { join: ['a:1', 'b'] }, /^join must be host:port .* not "b"$/],
    ['no time', { heartbeatIntervalMs: 0 }, /^heartbeat-interval must be a whole number of milliseconds/],
    ['endless time', { joinTimeoutMs: Infinity }, /^join-timeout must be a whole number/],
    [
      'elections as fast as heartbeats',
      { electionTimeoutMs: 299 },
      /^election-timeout must be at least 3 times/,
    ],
    ['too large values', { valueSizeBytesMax: 2 ** 24 }, /^valueSizeBytesMax: 16777216 bytes are more than/],
    ['no connections', { connectionsMax: 0 }, /^connectionsMax must be a positive whole number, not 0$/],
  ];
  for (const [what, options, message] of wrong) {
    it(`refuses ${what}, before it touches anything`, async (t) => {
      const servers = await RunningServers.in(t);
      const attempt = servers.start({ id: 'node1', ...options });
      await assert.rejects(attempt, { code: 'INVALID_REQUEST', message });
      assert.deepEqual(await readdir(servers.folder), []);
    });
  }

  it('takes what is just within the rules', async (t) => {
    const servers = await RunningServers.in(t);
    const id = 'n'.repeat(128);
    const times = { heartbeatIntervalMs: 100, electionTimeoutMs: 300 };
    const server = await servers.start({ id, ...times, host: '::1', bootstrap: true });
    assert.match(server.grpcAddress, /^\[::1\]:\d+$/);
    await clientOf(t, server.grpcAddress).set('a', '1');
  });

  it('says what to do with an empty folder, and leaves none', async (t) => {
    const servers = await RunningServers.in(t);
    await assert.rejects(servers.start({ id: 'node1' }), {
      code: 'INVALID_REQUEST',
      message:
        /is empty: start with -bootstrap to found a cluster, with -join=HOST:PORT to join one, or name the folder that it has with -data-dir$/,
    });
    assert.deepEqual(await readdir(servers.folder), []);
  });

  for (const field of ['grpcPort', 'raftPort'] as const) {
    it(`names a ${field} that is in use, and leaves nothing`, async (t) => {
      const servers = await RunningServers.in(t);
      const port = await busyPort(t);
      await assert.rejects(servers.start({ id: 'node1', bootstrap: true, [field]: port }), {
        code: 'ADDRESS_UNAVAILABLE',
        message: `${field.toLowerCase()} ${port} on 127.0.0.1 is in use`,
      });
      assert.deepEqual(await readdir(servers.folder), []);
    });
  }

  it('leaves no member behind where ports are taken, however many start at once', async (t) => {
    const servers = await RunningServers.in(t);
    const host = ownLoopback();
    const founder = await servers.start({ id: 'node1', host, bootstrap: true });
    const grpcPort = await busyPort(t, host);
    const start = (id: string, ports: Partial<ServerOptions>) =>
      servers.start({ id, host, join: [founder.grpcAddress], ...ports });
    const started = await Promise.allSettled(
      [2, 3, 4, 5, 6].flatMap((at) => [
        start(`node${at}`, {}),
        start(`late${at}`, at % 2 === 0 ? { grpcPort } : { raftPort: grpcPort }),
      ]),
    );
    for (const [at, each] of started.entries()) {
      if (at % 2 === 0) assert.equal(each.status, 'fulfilled', String(at));
      else assert.equal(codeOf(each), 'ADDRESS_UNAVAILABLE');
    }
    const client = clientOf(t, founder.grpcAddress);
    let { members } = await client.members();
    while (!members.every(({ voter }) => voter)) ({ members } = await client.members());
    assert.deepEqual(
      members.map(({ name }) => name).sort(),
      [1, 2, 3, 4, 5, 6].map((at) => `node${at}`),
    );
  });

  it('keeps both ports while it waits to be let in, and gives them back when that comes to nothing', async (t) => {
    const servers = await RunningServers.in(t);
    const host = ownLoopback();
    const { endpoint, called } = await muteServer(t);
    const [grpcPort, raftPort] = [await freePort(host), await freePort(host)];
    const ask = new AbortController();
    const join = [endpoint];
    const refused = assert.rejects(
      servers.start({ id: 'node1', host, grpcPort, raftPort, join }, ask.signal),
    );
    await called;
    for (const port of [grpcPort, raftPort]) {
      await assert.rejects(listening(createServer(), port, host), { code: 'EADDRINUSE' });
    }
    ask.abort();
    await refused;
    for (const port of [grpcPort, raftPort]) {
      const server = createServer();
      await listening(server, port, host);
      server.close();
    }
  });

  it('names a host that is not of this machine', async (t) => {
    const servers = await RunningServers.in(t);
    // TEST-NET-3, RFC 5737.
    await assert.rejects(servers.start({ id: 'node1', bootstrap: true, host: '203.0.113.1' }), {
      code: 'ADDRESS_UNAVAILABLE',
      message: /^grpcport 0 on 203\.0\.113\.1 cannot be used \(EADDRNOTAVAIL\)$/,
    });
  });

  it('lets no second server into a folder, and the first one serves on', async (t) => {
    const servers = await RunningServers.in(t);
    const server = await servers.start({ id: 'node1', bootstrap: true });
    await assert.rejects(servers.start({ id: 'node1', bootstrap: true }), { code: 'DATA_FOLDER_LOCKED' });
    await clientOf(t, server.grpcAddress).set('a', '1');
  });

  it('starts again with any flags, on what it has', async (t) => {
    const servers = await RunningServers.in(t);
    const first = await servers.start({ id: 'node1', bootstrap: true });
    const { clusterId } = await clientOf(t, first.grpcAddress).status();
    await clientOf(t, first.grpcAddress).set('a', '1');
    await first.stop();
    for (const flags of [{}, { bootstrap: true }, { join: [first.grpcAddress] }]) {
      const again = await servers.start({ id: 'node1', ...flags });
      const client = clientOf(t, again.grpcAddress);
      assert.equal((await client.status()).clusterId, clusterId);
      assert.equal(await client.get('a'), '1');
      await again.stop();
    }
  });

  it('founds no second cluster where one of those that it is to ask first is of one', async (t) => {
    const servers = await RunningServers.in(t);
    const [founder, second] = await servers.cluster(2, ownLoopback());
    await founder!.stop();
    await rm(servers.dataDir('node1'), { recursive: true });
    const place = placeOf(founder!);
    const nobody = `127.0.0.1:${await freePort()}`;
    const asked = [nobody, founder!.grpcAddress, second!.grpcAddress];
    const cluster = (await clientOf(t, second!.grpcAddress).status()).clusterId
      .toString(16)
      .padStart(16, '0');
    await assert.rejects(servers.start({ ...place, bootstrap: true, bootstrapUnless: asked }), {
      code: 'INVALID_REQUEST',
      message: new RegExp(
        `^-bootstrap would found a second cluster: node2 at ${second!.grpcAddress} is up, of cluster ${cluster}\\. Join that one: .*remove node1`,
      ),
    });
    assert.deepEqual(await readdir(servers.dataRoot), ['node2']);
    // Of itself, and of those that do not answer, there is nothing to be learnt.
    const told: unknown[] = [];
    const log = { ...silentLog, warn: (fields: object, text: string) => told.push([text, fields]) };
    const own = `${place.host}:${place.grpcPort}`;
    await servers.start({ ...place, bootstrap: true, bootstrapUnless: [own, nobody], log });
    assert.deepEqual(told[0], [
      'founding: nobody answers of those that were to be asked first',
      { asked: nobody },
    ]);
  });

  it('tells at both ends of a member of another cluster where one of this is looked for', async (t) => {
    const servers = await RunningServers.in(t);
    const told = new Map<string, string[]>();
    const logOf = (id: string) => {
      const lines: string[] = [];
      told.set(id, lines);
      const tell = (fields: object, text: string): void =>
        void lines.push(`${text} ${JSON.stringify(fields)}`);
      return { ...silentLog, warn: tell, error: tell };
    };
    const host = ownLoopback();
    const founder = await servers.start({ id: 'node1', host, bootstrap: true });
    const join = [founder.grpcAddress];
    const second = await servers.start({ id: 'node2', host, join, log: logOf('node2') });
    await clientOf(t, second.grpcAddress).set('a', '1');
    await founder.stop();
    await rm(servers.dataDir('node1'), { recursive: true });
    const impostor = await servers.start({ ...placeOf(founder), bootstrap: true, log: logOf('node1') });
    const says = (id: string, what: RegExp): boolean => told.get(id)!.some((line) => what.test(line));
    const client = clientOf(t, second.grpcAddress);
    const reason = async (): Promise<string> => (await client.status(second.grpcAddress)).peers[0]!.reason;
    while (!/does not know this cluster's secret: a member of another cluster/.test(await reason()));
    assert.ok(says('node2', /^sent away by a member .*whoever listens at .* a member of another cluster/));
    while (
      !says('node1', /^sent a stranger away from the Raft port .*hung up .*a member of another cluster/)
    ) {
      await client.status(second.grpcAddress);
    }
    await impostor.stop();
  });

  it('takes up a founding that was cut short, though it is not told to found', async (t) => {
    const servers = await RunningServers.in(t);
    const first = await servers.start({ id: 'node1', bootstrap: true });
    await first.stop();
    const file = join(servers.dataDir('node1'), 'identity.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"member"', '"founding"'));
    for (const folder of ['wal', 'state', 'snapshot']) {
      await rm(join(servers.dataDir('node1'), folder), { recursive: true, force: true });
    }
    const again = await servers.start({ id: 'node1' });
    await clientOf(t, again.grpcAddress).set('a', '1');
    assert.match(await readFile(file, 'utf8'), /"state": "member"/);
  });

  it('never founds a cluster anew in a folder that has lost its log and its state', async (t) => {
    const servers = await RunningServers.in(t);
    const first = await servers.start({ id: 'node1', bootstrap: true });
    await first.stop();
    for (const folder of ['wal', 'state', 'snapshot']) {
      await rm(join(servers.dataDir('node1'), folder), { recursive: true, force: true });
    }
    for (const bootstrap of [true, false]) {
      await assert.rejects(servers.start({ id: 'node1', bootstrap }), {
        code: 'DATA_DAMAGED',
        message: /has lost its log \(folder wal\): remove this member \(kvorum remove\) and join it anew/,
      });
    }
  });

  it('leaves nothing open behind a refusal', { skip: notLinux }, async (t) => {
    const servers = await RunningServers.in(t);
    await (await servers.start({ id: 'node1', bootstrap: true })).stop();
    const folder = servers.dataDir('node1');
    assert.deepEqual(await openFilesIn(folder), []);
    for (const lost of ['state', 'wal']) {
      await rm(join(folder, lost), { recursive: true });
      await assert.rejects(servers.start({ id: 'node1' }), { code: 'DATA_DAMAGED' });
      assert.deepEqual(await openFilesIn(folder), [], lost);
    }
    await writeFile(join(folder, 'identity.json'), '{}');
    await assert.rejects(servers.start({ id: 'node1' }), { code: 'DATA_DAMAGED' });
    assert.deepEqual(await openFilesIn(folder), []);
  });

  it('goes on without being let in again when its vote may be counted on already', async (t) => {
    const servers = await RunningServers.in(t);
    const [founder, second] = await servers.cluster(2, ownLoopback());
    await clientOf(t, founder!.grpcAddress).set('a', '1');
    await Promise.all([founder!.stop(), second!.stop()]);
    const file = join(servers.dataDir('node2'), 'identity.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"member"', '"learning"'));
    // Neither of two voters can answer for the cluster before the other one is up.
    const [, again] = await Promise.all([
      servers.start(placeOf(founder!)),
      servers.start({ ...placeOf(second!), join: [founder!.grpcAddress] }),
    ]);
    assert.equal(await clientOf(t, again.grpcAddress).get('a'), '1');
    assert.match(await readFile(file, 'utf8'), /"state": "member"/);
  });

  it('never takes part again without the log of its votes, though its joining was cut short', async (t) => {
    const servers = await RunningServers.in(t);
    const [founder, second] = await servers.cluster(2);
    await second!.stop();
    const file = join(servers.dataDir('node2'), 'identity.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"member"', '"learning"'));
    await rm(join(servers.dataDir('node2'), 'wal'), { recursive: true });
    await assert.rejects(servers.start({ id: 'node2', join: [founder!.grpcAddress] }), {
      code: 'DATA_DAMAGED',
      message: /has lost its log \(folder wal\)/,
    });
  });

  it('refuses a folder of one cluster with the address of another', async (t) => {
    const servers = await RunningServers.in(t);
    const own = await servers.start({ id: 'node1', bootstrap: true });
    const other = await servers.start({ id: 'node2', bootstrap: true });
    await own.stop();
    await assert.rejects(servers.start({ id: 'node1', join: [other.grpcAddress] }), {
      code: 'WRONG_CLUSTER',
      message: /node1 belongs to cluster [0-9a-f]{16}, but 127\.0\.0\.1:\d+ is of cluster [0-9a-f]{16}$/,
    });
  });

  it('is refused with an id that is taken, and leaves nothing', async (t) => {
    const servers = await RunningServers.in(t);
    const [founder, second] = await servers.cluster(2);
    const dataDir = join(servers.folder, 'other', 'node2');
    await assert.rejects(servers.start({ id: 'node2', join: [founder!.grpcAddress], dataDir }), {
      code: 'MEMBER_NAME_TAKEN',
      message: `id node2 is taken by the member at ${second!.raftAddress}; choose another id, or remove that member first`,
    });
    assert.deepEqual(await readdir(servers.folder), ['data']);
  });

  it("is refused with a Raft address that is another's, and leaves nothing", async (t) => {
    const servers = await RunningServers.in(t);
    const [founder, second, third] = await servers.cluster(3, ownLoopback());
    await third!.stop();
    const { host, raftPort } = placeOf(third!);
    await assert.rejects(servers.start({ id: 'node4', host, raftPort, join: [second!.grpcAddress] }), {
      code: 'MEMBER_ADDRESS_TAKEN',
      message: new RegExp(`${third!.raftAddress}.*node3`),
    });
    assert.deepEqual((await readdir(servers.dataRoot)).sort(), ['node1', 'node2', 'node3']);
    const { members } = await clientOf(t, founder!.grpcAddress).members();
    assert.equal(members.length, 3);
  });

  it('keeps its folder when it was let in and cannot write that down, and goes on with it', async (t) => {
    const servers = await RunningServers.in(t);
    const founder = await servers.start({ id: 'node1', bootstrap: true });
    const inTheWay = join(servers.dataDir('node2'), 'identity.json.tmp');
    const proxy = createServer((socket) => {
      mkdirSync(inTheWay, { recursive: true });
      const onward = connectTo(portOf(founder.grpcAddress), '127.0.0.1');
      for (const each of [socket, onward]) each.on('error', () => {});
      socket.pipe(onward).pipe(socket);
    });
    t.after(() => proxy.close());
    const through = `127.0.0.1:${await listening(proxy, 0, '127.0.0.1')}`;
    const host = ownLoopback();
    const place = { id: 'node2', host, raftPort: await freePort(host) };
    await assert.rejects(servers.start({ ...place, join: [through] }), {
      code: 'OUTCOME_UNKNOWN',
      message:
        /^the cluster has let this member in, but data folder .*; mend that and start it again to go on$/,
    });
    await rm(inTheWay, { recursive: true });
    await servers.start({ ...place, join: [founder.grpcAddress] });
    const { members } = await clientOf(t, founder.grpcAddress).members();
    assert.deepEqual(members.map(({ name }) => name).sort(), ['node1', 'node2']);
  });

  it('gives up joining where nobody answers, and leaves nothing', async (t) => {
    const servers = await RunningServers.in(t);
    const server = await servers.start({ id: 'node1', bootstrap: true });
    await server.stop();
    const join = [server.grpcAddress];
    await assert.rejects(servers.start({ id: 'node2', join, joinTimeoutMs: 200 }), {
      code: 'SERVER_UNREACHABLE',
      message: `cannot connect to ${server.grpcAddress}: connection refused: nothing listens there`,
    });
    assert.deepEqual(await readdir(servers.dataRoot), ['node1']);
  });

  it('waits for the state as long as that takes, once it was let in', { skip: notLinux }, async (t) => {
    const servers = await RunningServers.in(t);
    let notReached = (): void => {};
    const longAfter = new Promise<void>((resolve) => (notReached = resolve));
    const warn = (_: object, text: string): void => {
      if (text === 'a member cannot be reached') notReached();
    };
    const joinTimeoutMs = 500;
    const log = { ...silentLog, warn };
    const founder = await servers.start({
      ...{ id: 'node1', bootstrap: true, electionTimeoutMs: 2 * joinTimeoutMs, log },
    });
    // Nobody is where the others look for it, until it has waited for longer than that.
    const host = ownLoopback();
    const advertiseHost = '127.200.0.1';
    const raftPort = await freePort(advertiseHost);
    const join = [founder.grpcAddress];
    const giveUp = new AbortController();
    t.after(() => giveUp.abort());
    const joining = servers.start(
      { id: 'node2', host, advertiseHost, raftPort, join, joinTimeoutMs },
      giveUp.signal,
    );
    await Promise.race([longAfter, joining]);
    const client = clientOf(t, founder.grpcAddress);
    const { members } = await client.members();
    assert.equal(members.find(({ name }) => name === 'node2')?.clientAddress, '');
    const proxy = createServer((socket) => {
      const onward = connectTo(raftPort, host);
      for (const each of [socket, onward]) each.on('error', () => {});
      socket.pipe(onward).pipe(socket);
    });
    t.after(() => proxy.close());
    await listening(proxy, raftPort, advertiseHost);
    const server = await joining;
    await client.set('a', '1');
    assert.equal(await clientOf(t, `${host}:${portOf(server.grpcAddress)}`).get('a'), '1');
  });

  it('ends at once when it is asked to while it joins, and leaves nothing', async (t) => {
    const servers = await RunningServers.in(t);
    const { endpoint, called } = await muteServer(t);
    const ask = new AbortController();
    const refused = assert.rejects(servers.start({ id: 'node1', join: [endpoint] }, ask.signal), {
      code: 'MEMBER_STOPPING',
    });
    await called;
    ask.abort();
    await refused;
    assert.deepEqual(await readdir(servers.folder), []);
  });

  it('ends a member that was removed, each time it starts', async (t) => {
    const servers = await RunningServers.in(t);
    const [founder, second] = await servers.cluster(2);
    await clientOf(t, founder!.grpcAddress).removeMember('node2');
    assert.equal((await second!.stopped).kind, 'removed');
    // Its own state may not know yet: then it is told by the others once it is up.
    const again = await servers.start({ id: 'node2' }).catch((error: unknown) => error as KvorumError);
    if (again instanceof KvorumError) assert.equal(again.code, 'MEMBER_REMOVED');
    else assert.equal((await again.stopped).kind, 'removed');
  });
});
