import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { KvorumError } from '../base/errors.js';
import { tlsIdentity } from '../grpc/testing/tls-identity.js';
import { RunningServers } from '../testing/running-servers.js';
import { connect } from './client.js';
import { deadEndpoint, listen, mutePort, serveSockets } from './testing/sockets.js';

/** What a client says that tries once to connect to `endpoint`. */
async function saidOf(t: TestContext, endpoint: string): Promise<string> {
  const client = connect({ endpoints: endpoint, timeoutMs: 60_000, connectTriesMax: 1 });
  t.after(() => client.close());
  try {
    await client.set('a', '1');
  } catch (error) {
    assert.ok(error instanceof KvorumError && error.code === 'SERVER_UNREACHABLE', String(error));
    const head = `cannot connect to ${endpoint}: `;
    assert.ok(error.message.startsWith(head), error.message);
    return error.message.slice(head.length);
  }
  return assert.fail(`${endpoint} served the call`);
}

const somethingElse = (protocol: string): string => `no Kvorum server listens there: it speaks ${protocol}`;

describe('a server that cannot be connected to', () => {
  it('is said to refuse', async (t) => {
    assert.equal(await saidOf(t, await deadEndpoint()), 'connection refused: nothing listens there');
  });

  it('is said not to answer', async (t) => {
    assert.match(
      await saidOf(t, await mutePort(t)),
      /^no answer within \d+ ms: a wrong address, or a firewall\?$/,
    );
  });

  it('is said to have no such name', async (t) => {
    assert.match(await saidOf(t, 'no-such-host.invalid:50051'), /^(no host has this name|the host name )/);
  });

  it('is said to hang, or to be something else, where it takes connections and keeps silent', async (t) => {
    const endpoint = await serveSockets(t, (socket) => socket.resume());
    assert.match(
      await saidOf(t, endpoint),
      /^it takes connections, but said nothing within \d+ ms: it hangs/,
    );
  });

  it('is said to be a Raft port', async (t) => {
    const servers = await RunningServers.in(t);
    const { raftAddress, grpcAddress } = await servers.start({ id: 'node1', bootstrap: true });
    assert.equal(
      await saidOf(t, raftAddress),
      'that is the Raft port of a member, for members alone: name its client port (-grpcport)',
    );
    // The member has other things to do than to be hurt by it.
    const client = connect({ endpoints: grpcAddress });
    t.after(() => client.close());
    await client.set('a', '1');
  });

  it('is said to expect TLS', async (t) => {
    const endpoint = await listen(t, createTlsServer(tlsIdentity));
    assert.equal(await saidOf(t, endpoint), 'it expects TLS, which this client does not speak');
    const apology = 'HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n';
    const polite = await serveSockets(t, (socket) => socket.end(apology));
    assert.equal(await saidOf(t, polite), 'it expects TLS, which this client does not speak');
  });

  it('is said to speak HTTP/1, or something else', async (t) => {
    const web = await listen(t, createHttpServer());
    assert.equal(await saidOf(t, web), somethingElse('HTTP/1 alone'));
    const shell = await serveSockets(t, (socket) => socket.write('SSH-2.0-OpenSSH_9.6\r\n'));
    assert.equal(await saidOf(t, shell), somethingElse('something else than gRPC'));
    const noise = await serveSockets(t, (socket) => socket.write(Buffer.alloc(4096, 0xff)));
    assert.equal(await saidOf(t, noise), somethingElse('something else than gRPC'));
  });

  it('is said to close connections without a word', async (t) => {
    const closing = await serveSockets(t, (socket) => socket.end());
    assert.equal(
      await saidOf(t, closing),
      'it closes the connection without a word: no Kvorum server, or one that takes no more connections',
    );
    // Some are told of a reset while they connect.
    const resetting = await serveSockets(t, (socket) => void socket.resetAndDestroy());
    assert.match(await saidOf(t, resetting), /^(it closes the connection without|the connection was reset)/);
  });

  it('holds no socket of an attempt that has ended', async (t) => {
    let openCount = 0;
    let openMost = 0;
    let attempts = 0;
    const none: (() => void)[] = [];
    const endpoint = await serveSockets(t, (socket) => {
      attempts += 1;
      openMost = Math.max(openMost, ++openCount);
      socket.resume();
      socket.on('close', () => {
        if (--openCount === 0) for (const resolve of none) resolve();
      });
    });
    const client = connect({ endpoints: endpoint, timeoutMs: 60_000, connectTriesMax: 3 });
    await assert.rejects(client.get('a'), { code: 'SERVER_UNREACHABLE' });
    if (openCount > 0) await new Promise<void>((resolve) => none.push(resolve));
    assert.deepEqual([attempts, openMost], [3, 1]);
    // One that is on its way ends with the client.
    const call = assert.rejects(client.get('a'), { code: 'CLIENT_CLOSED' });
    while (openCount === 0) await new Promise((resolve) => setImmediate(resolve));
    client.close();
    await call;
    if (openCount > 0) await new Promise<void>((resolve) => none.push(resolve));
  });
});
