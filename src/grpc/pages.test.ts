import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { describe, it, type TestContext } from 'node:test';
import { END_STREAM, errorCodes } from './testing/frames.js';
import { RawClient } from './testing/raw-client.js';
import { nothingHeld, serveEcho } from './testing/served.js';
import { tlsIdentity } from './testing/tls-identity.js';

const largeSizeBytes = 3_000_000;

const listener: RequestListener = (request, response) => {
  switch (request.url) {
    case '/large':
      response.writeHead(200, { 'content-length': largeSizeBytes });
      response.end(Buffer.alloc(largeSizeBytes, 'page'));
      break;
    case '/broken':
      request.socket.destroy();
      break;
    default:
      response.writeHead(request.url === '/missing' ? 404 : 200, {
        'X-Kind': 'page',
        'keep-alive': 'timeout=5',
      });
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers }));
  }
};

async function browser(
  t: TestContext,
  options: { readonly tls?: boolean; readonly http1?: RequestListener } = { http1: listener },
): Promise<{ session: ClientHttp2Session; port: number }> {
  const { tls = false, http1 } = options;
  const { port } = await serveEcho(t, {
    ...(http1 === undefined ? {} : { http1 }),
    ...(tls ? { tls: tlsIdentity } : {}),
  });
  const url = `${tls ? 'https' : 'http'}://localhost:${port}`;
  const session = connect(url, { ca: tlsIdentity.cert });
  t.after(() => session.destroy());
  return { session, port };
}

async function ask(
  session: ClientHttp2Session,
  fields: Readonly<Record<string, string>>,
): Promise<{ headers: IncomingHttpHeaders; body: Buffer }> {
  const stream = session.request({ ':method': 'GET', ':path': '/', ...fields });
  const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders];
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return { headers, body: Buffer.concat(parts) };
}

describe('requests over HTTP/2 that are no gRPC', () => {
  for (const tls of [false, true]) {
    it(`are answered by the HTTP/1.1 listener, over ${tls ? 'TLS' : 'cleartext'}`, async (t) => {
      const { session, port } = await browser(t, { tls, http1: listener });
      const { headers, body } = await ask(session, {
        ':path': '/health?now',
        accept: 'text/html',
        te: 'trailers',
      });
      assert.equal(headers[':status'], 200);
      assert.equal(headers['x-kind'], 'page');
      assert.equal(headers['connection'] ?? headers['keep-alive'], undefined);
      assert.deepEqual(JSON.parse(body.toString()), {
        method: 'GET',
        url: '/health?now',
        headers: { host: `localhost:${port}`, connection: 'close', accept: 'text/html' },
      });
      assert.equal((await ask(session, { ':path': '/missing' })).headers[':status'], 404);
    });
  }

  it('have a body of any length, which the windows hold back', async (t) => {
    const { session } = await browser(t);
    const bodies = await Promise.all([1, 2, 3].map(() => ask(session, { ':path': '/large' })));
    for (const { body } of bodies) assert.ok(body.equals(Buffer.alloc(largeSizeBytes, 'page')));
  });

  it('have no body with HEAD', async (t) => {
    const { session } = await browser(t);
    const { headers, body } = await ask(session, { ':method': 'HEAD', ':path': '/large' });
    assert.equal(headers['content-length'], String(largeSizeBytes));
    assert.equal(body.length, 0);
  });

  it('end a body that fills the window of the connection to the last byte', async (t) => {
    const { port } = await serveEcho(t, {
      http1: (_request, response) => response.end(Buffer.alloc(65_535)),
    });
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.headers(1, [':method', 'GET', ':scheme', 'http', ':path', '/'], 5);
    assert.equal((await client.response(1)).data.length, 65_535);
  });

  it('end with the listener being told, when they are cancelled', async (t) => {
    let closed: (() => void) | undefined;
    const told = new Promise<void>((resolve) => (closed = resolve));
    const { port, server } = await serveEcho(t, {
      http1: (_request, response) => {
        response.once('close', () => closed!());
        response.write(Buffer.alloc(1_000_000));
      },
    });
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.headers(1, [':method', 'GET', ':scheme', 'http', ':path', '/'], 4 | END_STREAM);
    await client.nextOf('DATA', 1);
    client.reset(1);
    await told;
    await client.alive();
    await nothingHeld(server);
  });

  it('are reset when the listener gives up', async (t) => {
    const { session } = await browser(t);
    const stream = session.request({ ':path': '/broken' });
    const [error] = (await once(stream, 'error')) as [Error];
    assert.match(error.message, /INTERNAL_ERROR/);
    assert.equal((await ask(session, {})).headers[':status'], 200);
    assert.equal(errorCodes.INTERNAL_ERROR, stream.rstCode);
  });

  it('are refused where node:http would not take them', async (t) => {
    const { port } = await serveEcho(t, { http1: listener });
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.headers(1, [':method', 'GET', ':scheme', 'http', ':path', '/a b'], 4 | END_STREAM);
    assert.equal((await client.response(1)).headers.get(':status'), '400');
  });

  it('are told what the port speaks by other methods, and where there is no listener', async (t) => {
    const { session } = await browser(t);
    assert.equal((await ask(session, { ':method': 'POST' })).headers[':status'], 415);
    assert.equal((await ask(session, { ':method': 'PUT' })).headers[':status'], 405);
    const { session: deaf } = await browser(t, {});
    assert.equal((await ask(deaf, {})).headers[':status'], 405);
  });
});
