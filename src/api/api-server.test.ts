import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { status, type ServiceError } from '@grpc/grpc-js';
import { InvariantError } from '../base/assert.js';
import { encodeUtf8 } from '../base/bytes.js';
import { KvorumError } from '../base/errors.js';
import { silentLog, type Log } from '../base/log.js';
import type { BoundUnaryMethod, CallContext, Service } from '../base/rpc.js';
import { makeApiLimits } from './limits.js';
import { failsWith } from './testing/errors.js';
import { serveMember } from './testing/served-member.js';
import { ApiServer } from './api-server.js';

const setPath = '/proto.KeyValueStore/Set';
const setBytes = Uint8Array.of(0x0a, 1, 0x6b, 0x12, 1, 0x76);
const okBytes = Buffer.of(0x08, 1);

/** A service of the test's own, with one method. */
function probe(call: BoundUnaryMethod['call']): { services: readonly Service[] } {
  return { services: [{ name: 'test.Probe', methods: [{ kind: 'unary', name: 'Call', call }] }] };
}
const probePath = '/test.Probe/Call';

function grpcError(call: Promise<unknown>): Promise<ServiceError> {
  return call.then(
    () => assert.fail('expected an error'),
    (error: unknown) => error as ServiceError,
  );
}

/** A call by a client that waits for the server's word, and for no deadline of its own. */
function callOverHttp2(
  port: number,
  headers: Readonly<Record<string, string>>,
): { session: ClientHttp2Session; stream: ClientHttp2Stream } {
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': setPath,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  stream.end(Buffer.concat([Buffer.of(0, 0, 0, 0, setBytes.length), setBytes]));
  return { session, stream };
}

describe('ApiServer: listening', () => {
  it('serves on a socket that listens already, and closes it', async (t) => {
    const reserved = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await once(reserved, 'listening');
    const address = reserved.address();
    assert.ok(typeof address === 'object' && address !== null);
    const { port } = address;
    const options = { limits: makeApiLimits(), log: silentLog, version: 'test', clusterId: 7n };
    const server = new ApiServer({ ...options, services: [] });
    t.after(() => server.closeGracefully(0));
    assert.equal(await server.listen('127.0.0.1', port, reserved), port);
    const response = await fetch(`http://127.0.0.1:${port}/version`);
    assert.equal(await response.text(), '{"kvorum":"test"}\n');
    await server.closeGracefully(0);
    const again = createServer().listen(port, '127.0.0.1');
    await once(again, 'listening');
    again.close();
  });
});

describe('ApiServer: waiting', () => {
  it("says that there is no leader before the caller's deadline", async (t) => {
    const { client, member, port } = await serveMember(t);
    member.loseLeader();
    const { session, stream } = callOverHttp2(port, { 'grpc-timeout': '1000m' });
    // An answer without a message is its headers alone.
    const [headers] = (await once(stream, 'response')) as [Record<string, string>];
    assert.equal(Number(headers['grpc-status']), status.UNAVAILABLE);
    session.destroy();
    await member.untilNobodyWaits();
    member.regainLeader();
    assert.deepEqual(await client.call(setPath, setBytes), okBytes);
  });

  it('tells the handler the time that is left', async (t) => {
    const seen: (number | undefined)[] = [];
    const { client } = await serveMember(
      t,
      probe((request, context) => {
        seen.push(context.timeoutMs);
        return Promise.resolve(request);
      }),
    );
    await client.call(probePath, setBytes);
    await client.call(probePath, setBytes, { timeoutMs: 20_000 });
    assert.equal(seen[0], undefined);
    assert.ok(seen[1]! > 10_000 && seen[1]! <= 20_000, `${seen[1]} ms`);
  });

  it('stops waiting when the caller cancels', async (t) => {
    const { client, member } = await serveMember(t);
    member.loseLeader();
    const controller = new AbortController();
    const call = grpcError(client.call(setPath, setBytes, { signal: controller.signal }));
    await member.untilWaiting(1);
    controller.abort();
    assert.equal((await call).code, status.CANCELLED);
    await member.untilNobodyWaits();
  });

  it('stops waiting when the connection is lost', async (t) => {
    const { port, member } = await serveMember(t);
    member.loseLeader();
    const { session } = callOverHttp2(port, {});
    await member.untilWaiting(1);
    session.destroy();
    await member.untilNobodyWaits();
  });

  it('aborts the signal with the reason, and not after the answer', async (t) => {
    const contexts: CallContext[] = [];
    const { client } = await serveMember(
      t,
      probe((request, context) => {
        contexts.push(context);
        if (request.length === 0) return Promise.resolve(request);
        return new Promise((_resolve, reject) => {
          context.signal.addEventListener('abort', () => reject(context.signal.reason as Error));
        });
      }),
    );
    // A deadline may pass before the call has reached its handler.
    for (let timeoutMs = 30; contexts.length === 0; timeoutMs *= 2) {
      await grpcError(client.call(probePath, setBytes, { timeoutMs }));
      assert.ok(timeoutMs < 20_000, 'no call reached the handler');
    }
    await client.call(probePath, new Uint8Array(0));
    await client.call(probePath, new Uint8Array(0));
    if (!contexts[0]!.signal.aborted) await once(contexts[0]!.signal, 'abort');
    assert.ok(contexts[0]!.signal.reason instanceof KvorumError);
    assert.match(contexts[0]!.signal.reason.code, /^(DEADLINE_EXCEEDED|CANCELLED)$/);
  });
});

describe('ApiServer: limits', () => {
  it('takes a request of requestSizeBytesMax and refuses one byte more', async (t) => {
    const limits = { keySizeBytesMax: 10, valueSizeBytesMax: 10, requestSizeBytesMax: 2000 };
    const echo = probe((request) => Promise.resolve(request));
    const { client } = await serveMember(t, { limits, ...echo });
    assert.equal((await client.call(probePath, new Uint8Array(2000))).length, 2000);
    assert.equal(
      await failsWith(client.call(probePath, new Uint8Array(2001)), 'REQUEST_TOO_LARGE'),
      'the request is 2001 bytes long, the limit is 2000 (requestSizeBytesMax)',
    );
    const error = await grpcError(client.call(probePath, new Uint8Array(100_000)));
    assert.equal(error.code, status.RESOURCE_EXHAUSTED);
    assert.equal((await client.call(probePath, new Uint8Array(2000))).length, 2000);
  });

  it('works on requestsInFlightMax requests and refuses one more', async (t) => {
    const { client, member } = await serveMember(t, { limits: { requestsInFlightMax: 3 } });
    member.loseLeader();
    const held = Promise.all([1, 2, 3].map(() => client.call(setPath, setBytes)));
    await member.untilWaiting(3);
    assert.equal(
      await failsWith(client.call(setPath, setBytes), 'LIMIT_EXCEEDED'),
      '3 requests are being worked on, the limit is 3 (requestsInFlightMax)',
    );
    member.regainLeader();
    assert.deepEqual(await held, [okBytes, okBytes, okBytes]);
    assert.deepEqual(await client.call(setPath, setBytes), okBytes);
  });
});

describe('ApiServer: errors', () => {
  it('answers an error that is a bug with INTERNAL, logs it and lives on', async (t) => {
    const logged: unknown[] = [];
    const log: Log = { ...silentLog, error: (fields) => logged.push(fields['err']) };
    const bug = new InvariantError('commit index went back');
    const { client } = await serveMember(t, { log, ...probe(() => Promise.reject(bug)) });
    assert.equal(await failsWith(client.call(probePath, setBytes), 'INTERNAL'), 'internal error');
    assert.deepEqual(logged, [bug]);
    assert.deepEqual(await client.call(setPath, setBytes), okBytes);
  });

  it('sends any message whole or shortened', async (t) => {
    const reject: BoundUnaryMethod['call'] = (request) =>
      Promise.reject(
        new KvorumError('INVALID_REQUEST', request.length === 1 ? 'x\uD800y 100% ü\n' : 'm'.repeat(1e5)),
      );
    const { client } = await serveMember(t, probe(reject));
    assert.equal(
      await failsWith(client.call(probePath, Buffer.of(1)), 'INVALID_REQUEST'),
      'x\uFFFDy 100% ü\n',
    );
    const long = await failsWith(client.call(probePath, Buffer.of(1, 2)), 'INVALID_REQUEST');
    assert.equal(long, `${'m'.repeat(4093)}...`);
  });

  it('answers an unknown method with UNIMPLEMENTED', async (t) => {
    const { client } = await serveMember(t);
    const error = await grpcError(client.call('/proto.KeyValueStore/Nothing', setBytes));
    assert.equal(error.code, status.UNIMPLEMENTED);
  });

  it('names the port that is in use', async (t) => {
    const { port } = await serveMember(t);
    const second = new ApiServer({
      services: [],
      limits: makeApiLimits(),
      log: silentLog,
      version: 'test',
      clusterId: 7n,
    });
    await assert.rejects(second.listen('127.0.0.1', port), {
      code: 'ADDRESS_UNAVAILABLE',
      message: `grpcport ${port} on 127.0.0.1 is in use: stop what listens there or choose another port`,
    });
    await assert.rejects(second.listen('host.invalid', port), { code: 'ADDRESS_UNAVAILABLE' });
    await second.closeGracefully(0);
  });
});

describe('ApiServer: health and reflection', () => {
  const checkPath = '/grpc.health.v1.Health/Check';
  const serving = Buffer.of(0x08, 1);
  const notServing = Buffer.of(0x08, 2);

  function healthRequest(service: string): Uint8Array {
    return service === ''
      ? new Uint8Array(0)
      : Buffer.concat([Buffer.of(0x0a, service.length), encodeUtf8(service)]);
  }

  it('serves health for the server and each service, NOT_SERVING at first', async (t) => {
    const { client, server } = await serveMember(t);
    for (const name of ['', 'proto.KeyValueStore', 'kvorum.v1.Store', 'kvorum.v1.Cluster']) {
      assert.deepEqual(await client.call(checkPath, healthRequest(name)), notServing);
      server.setServing(true);
      assert.deepEqual(await client.call(checkPath, healthRequest(name)), serving);
      server.setServing(false);
    }
    const error = await grpcError(client.call(checkPath, healthRequest('no.Such')));
    assert.equal(error.code, status.NOT_FOUND);
  });

  it('tells watchers of health, and ends their streams to stop', async (t) => {
    const { client, server } = await serveMember(t);
    const watch = client.grpc.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      (bytes: Uint8Array) => Buffer.from(bytes),
      (bytes: Buffer) => bytes,
      healthRequest(''),
    );
    assert.deepEqual(await once(watch, 'data'), [notServing]);
    server.setServing(true);
    assert.deepEqual(await once(watch, 'data'), [serving]);
    const ended = once(watch, 'error') as Promise<[ServiceError]>;
    await server.closeGracefully(60_000);
    assert.equal((await ended)[0].code, status.UNAVAILABLE);
  });

  it('lists and describes the services', async (t) => {
    const { client } = await serveMember(t);
    for (const version of ['v1', 'v1alpha']) {
      const stream = client.grpc.makeBidiStreamRequest(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
      );
      // ServerReflectionRequest { list_services = 7 }, { file_containing_symbol = 4 }
      stream.write(Buffer.of(0x3a, 1, 0x2a));
      const [list] = (await once(stream, 'data')) as [Buffer];
      for (const name of [
        'proto.KeyValueStore',
        'kvorum.v1.Store',
        'kvorum.v1.Cluster',
        'grpc.health.v1.Health',
      ]) {
        assert.ok(list.includes(name), `${name} is not listed`);
      }
      const symbol = encodeUtf8('proto.KeyValueStore');
      stream.write(Buffer.concat([Buffer.of(0x22, symbol.length), symbol]));
      const [file] = (await once(stream, 'data')) as [Buffer];
      assert.ok(file.includes('raft_addr') && !file.includes('proto.wire'));
      stream.end();
      await once(stream, 'end');
    }
  });
});

describe('ApiServer: closeGracefully', () => {
  it('lets open calls end and takes no more', async (t) => {
    const { client, member, server, port } = await serveMember(t);
    member.loseLeader();
    const call = client.call(setPath, setBytes);
    await member.untilWaiting(1);
    const closed = server.closeGracefully(60_000);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const [error] = (await once(session, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
    member.regainLeader();
    assert.deepEqual(await call, okBytes);
    await closed;
    await server.closeGracefully(60_000);
  });

  it('cuts off what does not end in time', async (t) => {
    const { client, member, server } = await serveMember(t);
    member.loseLeader();
    const call = grpcError(client.call(setPath, setBytes));
    await member.untilWaiting(1);
    await server.closeGracefully(20);
    assert.match(status[(await call).code], /^(UNAVAILABLE|CANCELLED)$/);
    await member.untilNobodyWaits();
  });

  it('closes with idle and with silent connections open', async (t) => {
    const { client, server, port } = await serveMember(t);
    await client.call(setPath, setBytes);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    await once(session, 'remoteSettings');
    await server.closeGracefully(60_000);
    if (!session.destroyed) await once(session, 'close');
  });
});
