import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import type { GrpcLimits } from './limits.js';
import { grpcFields, paths } from './testing/echo-server.js';
import { RawClient } from './testing/raw-client.js';
import { serveEcho } from './testing/served.js';

const answering: RequestListener = (request, response) => {
  request.resume().on('end', () => response.end(`${request.method} ${request.url}`));
};

/** Sends the parts one by one, and resolves with all that comes back until the server closes. */
async function exchange(
  t: TestContext,
  parts: readonly string[],
  http1?: RequestListener,
  limits: Partial<GrpcLimits> = {},
): Promise<string> {
  const { port } = await serveEcho(t, http1 === undefined ? { limits } : { http1, limits });
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  for (const part of parts) {
    await new Promise<void>((resolve) => socket.write(part, () => resolve()));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await once(socket, 'close');
  return Buffer.concat(received).toString();
}

const request = 'GET /health HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n';

describe('HTTP/1.1 on the port of gRPC', () => {
  it('is handed to its listener', async (t) => {
    assert.match(await exchange(t, [request], answering), /^HTTP\/1\.1 200 OK[^]*GET \/health$/);
  });

  it('is told by its first octets, however they come', async (t) => {
    assert.match(await exchange(t, Array.from(request), answering), /^HTTP\/1\.1 200 OK[^]*GET \/health$/);
  });

  it('may begin as the preface of HTTP/2 does', async (t) => {
    const propfind = request.replace('GET', 'PROPFIND');
    assert.match(await exchange(t, ['PR', propfind.slice(2)], answering), /200 OK[^]*PROPFIND \/health$/);
  });

  it('is told what the port speaks where there is no listener', async (t) => {
    assert.match(await exchange(t, [request]), /^HTTP\/1\.1 400 [^]*gRPC/);
  });

  it('takes headers of http1HeaderSizeBytesMax, and no more', async (t) => {
    const limits = { http1HeaderSizeBytesMax: 2000 };
    // Node counts names and values.
    const padded = (length: number): string =>
      request.replace('\r\n\r\n', `\r\nx-a: ${'v'.repeat(length)}\r\n\r\n`);
    assert.match(await exchange(t, [padded(1900)], answering, limits), /^HTTP\/1\.1 200 /);
    assert.match(await exchange(t, [padded(2000)], answering, limits), /^HTTP\/1\.1 431 /);
  });

  it('ends for who does not end its request within http1TimeoutMs', async (t) => {
    const begun = request.slice(0, -2);
    assert.match(await exchange(t, [begun], answering, { http1TimeoutMs: 100 }), /^HTTP\/1\.1 408 /);
  });

  it('ends for what is no HTTP', async (t) => {
    assert.match(await exchange(t, ['\x16\x03\x01\x00\x05hello'], answering), /^HTTP\/1\.1 400 /);
  });

  it('answers a client that has ended its side behind its request', async (t) => {
    const later: RequestListener = (_request, response) => void setTimeout(() => response.end('later'), 20);
    const { port } = await serveEcho(t, { http1: later });
    const socket = connect({ port, host: '127.0.0.1' });
    socket.end(request.replace('connection: close\r\n', ''));
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    await once(socket, 'close');
    assert.match(Buffer.concat(received).toString(), /^HTTP\/1\.1 200 OK[^]*later/);
  });

  it('goes on beside calls', async (t) => {
    const { port } = await serveEcho(t, { http1: answering });
    const client = await RawClient.ready(port);
    const answer = await fetch(`http://127.0.0.1:${port}/health`);
    assert.equal(await answer.text(), 'GET /health');
    client.call(1, grpcFields(paths.unary), Buffer.from('m'));
    assert.equal((await client.response(1)).trailers.get('grpc-status'), '0');
    await client.close();
  });
});
