import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  constants,
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { connect, type KvorumClient } from './client.js';
import { allDone, allRefused, codeOf, ScriptedStore, silence } from './testing/scripted-store.js';
import { deadEndpoint } from './testing/sockets.js';

function clientOf(t: TestContext, endpoints: readonly string[], timeoutMs = 5000): KvorumClient {
  const client = connect({ endpoints, timeoutMs });
  t.after(() => client.close());
  return client;
}

const refused = 'connection refused: nothing listens there';

/** A server of bare HTTP/2. */
async function serveHttp2(
  t: TestContext,
  onStream: (stream: ServerHttp2Stream, server: Http2Server) => void,
): Promise<string> {
  const server = createHttp2Server().listen(0, '127.0.0.1');
  const sessions: ServerHttp2Session[] = [];
  server.on('session', (session) => sessions.push(session));
  server.on('stream', (stream) => {
    // The client resets what was refused.
    stream.on('error', () => {});
    onStream(stream, server);
  });
  t.after(() => {
    server.close();
    for (const session of sessions) session.destroy();
  });
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `127.0.0.1:${address.port}`;
}

describe('failover', () => {
  it('goes on to a server that can be reached, and stays there', async (t) => {
    const store = await ScriptedStore.serve(t, allDone);
    const client = clientOf(t, [await deadEndpoint(), store.endpoint]);
    await client.set('a', '1');
    await client.set('b', '1');
    assert.equal(store.batches.length, 2);
  });

  it('says that no server can be reached, and that nothing was done', async (t) => {
    const endpoint = await deadEndpoint();
    const client = clientOf(t, [endpoint], 400);
    await assert.rejects(client.set('a', '1'), {
      code: 'SERVER_UNREACHABLE',
      outcome: 'not-applied',
      message: `cannot connect to ${endpoint}: ${refused}`,
    });
  });

  it('gives up after as many tries as it was told, long before the time is over', async (t) => {
    const endpoints = [await deadEndpoint(), await deadEndpoint()];
    const client = connect({ endpoints, timeoutMs: 60_000, connectTriesMax: 2 });
    t.after(() => client.close());
    const message = endpoints.map((endpoint) => `cannot connect to ${endpoint}: ${refused}`).join('; ');
    for (const call of [() => client.set('a', '1'), () => client.members()]) {
      await assert.rejects(call(), { code: 'SERVER_UNREACHABLE', outcome: 'not-applied', message });
    }
    await assert.rejects(client.status(endpoints[0]), { code: 'SERVER_UNREACHABLE' });
    // The tries are counted anew for each wait.
    const store = await ScriptedStore.serve(t, allDone, Number(endpoints[1]!.split(':')[1]));
    await client.set('a', '1');
    assert.equal(store.batches.length, 1);
    assert.throws(() => connect({ endpoints, connectTriesMax: 0 }), { code: 'INVALID_REQUEST' });
  });

  it('waits for a server that comes up within the time', async (t) => {
    const endpoint = await deadEndpoint();
    const client = clientOf(t, [endpoint]);
    const write = client.set('a', '1');
    await ScriptedStore.serve(t, allDone, Number(endpoint.split(':')[1]));
    assert.deepEqual(await write, { revision: 2 });
  });

  for (const code of ['NO_LEADER', 'MEMBER_STOPPING', 'MEMBER_REMOVED'] as const) {
    it(`asks the next server when one did nothing: ${code}`, async (t) => {
      const first = await ScriptedStore.serve(t, (operations) => allRefused(operations, code));
      const second = await ScriptedStore.serve(t, allDone);
      const client = clientOf(t, [first.endpoint, second.endpoint]);
      await client.set('a', '1');
      assert.deepEqual([first.batches.length, second.batches.length], [1, 1]);
    });
  }

  it('keeps the condition of a write when it asks the next server', async (t) => {
    const first = await ScriptedStore.serve(t, (operations) => allRefused(operations, 'NO_LEADER'));
    const second = await ScriptedStore.serve(t, allDone);
    const client = clientOf(t, [first.endpoint, second.endpoint]);
    const done = [client.compareAndSet('a', 7, '1'), client.compareAndDelete('b', 0)];
    for (const { succeeded } of await Promise.all(done)) assert.ok(succeeded);
    const conditions = second.batches.flat().map(({ kind }) => {
      return kind?.$case === 'put' || kind?.$case === 'delete' ? kind.value.expectedModRevision : undefined;
    });
    assert.deepEqual(conditions, [7n, 0n]);
  });

  for (const code of ['STORAGE_FAILED', 'DEADLINE_EXCEEDED', 'OUTCOME_UNKNOWN', 'INTERNAL'] as const) {
    it(`never repeats a write of unknown outcome, but reads: ${code}`, async (t) => {
      const first = await ScriptedStore.serve(t, (operations) => allRefused(operations, code));
      const second = await ScriptedStore.serve(t, allDone);
      const client = clientOf(t, [first.endpoint, second.endpoint]);
      const read = client.get('b');
      const conditional = [client.compareAndSet('c', 0, '1'), client.compareAndDelete('d', 7)].map(codeOf);
      assert.equal(await codeOf(client.set('a', '1')), 'OUTCOME_UNKNOWN');
      assert.deepEqual(await Promise.all(conditional), ['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN']);
      if (code === 'INTERNAL') assert.equal(await codeOf(read), 'INTERNAL');
      else assert.equal(await read, '');
      const writes = second.batches.flat().filter(({ kind }) => kind?.$case !== 'get');
      assert.deepEqual(writes, []);
    });
  }

  it('reports a write as unknown when the connection is lost under it, and repeats the read', async (t) => {
    const first = await ScriptedStore.serve(t, silence);
    const second = await ScriptedStore.serve(t, allDone);
    const client = clientOf(t, [first.endpoint, second.endpoint]);
    const write = codeOf(client.set('a', '1'));
    const conditional = codeOf(client.compareAndSet('c', 0, '1'));
    const read = client.get('b');
    while (first.batches.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await first.stop();
    assert.deepEqual([await write, await conditional], ['OUTCOME_UNKNOWN', 'OUTCOME_UNKNOWN']);
    assert.equal(await read, '');
    await client.set('a', '2');
    assert.equal(second.batches.flat().filter(({ kind }) => kind?.$case === 'put').length, 1);
  });

  it('asks the next server when one goes away before it looks at the request', async (t) => {
    const second = await ScriptedStore.serve(t, allDone);
    const first = await serveHttp2(t, (stream, server) => {
      if (stream.id === 1) {
        const told = { 'grpc-status': '3', 'kvorum-error': 'INVALID_KEY', 'kvorum-outcome': 'not-applied' };
        stream.respond({ 'content-type': 'application/grpc', ...told }, { endStream: true });
      } else {
        server.close();
        // The last stream that was looked at is the one before.
        stream.session?.goaway(constants.NGHTTP2_NO_ERROR, 1);
      }
    });
    const client = clientOf(t, [first, second.endpoint]);
    assert.equal(await codeOf(client.set('a', '1')), 'INVALID_KEY');
    assert.deepEqual(await client.set('a', '1'), { revision: 2 });
  });

  it('reports a write as unknown when its stream ends without an answer, and repeats the read', async (t) => {
    const second = await ScriptedStore.serve(t, allDone);
    const first = await serveHttp2(t, (stream) => stream.close(constants.NGHTTP2_NO_ERROR));
    assert.equal(await codeOf(clientOf(t, [first, second.endpoint]).set('a', '1')), 'OUTCOME_UNKNOWN');
    assert.equal(await clientOf(t, [first, second.endpoint]).get('b'), '');
  });

  it('ends the wait at the deadline: unknown for a write that was sent, plain for a read', async (t) => {
    const store = await ScriptedStore.serve(t, silence);
    const client = clientOf(t, [store.endpoint], 200);
    const write = codeOf(client.set('a', '1'));
    const read = codeOf(client.get('b'));
    assert.deepEqual([await write, await read], ['OUTCOME_UNKNOWN', 'DEADLINE_EXCEEDED']);
  });

  it("passes the server's own reason on when it comes within the time", async (t) => {
    const store = await ScriptedStore.serve(t, (operations, { timeoutMs }) => {
      assert.ok(timeoutMs !== undefined && timeoutMs < 1000, `${timeoutMs}`);
      return new Promise((resolve) => {
        setTimeout(() => resolve(allRefused(operations, 'NO_LEADER')), timeoutMs);
      });
    });
    const client = clientOf(t, [store.endpoint], 1000);
    assert.equal(await codeOf(client.set('a', '1')), 'NO_LEADER');
  });

  it('cancels: what was not sent is CANCELLED, a write on its way is unknown', async (t) => {
    const store = await ScriptedStore.serve(t, silence);
    const client = clientOf(t, [store.endpoint]);
    assert.equal(await codeOf(client.set('a', '1', { signal: AbortSignal.abort() })), 'CANCELLED');
    const controller = new AbortController();
    const write = codeOf(client.set('a', '1', { signal: controller.signal }));
    const read = codeOf(client.get('b', { signal: controller.signal }));
    while (store.batches.length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    assert.deepEqual([await write, await read], ['OUTCOME_UNKNOWN', 'CANCELLED']);
  });

  it('rejects everything on close', async (t) => {
    const store = await ScriptedStore.serve(t, silence);
    const client = clientOf(t, [store.endpoint]);
    const write = codeOf(client.set('a', '1'));
    const read = codeOf(client.get('b'));
    while (store.batches.length === 0) await new Promise((resolve) => setImmediate(resolve));
    client.close();
    assert.deepEqual([await write, await read], ['OUTCOME_UNKNOWN', 'CLIENT_CLOSED']);
    assert.equal(await codeOf(client.get('b')), 'CLIENT_CLOSED');
    assert.equal(await codeOf(client.members()), 'CLIENT_CLOSED');
  });
});
