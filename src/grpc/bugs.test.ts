import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import { silentLog, type Log } from '../base/log.js';
import type { BoundMethod } from '../base/rpc.js';
import { StatusError } from '../base/status.js';
import { echoFields } from './testing/requests.js';
import { END_HEADERS, END_STREAM, grpcMessage } from './testing/frames.js';
import { RawClient } from './testing/raw-client.js';
import { serveEcho } from './testing/served.js';

const hello = Buffer.from('hello');
const nothing = undefined as unknown as Uint8Array;

/** What handlers may do wrong. None of it may end the process, or any call but its own. */
const methods: Record<string, BoundMethod> = {
  'a unary handler that throws': {
    kind: 'unary',
    name: 'Wrong',
    call: () => assert.fail('thrown'),
  },
  'a unary handler whose answer is none': {
    kind: 'unary',
    name: 'Wrong',
    call: () => Promise.resolve(nothing),
  },
  'a unary handler that answers through its completion with what is none': {
    kind: 'unary',
    name: 'Wrong',
    call: (_request, _context, completion) => {
      setImmediate(() => completion.resolve(nothing));
      return undefined;
    },
  },
  'a streaming handler that throws before it gives a promise': {
    kind: 'bidi-stream',
    name: 'Wrong',
    call: () => assert.fail('thrown'),
  },
  'the same with one request': { kind: 'server-stream', name: 'Wrong', call: () => assert.fail('thrown') },
  'a streaming handler that gives no promise': {
    kind: 'server-stream',
    name: 'Wrong',
    call: () => nothing as unknown as Promise<void>,
  },
  'a streaming handler that writes what is no message': {
    kind: 'client-stream',
    name: 'Wrong',
    call: (_requests, responses) => {
      responses.write(nothing);
      return Promise.resolve();
    },
  },
};

describe('bugs of handlers', () => {
  for (const [name, method] of Object.entries(methods)) {
    it(`${name}: the call ends, and nothing else`, async (t) => {
      const bugs: unknown[] = [];
      const log: Log = { ...silentLog, error: (fields) => bugs.push(fields) };
      const { port, server } = await serveEcho(t, { log }, [method]);
      const client = await RawClient.ready(port);
      t.after(() => client.close());
      for (const id of [1, 3]) {
        client.call(id, echoFields('Wrong'), hello);
        const { trailers } = await client.response(id);
        const isNone = name.includes('no promise');
        assert.equal(trailers.get('grpc-status'), isNone ? '0' : '13');
        assert.equal(bugs.length, isNone ? 0 : (id + 1) / 2);
      }
      client.call(5, echoFields('Echo'), hello);
      assert.deepEqual((await client.response(5)).data, grpcMessage(hello));
      assert.deepEqual([server.stats().unary, server.stats().streaming], [0, 0]);
    });
  }

  it('a streaming handler may throw its status before it gives a promise', async (t) => {
    const method: BoundMethod = {
      kind: 'bidi-stream',
      name: 'Wrong',
      call: () => {
        throw new StatusError('ABORTED', 'at once');
      },
    };
    const { port } = await serveEcho(t, {}, [method]);
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.headers(1, echoFields('Wrong'));
    const { trailers } = await client.response(1);
    assert.deepEqual([trailers.get('grpc-status'), trailers.get('grpc-message')], ['10', 'at once']);
  });

  it('statusOf that throws: the call ends with INTERNAL', async (t) => {
    const { port } = await serveEcho(t, { statusOf: () => assert.fail('thrown') });
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.call(1, echoFields('Fail'), Buffer.from('ABORTED x'));
    assert.equal((await client.response(1)).trailers.get('grpc-status'), '13');
  });

  it('a completion that is used twice: the second time has no effect', async (t) => {
    let uses = 0;
    const twice: BoundMethod = {
      kind: 'unary',
      name: 'Twice',
      call: (request, _context, completion) => {
        setImmediate(() => {
          for (const use of ['resolve', 'reject', 'resolve'] as const) {
            completion[use](request);
            uses++;
          }
        });
        return undefined;
      },
    };
    const { port, server } = await serveEcho(t, {}, [twice]);
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    client.call(1, echoFields('Twice'), hello);
    assert.deepEqual((await client.response(1)).data, grpcMessage(hello));
    await client.alive();
    assert.equal(uses, 3);
    assert.equal(server.stats().unary, 0);
  });

  const listeners: Record<string, RequestListener> = {
    'that throws': () => assert.fail('thrown'),
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    'whose promise rejects': () => Promise.reject(new Error('rejected')),
  };
  for (const [name, http1] of Object.entries(listeners)) {
    it(`an HTTP listener ${name}: the request ends, over HTTP/1.1 and HTTP/2`, async (t) => {
      const bugs: unknown[] = [];
      const log: Log = { ...silentLog, error: (fields) => bugs.push(fields) };
      const { port } = await serveEcho(t, { log, http1 });
      const response = await fetch(`http://127.0.0.1:${port}/`);
      assert.deepEqual([response.status, await response.text()], [500, 'internal error\n']);
      const client = await RawClient.ready(port);
      t.after(() => client.close());
      client.headers(
        1,
        [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'here'],
        END_HEADERS | END_STREAM,
      );
      assert.equal((await client.response(1)).headers.get(':status'), '500');
      assert.equal(bugs.length, 2);
    });
  }
});
