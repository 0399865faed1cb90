import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { parseHostPort } from '../base/address.js';
import { dial, DialError, type Lookup } from './dial.js';
import { deadEndpoint, listen, mutePort, serveSockets } from './testing/sockets.js';

const timeoutMs = 60_000;

/** Who took the connection. */
async function reached(host: string, port: number, lookup?: Lookup): Promise<string | undefined> {
  const socket = await dial({ host, port }, timeoutMs, new AbortController().signal, lookup);
  const { remoteAddress } = socket;
  socket.destroy();
  return remoteAddress;
}

async function refusal(endpoint: string, forMs = timeoutMs, lookup?: Lookup): Promise<string> {
  const target = parseHostPort('endpoint', endpoint);
  try {
    (await dial(target, forMs, new AbortController().signal, lookup)).destroy();
  } catch (error) {
    assert.ok(error instanceof DialError, String(error));
    return error.message;
  }
  return assert.fail(`${endpoint} took the connection`);
}

const portOf = (endpoint: string): number => parseHostPort('endpoint', endpoint).port;

async function hasIpv6(t: TestContext): Promise<boolean> {
  const server = createServer();
  server.listen(0, '::1');
  const [error] = (await Promise.race([once(server, 'listening'), once(server, 'error')])) as [Error?];
  t.after(() => server.close());
  return error === undefined;
}

describe('dial', () => {
  it('finds whoever listens at localhost, whichever loopback that is', async (t) => {
    const ipv4 = await listen(t, createServer(), '127.0.0.1');
    assert.equal(await reached('localhost', portOf(ipv4)), '127.0.0.1');
    if (!(await hasIpv6(t))) return;
    const ipv6 = await listen(t, createServer(), '::1');
    assert.equal(await reached('localhost', portOf(ipv6)), '::1');
  });

  it('tries each address of a name, in order', async (t) => {
    const endpoint = await serveSockets(t, () => {});
    const asked: string[] = [];
    const lookup: Lookup = (host) => {
      asked.push(host);
      return Promise.resolve(['::1', '127.0.0.9', '127.0.0.1']);
    };
    assert.equal(await reached('kvorum.test', portOf(endpoint), lookup), '127.0.0.1');
    assert.deepEqual(asked, ['kvorum.test']);
  });

  it('does not wait for an address that keeps silent', async (t) => {
    const mute = await mutePort(t);
    const other = await listen(t, createServer(), '127.0.0.2', portOf(mute));
    const lookup: Lookup = () => Promise.resolve(['127.0.0.1', '127.0.0.2']);
    assert.equal(await reached('kvorum.test', portOf(other), lookup), '127.0.0.2');
  });

  it('says why there is no connection', async (t) => {
    assert.equal(await refusal(await deadEndpoint()), 'connection refused: nothing listens there');
    assert.match(await refusal('localhost:1'), /^connection refused/);
    const mute = await mutePort(t);
    assert.equal(await refusal(mute, 300), 'no answer within 300 ms: a wrong address, or a firewall?');
    // What a resolver says of it depends on the machine's network.
    assert.match(await refusal('no-such-host.invalid:1'), /^(no host has this name|the host name cannot be)/);
  });

  it('says of names that are not looked up why, too', async () => {
    const failed = (code: string): Lookup => {
      return () => Promise.reject(Object.assign(new Error(code), { code }));
    };
    assert.equal(await refusal('a.test:1', 1000, failed('ENOTFOUND')), 'no host has this name');
    assert.equal(
      await refusal('a.test:1', 1000, failed('EAI_AGAIN')),
      'the host name cannot be looked up now',
    );
    assert.equal(await refusal('a.test:1', 1000, failed('ESTRANGE')), 'ESTRANGE');
    assert.equal(await refusal('a.test:1', 1000, () => Promise.resolve([])), 'the host name has no address');
    const never: Lookup = () => new Promise(() => {});
    assert.equal(await refusal('a.test:1', 50, never), 'the host name was not looked up within 50 ms');
  });

  it('says what an answer was, of several addresses, before what had none', async () => {
    const endpoint = await deadEndpoint();
    // Of an address that is not this machine's there is no way from loopback.
    const lookup: Lookup = () => Promise.resolve(['::ffff:0:0', '127.0.0.1']);
    assert.match(await refusal(`a.test:${portOf(endpoint)}`, timeoutMs, lookup), /^connection refused/);
  });

  it('ends when it is called off, and leaves nothing open', async (t) => {
    const mute = parseHostPort('endpoint', await mutePort(t));
    for (const lookup of [undefined, (): Promise<never> => new Promise(() => {})]) {
      const controller = new AbortController();
      const dialled = dial({ host: 'localhost', port: mute.port }, timeoutMs, controller.signal, lookup);
      controller.abort();
      await assert.rejects(dialled, { name: 'DialError', message: 'called off' });
      await assert.rejects(dial(mute, timeoutMs, controller.signal, lookup), { message: 'called off' });
    }
  });
});
