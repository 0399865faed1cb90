import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { KvorumError } from '../base/errors.js';
import { silentLog, type Log } from '../base/log.js';
import type { CallContext } from '../base/rpc.js';
import { collect, GrpcJsClient } from './testing/grpc-js-client.js';
import { nothingHeld, serveEcho } from './testing/served.js';

const mebibyte = 1024 * 1024;

function sized(count: number, body: Uint8Array = new Uint8Array(0)): Buffer {
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(count);
  return Buffer.concat([prefix, body]);
}

/** Bytes that differ from place to place. */
function pattern(sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, Buffer.from(Array.from({ length: 251 }, (_none, at) => at)));
}

describe('unary calls', () => {
  it('answers at once and later, also with nothing', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    for (const method of ['Echo', 'Later']) {
      for (const request of [Buffer.from('hello'), Buffer.alloc(0), pattern(100_000)]) {
        const { message, error } = await client.ask(method, request);
        assert.equal(error, undefined);
        assert.deepEqual(message, request);
      }
    }
  });

  it('carries messages of 4 MiB both ways, many at once', async (t) => {
    const { port, server } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const request = pattern(4 * mebibyte);
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.ask('Later', request)));
    for (const { message } of answers) assert.ok(message!.equals(request));
    await nothingHeld(server);
  });

  it('keeps many calls apart', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const requests = Array.from({ length: 2000 }, (_none, at) => Buffer.from(`request ${at}`));
    const answers = await Promise.all(
      requests.map((request, at) => client.ask(at % 3 === 0 ? 'Later' : 'Echo', request)),
    );
    assert.deepEqual(
      answers.map(({ message }) => message!.toString()),
      requests.map(String),
    );
  });

  it('unpacks and packs gzip', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port, { channel: { 'grpc.default_compression_algorithm': 2 } });
    for (const request of [Buffer.from('short'), pattern(300_000), Buffer.alloc(0)]) {
      const { message } = await client.ask('Later', request);
      assert.ok(message!.equals(request));
    }
  });

  it('refuses a compressed message that unpacks to more than is allowed', async (t) => {
    const { port, server } = await serveEcho(t, { limits: { requestSizeBytesMax: 100_000 } });
    const client = new GrpcJsClient(t, port, { channel: { 'grpc.default_compression_algorithm': 2 } });
    assert.equal((await client.ask('Echo', Buffer.alloc(100_000))).error, undefined);
    const { error } = await client.ask('Echo', Buffer.alloc(100_001));
    assert.equal(error!.code, status.RESOURCE_EXHAUSTED);
    assert.match(error!.details, /requestSizeBytesMax/);
    await nothingHeld(server);
  });

  it('takes a request and a response of the largest size, and refuses one byte more', async (t) => {
    const limits = { requestSizeBytesMax: 2000, responseSizeBytesMax: 3000 };
    const { port } = await serveEcho(t, { limits });
    const client = new GrpcJsClient(t, port);
    assert.equal((await client.ask('Echo', new Uint8Array(2000))).message!.length, 2000);
    const tooLong = await client.ask('Echo', new Uint8Array(2001));
    assert.equal(tooLong.error!.code, status.RESOURCE_EXHAUSTED);
    assert.equal(
      tooLong.error!.details,
      'the request is 2001 bytes long, the limit is 2000 (requestSizeBytesMax)',
    );
    assert.equal((await client.ask('Sized', sized(3000))).message!.length, 3000);
    const { error } = await client.ask('Sized', sized(3001));
    assert.match(error!.details, /responseSizeBytesMax/);
  });

  it('works on requestsInFlightMax requests and refuses one more', async (t) => {
    const { port, held } = await serveEcho(t, { limits: { requestsInFlightMax: 3 } });
    const client = new GrpcJsClient(t, port);
    const waiting = Promise.all([1, 2, 3].map((byte) => client.ask('Hold', Uint8Array.of(byte))));
    await held.until(3);
    const { error } = await client.ask('Echo', Uint8Array.of(4));
    assert.equal(error!.details, '3 requests are being worked on, the limit is 3 (requestsInFlightMax)');
    held.answerAll();
    assert.deepEqual(
      (await waiting).map(({ message }) => message![0]),
      [1, 2, 3],
    );
    assert.equal((await client.ask('Echo', Uint8Array.of(4))).error, undefined);
  });
});

describe('metadata and errors', () => {
  it('hands on what the caller sent, bytes too', async (t) => {
    const seen: unknown[] = [];
    const { port } = await serveEcho(t, {}, [
      {
        kind: 'unary',
        name: 'Look',
        call: (request, context) => {
          seen.push([...context.metadata].filter(([name]) => name.startsWith('x-')));
          seen.push(context.metadata.get('x-none'), context.metadata.getAll('x-two'));
          context.responseMetadata.add('x-first', 'one').add('x-first', 'two');
          context.trailers.add('x-last-bin', Uint8Array.of(0, 1, 254));
          return request;
        },
      },
    ]);
    const client = new GrpcJsClient(t, port);
    const metadata = new Metadata();
    metadata.add('x-two', 'first');
    metadata.add('x-two', 'second');
    metadata.add('x-bytes-bin', Buffer.of(0, 255, 10));
    const { metadata: first, trailers } = await client.ask('Look', Uint8Array.of(1), { metadata });
    // grpc-js joins text values of one name.
    const values = seen[0] as [string, unknown][];
    assert.deepEqual(
      values.filter(([name]) => name === 'x-bytes-bin'),
      [['x-bytes-bin', Buffer.of(0, 255, 10)]],
    );
    assert.equal(seen[1], undefined);
    assert.equal((seen[2] as string[]).join(', ').replace(/, ?/, ', '), 'first, second');
    assert.deepEqual(first!.get('x-first').join(', '), 'one, two');
    assert.deepEqual(trailers.get('x-last-bin'), [Buffer.of(0, 1, 254)]);
  });

  it('sends status, message, details and trailers of an error', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const { error, trailers } = await client.ask('Fail', Buffer.from('ABORTED 100% of "größe"\n\ttaken'));
    assert.equal(error!.code, status.ABORTED);
    assert.equal(error!.details, '100% of "größe"\n\ttaken');
    assert.deepEqual(trailers.get('grpc-status-details-bin'), [Buffer.of(8, 5)]);
    assert.deepEqual(trailers.get('x-last'), ['told']);
    assert.deepEqual(trailers.get('x-last-bin'), [Buffer.of(0, 255)]);
  });

  it('tells of a bug in a handler only to the log', async (t) => {
    const logged: unknown[] = [];
    const log: Log = { ...silentLog, error: (fields) => logged.push(fields['err']) };
    const bugs = [new Error('thrown at once'), new Error('rejected'), new Error('while streaming')];
    const { port } = await serveEcho(t, { log }, [
      {
        kind: 'unary',
        name: 'Throw',
        call: () => {
          throw bugs[0]!;
        },
      },
      { kind: 'unary', name: 'Reject', call: () => Promise.reject(bugs[1]!) },
      { kind: 'bidi-stream', name: 'Stream', call: () => Promise.reject(bugs[2]!) },
    ]);
    const client = new GrpcJsClient(t, port);
    for (const method of ['Throw', 'Reject']) {
      const { error } = await client.ask(method, Uint8Array.of(1));
      assert.equal(error!.code, status.INTERNAL);
      assert.equal(error!.details, 'internal error');
    }
    await assert.rejects(collect(client.duplex('Stream')), { code: status.INTERNAL });
    assert.deepEqual(logged, bugs);
  });

  it('knows no other methods', async (t) => {
    const { port } = await serveEcho(t);
    const { error } = await new GrpcJsClient(t, port).ask('Nothing', Uint8Array.of(1));
    assert.equal(error!.code, status.UNIMPLEMENTED);
    assert.equal(error!.details, 'unknown method /test.Echo/Nothing');
  });
});

describe('deadlines and cancellation', () => {
  it('aborts the signal at the deadline', async (t) => {
    const { port, held } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const seen: CallContext[] = [];
    const reached = held.until(1).then(() => void seen.push(held.contexts[0]!));
    // A deadline may pass before the call has reached its handler.
    for (let timeoutMs = 60; seen.length === 0; timeoutMs *= 2) {
      const call = client.ask('Hold', Uint8Array.of(1), { deadline: Date.now() + timeoutMs });
      await Promise.race([call, reached]);
      assert.equal((await call).error!.code, status.DEADLINE_EXCEEDED);
      assert.ok((seen[0]?.timeoutMs ?? 0) <= timeoutMs);
      assert.ok(timeoutMs < 20_000, 'no call reached the handler');
    }
    const [{ signal }] = seen as [CallContext];
    await held.until(0);
    assert.ok(signal.reason instanceof KvorumError);
    assert.match(signal.reason.code, /^(DEADLINE_EXCEEDED|CANCELLED)$/);
  });

  it('knows no time without a deadline', async (t) => {
    const { port, held } = await serveEcho(t);
    const call = new GrpcJsClient(t, port).ask('Hold', Uint8Array.of(1));
    await held.until(1);
    assert.equal(held.contexts[0]!.timeoutMs, undefined);
    held.answerAll();
    assert.equal((await call).error, undefined);
  });

  it('aborts the signal when the caller cancels, unary and streaming', async (t) => {
    const { port, held, server } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const controller = new AbortController();
    const unary = client.ask('Hold', Uint8Array.of(1), { signal: controller.signal });
    const streaming = client.duplex('Ignore');
    streaming.on('error', () => {});
    await held.until(2);
    const reasons = held.contexts.map(({ signal }) => signal);
    controller.abort();
    streaming.cancel();
    assert.equal((await unary).error!.code, status.CANCELLED);
    await held.until(0);
    assert.deepEqual(
      reasons.map(({ reason }) => (reason as KvorumError).message),
      ['the caller cancelled', 'the caller cancelled'],
    );
    // The handlers have ended by the time of another call's answer.
    await client.ask('Later', Uint8Array.of(1));
    const { unary: unaryRunning, streaming: streamingRunning } = server.stats();
    assert.deepEqual([unaryRunning, streamingRunning], [0, 0]);
  });

  it('leaves the signal alone after the answer', async (t) => {
    const signals: AbortSignal[] = [];
    const { port } = await serveEcho(t, {}, [
      {
        kind: 'unary',
        name: 'Keep',
        call: (request, context) => {
          signals.push(context.signal);
          return request;
        },
      },
    ]);
    const client = new GrpcJsClient(t, port);
    let deadline: number;
    let timeoutMs = 20;
    for (;;) {
      timeoutMs *= 2;
      assert.ok(timeoutMs < 20_000, 'no call was answered in time');
      deadline = Date.now() + timeoutMs;
      const { error } = await client.ask('Keep', Uint8Array.of(1), { deadline });
      if (error === undefined) break;
    }
    // One whose deadline is later; by its answer the first deadline is over.
    const { error: passed } = await client.ask('Hold', Uint8Array.of(1), { deadline: deadline + 40 });
    assert.equal(passed!.code, status.DEADLINE_EXCEEDED);
    assert.equal(signals.at(-1)!.aborted, false);
  });
});

describe('streaming calls', () => {
  it('streams requests', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const requests = Array.from({ length: 1000 }, (_none, at) => Buffer.from(`<${at}>`));
    assert.deepEqual(await client.join('Join', requests), Buffer.concat(requests));
    assert.deepEqual(await client.join('Join', []), Buffer.alloc(0));
  });

  it('streams requests that are larger than all windows', async (t) => {
    const { port, server } = await serveEcho(t, {
      limits: { streamWindowBytes: 65_535, connectionWindowBytes: 65_535 },
    });
    const client = new GrpcJsClient(t, port);
    const request = pattern(mebibyte);
    const joined = await client.join('Join', [request, request, request]);
    assert.ok(joined.equals(Buffer.concat([request, request, request])));
    await nothingHeld(server);
  });

  it('streams responses', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const body = Buffer.from('again');
    const messages = await collect(client.readable('Repeat', sized(1000, body)));
    assert.equal(messages.length, 1000);
    assert.ok(messages.every((message) => message.equals(body)));
    assert.deepEqual(await collect(client.readable('Repeat', sized(0))), []);
    const large = await collect(client.readable('Repeat', sized(5, pattern(mebibyte))));
    assert.ok(large.every((message) => message.equals(pattern(mebibyte))));
  });

  it('streams both ways, in step and at once', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const inStep = client.duplex('EchoAll');
    for (const word of ['one', 'two', 'three']) {
      inStep.write(Buffer.from(word));
      assert.deepEqual(await once(inStep, 'data'), [Buffer.from(word)]);
    }
    inStep.end();
    await once(inStep, 'end');

    const atOnce = client.duplex('EchoAll');
    const received = collect(atOnce);
    for (let at = 0; at < 200; at++) atOnce.write(pattern(10_000 + at));
    atOnce.end();
    assert.deepEqual(
      (await received).map(({ length }) => length),
      Array.from({ length: 200 }, (_none, at) => 10_000 + at),
    );
  });

  it('streams compressed messages in their order', async (t) => {
    const { port } = await serveEcho(t);
    const client = new GrpcJsClient(t, port, { channel: { 'grpc.default_compression_algorithm': 2 } });
    const stream = client.duplex('EchoAll');
    const received = collect(stream);
    const lengths = Array.from({ length: 60 }, (_none, at) => (at % 3 === 0 ? 10 : at * 1000));
    for (const length of lengths) stream.write(pattern(length));
    stream.end();
    const messages = await received;
    assert.deepEqual(
      messages.map(({ length }) => length),
      lengths,
    );
    assert.ok(messages.every((message) => message.equals(pattern(message.length))));
  });

  it('holds a handler back that is faster than the caller, and the caller that is faster than the handler', async (t) => {
    let written = 0;
    const { port, held, server } = await serveEcho(t, {}, [
      {
        kind: 'server-stream',
        name: 'Flood',
        async call(_requests, responses) {
          const message = new Uint8Array(10_000);
          for (; written < 10_000; written++) if (!responses.write(message)) await responses.ready();
        },
      },
    ]);
    const client = new GrpcJsClient(t, port);
    const flood = client.readable('Flood', new Uint8Array(0));
    await once(flood, 'readable');
    // Another call's answer shows that the server has done all that it could.
    for (let round = 0; round < 20; round++) await client.ask('Later', new Uint8Array(100));
    assert.ok(written < 200, `${written} messages of 10,000 bytes`);
    flood.cancel();
    flood.on('error', () => {});
    flood.resume();

    const ignored = client.duplex('Ignore');
    ignored.on('error', () => {});
    await held.until(1);
    let sent = 0;
    while (ignored.write(new Uint8Array(10_000)) && sent < 10_000) sent++;
    for (let round = 0; round < 20; round++) await client.ask('Later', new Uint8Array(100));
    assert.ok(server.stats().heldBytes <= 300_000, `${server.stats().heldBytes} bytes`);
    ignored.cancel();
    await held.until(0);
    await client.ask('Echo', new Uint8Array(1));
    await nothingHeld(server);
  });

  it('ends a call whose requests are not all read', async (t) => {
    const { port } = await serveEcho(t, {}, [
      {
        kind: 'client-stream',
        name: 'First',
        async call(requests, responses) {
          for await (const request of requests) {
            responses.write(request);
            return;
          }
        },
      },
    ]);
    const client = new GrpcJsClient(t, port);
    const { promise, stream } = client.writable('First');
    stream.on('error', () => {});
    for (let count = 0; count < 100; count++) stream.write(Buffer.from('first'));
    assert.deepEqual(await promise, Buffer.from('first'));
    assert.deepEqual((await client.ask('Echo', Buffer.from('next'))).message, Buffer.from('next'));
  });

  it('counts streaming calls, and refuses one more than streamingCallsMax', async (t) => {
    const { port, held } = await serveEcho(t, { limits: { streamingCallsMax: 2 } });
    const client = new GrpcJsClient(t, port);
    const open = [client.duplex('Ignore'), client.duplex('Ignore')];
    for (const stream of open) stream.on('error', () => {});
    await held.until(2);
    const error = await collect(client.duplex('Ignore')).catch((reason: unknown) => reason as ServiceError);
    assert.match((error as ServiceError).details, /streamingCallsMax/);
    open[0]!.cancel();
    await held.until(1);
    const again = client.duplex('Ignore');
    again.on('error', () => {});
    await held.until(2);
  });
});

describe('closeGracefully', () => {
  it('lets unary calls end, ends streaming ones, and takes no more', async (t) => {
    const { port, held, server } = await serveEcho(t);
    const client = new GrpcJsClient(t, port);
    const unary = client.ask('Hold', Uint8Array.of(1));
    const streaming = collect(client.duplex('Ignore')).catch((error: unknown) => error as ServiceError);
    await held.until(2);
    const closed = server.closeGracefully(60_000);
    assert.equal(((await streaming) as ServiceError).code, status.UNAVAILABLE);
    await held.until(1);
    held.answerAll();
    assert.deepEqual((await unary).message, Buffer.of(1));
    await closed;
    await server.closeGracefully(60_000);
    const late = await new GrpcJsClient(t, port).ask('Echo', Uint8Array.of(1));
    assert.equal(late.error!.code, status.UNAVAILABLE);
  });

  it('cuts off what does not end in time', async (t) => {
    const { port, held, server } = await serveEcho(t);
    const call = new GrpcJsClient(t, port).ask('Hold', Uint8Array.of(1));
    await held.until(1);
    await server.closeGracefully(20);
    await held.until(0);
    // What grpc-js makes of a connection that ends depends on what it had sent: INTERNAL is a reset by the kernel.
    assert.match(status[(await call).error!.code], /^(UNAVAILABLE|CANCELLED|INTERNAL)$/);
  });
});
