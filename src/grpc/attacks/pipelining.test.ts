import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { describe, test, type TestContext } from 'node:test';
import { turnMsMax } from '../fair-turns.js';
import { nothingHeld, serveEcho } from '../testing/served.js';

const request = 'GET /page HTTP/1.1\r\nhost: here\r\n\r\n';

async function dial(t: TestContext, port: number, localAddress = '127.0.0.1'): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Requests that a listener has been asked, in all and in one turn of the event loop at most. */
class Asked {
  count = 0;
  turnCountMax = 0;
  #turnCount = 0;
  readonly listener: RequestListener;

  /** @param busyMs for how long the listener does nothing else */
  constructor(busyMs: number, body: string | Buffer = 'page') {
    this.listener = (_request, response) => {
      this.count++;
      if (this.#turnCount++ === 0) setImmediate(() => this.#turnEnds());
      const endMs = performance.now() + busyMs;
      while (performance.now() < endMs);
      response.end(body);
    };
  }

  #turnEnds(): void {
    this.turnCountMax = Math.max(this.turnCountMax, this.#turnCount);
    this.#turnCount = 0;
  }

  async until(count: number): Promise<void> {
    while (this.count < count) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('pipelined requests of HTTP/1.1', () => {
  void test('are answered a few in a turn', async (t) => {
    const asked = new Asked(turnMsMax);
    const { port } = await serveEcho(t, { http1: asked.listener });
    const sockets = await Promise.all(Array.from({ length: 5 }, () => dial(t, port)));
    for (const socket of sockets) socket.resume().write(request.repeat(300));
    await asked.until(100);
    assert.ok(asked.turnCountMax <= 3, `${asked.turnCountMax} in one turn`);
  });

  void test('are all answered, in order', async (t) => {
    const { port } = await serveEcho(t, { http1: ({ url }, response) => response.end(`<${url}>`) });
    const socket = await dial(t, port);
    let received = '';
    socket.setEncoding('utf8').on('data', (part: string) => (received += part));
    const paths = Array.from({ length: 500 }, (_, at) => `/${at}`);
    const last = 'GET /last HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n';
    socket.write(paths.map((path) => request.replace('/page', path)).join('') + last);
    await once(socket, 'close');
    assert.deepEqual(received.match(/(?<=<)[^<>]*(?=>)/g), [...paths, '/last']);
  });

  void test('do not keep those of other addresses waiting', async (t) => {
    const asked = new Asked(turnMsMax);
    const { port } = await serveEcho(t, { http1: asked.listener });
    const attackers = await Promise.all(Array.from({ length: 50 }, () => dial(t, port, '127.0.0.2')));
    for (const socket of attackers) socket.resume().write(request.repeat(300));
    await asked.until(100);
    const honest = await dial(t, port);
    for (let round = 0; round < 20; round++) {
      const before = asked.count;
      honest.write(request);
      await once(honest, 'data');
      assert.ok(asked.count - before < 25, `${asked.count - before} others were served before it`);
    }
  });

  void test('http1TimeoutMs, memoryBytesMax: whose answers nobody reads', async (t) => {
    const pageSizeBytes = 1_000_000;
    const asked = new Asked(0, Buffer.alloc(pageSizeBytes));
    const limits = { http1TimeoutMs: 2000 };
    const { port, server } = await serveEcho(t, { http1: asked.listener, limits });
    const socket = await dial(t, port);
    socket.pause().write(request.repeat(1000));
    await asked.until(1);
    let heldBytesMax = 0;
    while (server.stats().connections > 0) {
      heldBytesMax = Math.max(heldBytesMax, server.stats().heldBytes);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // One page is held, and what the kernel takes is not.
    assert.ok(heldBytesMax > pageSizeBytes && heldBytesMax < 1.2 * pageSizeBytes, `${heldBytesMax} bytes`);
    assert.ok(asked.count < 100, `${asked.count} pages were made`);
    await nothingHeld(server);
  });

  void test('memoryBytesMax: unread answers of many connections end those that hold most', async (t) => {
    const asked = new Asked(0, Buffer.alloc(20_000_000));
    const limits = { memoryBytesMax: 64_000_000 };
    const { port, server } = await serveEcho(t, { http1: asked.listener, limits });
    const count = 8;
    for (let at = 0; at < count; at++) {
      const socket = await dial(t, port);
      socket.pause().write(request);
      await asked.until(at + 1);
      await new Promise((resolve) => setImmediate(resolve));
      assert.ok(server.stats().heldBytes <= limits.memoryBytesMax);
    }
    assert.ok(server.stats().connections < count);
  });
});
