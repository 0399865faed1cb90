import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { reserved } from '../../base/rpc.js';
import { RawClient } from '../testing/raw-client.js';
import { echoFields } from '../testing/requests.js';
import { serveEcho } from '../testing/served.js';

const hello = Buffer.from('hello');
/** Elsewhere loopback is one address only. */
const skip = process.platform !== 'linux';

async function joinFrom(t: TestContext, localAddress: string, port: number): Promise<RawClient> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  await once(socket, 'connect');
  const client = new RawClient(socket);
  t.after(() => client.close());
  await client.greet();
  return client;
}

function open(client: RawClient, method: string, from: number, count: number): void {
  for (let nth = from; nth < from + count; nth++) client.call(2 * nth + 1, echoFields(method), hello);
}

async function statusOf(client: RawClient, nth: number): Promise<string> {
  const { trailers } = await client.response(2 * nth + 1);
  return `${trailers.get('grpc-status')} ${trailers.get('grpc-message') ?? ''}`.trim();
}

describe('one address', () => {
  it(
    'requestsInFlightMax: leaves an eighth to others, and the last part to reserved methods',
    { skip },
    async (t) => {
      const { port, held } = await serveEcho(t, { limits: { requestsInFlightMax: 64 } }, [
        reserved({ kind: 'unary', name: 'Status', call: (request) => request }),
      ]);
      const hog = await joinFrom(t, '127.0.0.2', port);
      open(hog, 'Hold', 0, 57);
      assert.equal(
        await statusOf(hog, 56),
        '8 56 requests are being worked on, 56 of them for this address; the rest is kept for others, the limit is 64 (requestsInFlightMax)',
      );
      // One of another connection is one of the same address.
      const second = await joinFrom(t, '127.0.0.2', port);
      open(second, 'Hold', 0, 1);
      assert.match(await statusOf(second, 0), /^8 /);
      for (let nth = 0; nth < 7; nth++) open(await joinFrom(t, `127.0.1.${1 + nth}`, port), 'Hold', 0, 1);
      await held.until(63);
      const operator = await joinFrom(t, '127.0.0.3', port);
      open(operator, 'Hold', 0, 1);
      assert.match(await statusOf(operator, 0), /^8 /);
      open(operator, 'Status', 1, 1);
      assert.equal(await statusOf(operator, 1), '0');
      // What it had is free again when it goes.
      await hog.close();
      await held.until(7);
      open(operator, 'Hold', 2, 1);
      await held.until(8);
    },
  );

  it('streamingCallsMax: leaves an eighth to others', { skip }, async (t) => {
    const { port, held } = await serveEcho(t, { limits: { streamingCallsMax: 16 } });
    const hog = await joinFrom(t, '127.0.0.2', port);
    open(hog, 'Ignore', 0, 15);
    assert.match(await statusOf(hog, 14), /^8 14 streaming calls are open, 14 of them for this address/);
    const other = await joinFrom(t, '127.0.0.3', port);
    open(other, 'Ignore', 0, 1);
    await held.until(15);
  });

  it(
    'connectionsMax: the one that was idle longest gives way to a newcomer, and is told why',
    { skip },
    async (t) => {
      const { port, held, server } = await serveEcho(t, { limits: { connectionsMax: 8 } });
      const busy = await joinFrom(t, '127.0.0.2', port);
      open(busy, 'Hold', 0, 1);
      await held.until(1);
      const idle: RawClient[] = [];
      for (let nth = 0; nth < 6; nth++) idle.push(await joinFrom(t, '127.0.0.2', port));
      await joinFrom(t, '127.0.0.3', port);
      const refused = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.2' });
      refused.on('error', () => {});
      await new Promise((resolve) => refused.once('close', resolve));
      assert.equal(server.stats().connectionsRefused, 1);
      await joinFrom(t, '127.0.0.4', port);
      const { payload } = await idle[0]!.nextOf('GOAWAY');
      assert.match(payload.toString('latin1'), /others need the place \(connectionsMax\)/);
      await idle[0]!.closed;
      for (const client of [busy, ...idle.slice(1)]) await client.alive();
      assert.equal(server.stats().connections, 8);
    },
  );
});
