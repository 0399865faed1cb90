import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { END_HEADERS, END_STREAM, errorCodes, frame, grpcMessage, uint32 } from './testing/frames.js';
import { RawClient } from './testing/raw-client.js';
import { echoFields } from './testing/requests.js';
import { serveEcho } from './testing/served.js';

/** What gRPC asks of what stands in HTTP/2's frames, down to the bytes. */
const hello = Buffer.from('hello');

async function ready(t: Parameters<typeof serveEcho>[0]): Promise<RawClient> {
  const { port } = await serveEcho(t);
  const client = await RawClient.ready(port);
  t.after(() => client.close());
  return client;
}

describe('responses', () => {
  it('are headers, a message and trailers; then short ones, by the table', async (t) => {
    const client = await ready(t);
    for (const streamId of [1, 3]) {
      client.call(streamId, echoFields('Echo'), hello);
      const { headers, data, trailers } = await client.response(streamId);
      assert.deepEqual(
        [...headers],
        [
          [':status', '200'],
          ['content-type', 'application/grpc'],
        ],
      );
      assert.deepEqual(data, grpcMessage(hello));
      assert.deepEqual([...trailers], [['grpc-status', '0']]);
    }
    const lengths = client.received
      .filter(({ streamId }) => streamId === 3)
      .map(({ payload }) => payload.length);
    assert.deepEqual(lengths, [2, 10, 1]);
  });

  it('are trailers alone for a call that fails at once', async (t) => {
    const client = await ready(t);
    client.call(1, echoFields('Nothing'), hello);
    const { headers, trailers, data } = await client.response(1);
    assert.equal(headers, trailers);
    assert.equal(data.length, 0);
    assert.deepEqual(
      [...trailers],
      [
        [':status', '200'],
        ['content-type', 'application/grpc'],
        ['grpc-status', '12'],
        ['grpc-message', 'unknown method /test.Echo/Nothing'],
      ],
    );
  });

  it('are percent-encoded where they are text', async (t) => {
    const client = await ready(t);
    client.call(1, echoFields('Fail'), Buffer.from('NOT_FOUND 50% ü\r\n~'));
    const { trailers } = await client.response(1);
    assert.equal(trailers.get('grpc-message'), '50%25 %C3%BC%0D%0A~');
    assert.equal(trailers.get('grpc-status-details-bin'), 'CAU');
    assert.equal(trailers.get('x-last-bin'), 'AP8');
    assert.equal(trailers.get('x-first'), 'is not lost');
  });

  it('are compressed for who compresses and asks for it, from compressedSizeBytesMin on', async (t) => {
    const { port } = await serveEcho(t, { limits: { compressedSizeBytesMin: 100 } });
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    const gzip = ['grpc-encoding', 'gzip', 'grpc-accept-encoding', 'identity, gzip'];
    for (const [at, length] of [99, 100].entries()) {
      client.headers(1 + 2 * at, echoFields('Echo', ...gzip));
      client.data(1 + 2 * at, grpcMessage(gzipSync(Buffer.alloc(length, 'x')), 1), END_STREAM);
      const { headers, data } = await client.response(1 + 2 * at);
      assert.equal(headers.get('grpc-encoding'), 'gzip');
      assert.equal(data[0], at);
      const message = data.subarray(5);
      assert.deepEqual(at === 0 ? message : gunzipSync(message), Buffer.alloc(length, 'x'));
    }
    client.headers(5, echoFields('Echo', ...gzip.slice(0, 2)));
    client.data(5, grpcMessage(gzipSync(Buffer.alloc(100, 'x')), 1), END_STREAM);
    assert.deepEqual((await client.response(5)).data, grpcMessage(Buffer.alloc(100, 'x')));
  });
});

describe('requests', () => {
  it('may be cut into frames anywhere', async (t) => {
    const client = await ready(t);
    const bytes = grpcMessage(hello);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const streamId = 1 + 2 * cut;
      client.headers(streamId, echoFields('Echo'));
      client.data(streamId, bytes.subarray(0, cut));
      client.data(streamId, bytes.subarray(cut), END_STREAM);
      assert.deepEqual((await client.response(streamId)).data, bytes);
    }
  });

  it('may share a frame, when they stream', async (t) => {
    const client = await ready(t);
    const three = ['a', 'bc', ''].map((text) => grpcMessage(Buffer.from(text)));
    client.headers(1, echoFields('EchoAll'));
    client.data(1, Buffer.concat(three), END_STREAM);
    assert.deepEqual((await client.response(1)).data, Buffer.concat(three));
  });

  const refused: readonly [string, readonly string[], Uint8Array, string, RegExp][] = [
    ['without a message', echoFields('Echo'), Buffer.alloc(0), '12', /no request message/],
    [
      'with two',
      echoFields('Echo'),
      Buffer.concat([grpcMessage(hello), grpcMessage(hello)]),
      '12',
      /more than one/,
    ],
    [
      'with two, streaming responses',
      echoFields('Repeat'),
      Buffer.concat([grpcMessage(hello), grpcMessage(hello)]),
      '12',
      /2 request messages/,
    ],
    ['without one, streaming responses', echoFields('Repeat'), Buffer.alloc(0), '12', /0 request messages/],
    [
      'that end within a message',
      echoFields('Echo'),
      grpcMessage(hello).subarray(0, 7),
      '13',
      /within a message/,
    ],
    ['that end within a prefix', echoFields('EchoAll'), Buffer.alloc(3), '13', /within a message/],
    ['with a compression flag that is none', echoFields('Echo'), grpcMessage(hello, 2), '13', /flag 2/],
    [
      'compressed without saying how',
      echoFields('Echo'),
      grpcMessage(gzipSync(hello), 1),
      '13',
      /grpc-encoding/,
    ],
    [
      'compressed without saying how, streaming',
      echoFields('EchoAll'),
      grpcMessage(gzipSync(hello), 1),
      '13',
      /grpc-encoding/,
    ],
    [
      'compressed in an unknown way',
      echoFields('Echo', 'grpc-encoding', 'br'),
      grpcMessage(hello, 1),
      '12',
      /br is not supported/,
    ],
    [
      'that are no gzip',
      echoFields('Echo', 'grpc-encoding', 'gzip'),
      grpcMessage(hello, 1),
      '13',
      /not compressed as/,
    ],
    [
      'with a timeout that is none',
      echoFields('Echo', 'grpc-timeout', '1 minute'),
      grpcMessage(hello),
      '13',
      /malformed/,
    ],
    [
      'with bytes that are no base64',
      echoFields('Echo', 'x-bin', '?'),
      grpcMessage(hello),
      '13',
      /not base64/,
    ],
  ];
  for (const [what, fields, content, status, message] of refused) {
    it(`${what} are refused with status ${status}`, async (t) => {
      const client = await ready(t);
      client.headers(1, fields);
      client.data(1, content, END_STREAM);
      const { headers, trailers } = await client.response(1);
      assert.equal(headers.get(':status'), '200');
      assert.equal(trailers.get('grpc-status'), status);
      assert.match(trailers.get('grpc-message')!, message);
      if (fields.includes('br')) assert.equal(trailers.get('grpc-accept-encoding'), 'identity,gzip');
      client.call(3, echoFields('Echo'), hello);
      assert.deepEqual((await client.response(3)).data, grpcMessage(hello));
    });
  }

  it('that are no gRPC are told so by HTTP', async (t) => {
    const client = await ready(t);
    const other = (verb: string, type: string): readonly string[] => [
      ...[':method', verb, ':scheme', 'http', ':path', '/test.Echo/Echo', ':authority', 'here'],
      ...['content-type', type],
    ];
    client.headers(1, other('GET', 'application/grpc'), END_HEADERS | END_STREAM);
    assert.equal((await client.response(1)).headers.get(':status'), '405');
    client.headers(3, other('POST', 'application/json'), END_HEADERS | END_STREAM);
    assert.equal((await client.response(3)).headers.get(':status'), '415');
    client.headers(5, other('POST', 'application/grpc-web'), END_HEADERS | END_STREAM);
    assert.equal((await client.response(5)).headers.get(':status'), '415');
    for (const [at, type] of ['application/grpc+proto', 'application/grpc;charset=utf-8'].entries()) {
      client.call(7 + 2 * at, other('POST', type), hello);
      assert.equal((await client.response(7 + 2 * at)).trailers.get('grpc-status'), '0');
    }
  });

  it('get a deadline by grpc-timeout', async (t) => {
    const { port, held } = await serveEcho(t);
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.call(1, echoFields('Hold', 'grpc-timeout', '20m'), hello);
    const { trailers } = await client.response(1);
    assert.equal(trailers.get('grpc-status'), '4');
    await held.until(0);
    const left = ['1H', '2M', '3S', '4000000u', '5000000n'];
    for (const [at, timeout] of left.entries()) {
      client.call(3 + 2 * at, echoFields('Hold', 'grpc-timeout', timeout), hello);
    }
    client.headers(101, echoFields('Ignore', 'grpc-timeout', '0m'));
    assert.equal((await client.response(101)).trailers.get('grpc-status'), '4');
    assert.equal((await client.response(11)).trailers.get('grpc-status'), '4');
  });

  it('do not reach the handler once they are reset, not even if they had to be unpacked', async (t) => {
    let calls = 0;
    const counted = {
      kind: 'unary',
      name: 'Count',
      call: (request: Uint8Array) => {
        calls++;
        return request;
      },
    } as const;
    const { port, server } = await serveEcho(t, {}, [counted]);
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    const fields = echoFields('Count', 'grpc-encoding', 'gzip');
    client.write(
      frame('HEADERS', END_HEADERS, 1, client.block(fields)),
      frame('DATA', END_STREAM, 1, grpcMessage(gzipSync(hello), 1)),
      frame('RST_STREAM', 0, 1, uint32(errorCodes.CANCEL)),
    );
    client.headers(3, fields);
    client.data(3, grpcMessage(gzipSync(hello), 1), END_STREAM);
    await client.response(3);
    while (server.stats().unary > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(calls, 1);
  });

  it('are answered early, and the rest of them is not wanted', async (t) => {
    const client = await ready(t);
    client.headers(1, echoFields('Nothing'));
    const { trailers } = await client.response(1);
    assert.equal(trailers.get('grpc-status'), '12');
    await client.streamError(1, 'NO_ERROR');
    client.data(1, grpcMessage(hello), END_STREAM);
    client.call(3, echoFields('Echo'), hello);
    assert.deepEqual((await client.response(3)).data, grpcMessage(hello));
  });
});
