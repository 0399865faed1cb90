import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get } from 'node:https';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { grpcMessage } from './testing/frames.js';
import { GrpcJsClient } from './testing/grpc-js-client.js';
import { RawClient } from './testing/raw-client.js';
import { echoFields } from './testing/requests.js';
import { serveEcho, type Served } from './testing/served.js';
import { secondTlsIdentity, tlsIdentity } from './testing/tls-identity.js';

const hello = Buffer.from('hello');

function serve(t: TestContext, more: Parameters<typeof serveEcho>[1] = {}): Promise<Served> {
  return serveEcho(t, { tls: tlsIdentity, ...more });
}

function secureClient(t: TestContext, port: number): GrpcJsClient {
  return new GrpcJsClient(t, port, { credentials: credentials.createSsl(Buffer.from(tlsIdentity.cert)) });
}

describe('TLS', () => {
  it('connectionsMax: one more is closed before its handshake, the others stay', async (t) => {
    const { port, server } = await serve(t, { limits: { connectionsMax: 1 } });
    const client = await RawClient.ready(port, [], { ca: tlsIdentity.cert });
    t.after(() => client.close());
    for (let nth = 1; nth <= 3; nth++) {
      const refused = connectTls({ port, host: '127.0.0.1', ca: tlsIdentity.cert });
      refused.on('secureConnect', () => assert.fail('a handshake'));
      refused.on('error', () => {});
      await new Promise((resolve) => refused.once('close', resolve));
      assert.equal(server.stats().connectionsRefused, nth);
    }
    await client.alive();
    assert.equal(server.stats().connections, 1);
  });

  it('speaks HTTP/2 by ALPN, and without ALPN when the preface comes', async (t) => {
    const { port } = await serve(t);
    for (const ALPNProtocols of [['h2'], ['h2', 'http/1.1'], undefined]) {
      const client = await RawClient.ready(port, [], {
        ca: tlsIdentity.cert,
        ...(ALPNProtocols === undefined ? {} : { ALPNProtocols }),
      });
      assert.equal((client.socket as TLSSocket).alpnProtocol, ALPNProtocols === undefined ? false : 'h2');
      client.call(1, echoFields('Echo'), hello);
      assert.deepEqual((await client.response(1)).data, grpcMessage(hello));
      await client.close();
    }
  });

  it('serves node:http2', async (t) => {
    const { port } = await serve(t);
    const session = connectHttp2(`https://localhost:${port}`, { ca: tlsIdentity.cert });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/test.Echo/Echo',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let trailers: Record<string, unknown> = {};
    stream.on('trailers', (received: Record<string, unknown>) => (trailers = received));
    stream.end(grpcMessage(hello));
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    assert.deepEqual(Buffer.concat(parts), grpcMessage(hello));
    assert.equal(trailers['grpc-status'], '0');
    session.close();
    await once(session, 'close');
  });

  it('serves HTTP/1.1 on the same port', async (t) => {
    const { port } = await serve(t, {
      http1: (_request, response) => {
        response.end('fine');
      },
    });
    const answer = await new Promise<string>((resolve, reject) => {
      get(`https://localhost:${port}/health`, { ca: tlsIdentity.cert, agent: false }, (response) => {
        response.setEncoding('utf8');
        response.once('data', resolve);
      }).once('error', reject);
    });
    assert.equal(answer, 'fine');
  });

  it('shows a new certificate to connections from then on', async (t) => {
    const { port, server } = await serve(t);
    const shown = async (): Promise<string> => {
      const socket = connectTls({ port, host: 'localhost', rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return String(CN);
    };
    const before = await RawClient.ready(port, [], { ca: tlsIdentity.cert, ALPNProtocols: ['h2'] });
    t.after(() => before.close());
    assert.equal(await shown(), 'localhost');
    server.setTlsContext(secondTlsIdentity);
    assert.equal(await shown(), 'second');
    await before.alive();
    const plain = await serveEcho(t);
    assert.throws(() => plain.server.setTlsContext(tlsIdentity), /without TLS/);
  });

  it('closes what does not finish its handshake, and what is no TLS', async (t) => {
    const { port, server } = await serve(t, { limits: { prefaceTimeoutMs: 1000 } });
    const silent = connectTcp(port, '127.0.0.1');
    const other = connectTcp(port, '127.0.0.1');
    for (const socket of [silent, other]) socket.on('error', () => {}).resume();
    other.write('GET / HTTP/1.1\r\n\r\n');
    await Promise.all([once(silent, 'close'), once(other, 'close')]);
    const finished = connectTls({ port, host: 'localhost', ca: tlsIdentity.cert });
    finished.resume();
    await once(finished, 'close');
    assert.equal((await secureClient(t, port).ask('Echo', hello)).error, undefined);
    await server.closeGracefully(60_000);
  });

  it('closes gracefully with handshakes under way', async (t) => {
    const { port, server } = await serve(t);
    const silent = connectTcp(port, '127.0.0.1');
    silent.on('error', () => {}).resume();
    await once(silent, 'connect');
    const client = secureClient(t, port);
    await client.ask('Echo', hello);
    await server.closeGracefully(60_000);
  });
});
