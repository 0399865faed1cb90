import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { underAttack } from '../testing/attack.js';
import { grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_STREAM, grpcMessage, uint32 } from '../testing/frames.js';
import { GrpcJsClient } from '../testing/grpc-js-client.js';
import type { RawClient } from '../testing/raw-client.js';
import { nothingHeld, serveEcho } from '../testing/served.js';

const mebibyte = 1024 * 1024;

function ask(client: RawClient, id: number, sizeBytes: number): void {
  client.call(id, grpcFields(paths.sized), uint32(sizeBytes));
}

/** The beginning of a message that is longer. */
function beginMessage(client: RawClient, id: number, lengthBytes: number, sentBytes: number): void {
  openStream(client, id, paths.join);
  const begin = Buffer.concat([Buffer.of(0), uint32(lengthBytes), Buffer.alloc(sentBytes - 5)]);
  for (let at = 0; at < begin.length; at += 16_384) client.data(id, begin.subarray(at, at + 16_384));
}

describe('windows that stay shut', () => {
  void test('sendStallTimeoutMs: the window of a stream: that call ends, the others go on', async (t) => {
    const sendStallTimeoutMs = 100;
    await underAttack(t, { sendStallTimeoutMs }, async ({ join, server }) => {
      const attacker = await join([['INITIAL_WINDOW_SIZE', 0]]);
      const before = performance.now();
      ask(attacker, 1, 100_000);
      await attacker.nextOf('HEADERS', 1);
      await attacker.streamError(1, 'CANCEL');
      assert.ok(performance.now() - before >= sendStallTimeoutMs);
      await nothingHeld(server);
      attacker.headers(3, grpcFields(paths.missing));
      await attacker.response(3);
    });
  });

  void test('sendStallTimeoutMs: the window of the connection', async (t) => {
    await underAttack(t, { sendStallTimeoutMs: 100 }, async ({ join, server }) => {
      const attacker = await join([['INITIAL_WINDOW_SIZE', mebibyte]]);
      // They take turns, so that none of them is finished.
      for (const id of [1, 3, 5]) ask(attacker, id, 60_000);
      for (const id of [1, 3, 5]) await attacker.streamError(id, 'CANCEL');
      await nothingHeld(server);
    });
  });

  void test('sendStallTimeoutMs: a window that opens now and then is not one that stays shut', async (t) => {
    const sendStallTimeoutMs = 600;
    await underAttack(t, { sendStallTimeoutMs }, async ({ join }) => {
      const attacker = await join([['INITIAL_WINDOW_SIZE', 0]]);
      ask(attacker, 1, 1_000_000);
      for (const began = performance.now(); performance.now() - began < 1.5 * sendStallTimeoutMs;) {
        attacker.windowUpdate(1, 1);
        await attacker.nextOf('DATA', 1);
      }
      await attacker.alive();
    });
  });

  void test('memoryBytesMax: of the connections that do not take their answers the one that holds most, and longest, goes', async (t) => {
    await underAttack(t, { memoryBytesMax: 8 * mebibyte }, async ({ join, server }) => {
      const [small, large] = [
        await join([['INITIAL_WINDOW_SIZE', 0]]),
        await join([['INITIAL_WINDOW_SIZE', 0]]),
      ];
      ask(large, 1, 3 * mebibyte);
      await large.nextOf('HEADERS', 1);
      ask(small, 1, 3 * mebibyte);
      await small.nextOf('HEADERS', 1);
      ask(large, 3, 3 * mebibyte);
      await large.connectionError('ENHANCE_YOUR_CALM');
      await small.alive();
      assert.ok(server.stats().heldBytes < 4 * mebibyte);
    });
  });
});

/** What the server has allowed a stream beyond the first window. */
function openedBytes(client: RawClient, id: number): number {
  const updates = client.received.filter(({ type, streamId }) => type === 'WINDOW_UPDATE' && streamId === id);
  return updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0);
}

function sendRest(client: RawClient, id: number, sizeBytes: number, flags = 0): void {
  for (let left = sizeBytes; left > 0; left -= 16_384) {
    const last = left <= 16_384;
    client.data(id, Buffer.alloc(Math.min(left, 16_384)), last ? flags : 0);
  }
}

describe('windows for messages whose length is known', () => {
  const windowBytes = 65_535;
  const limits = { streamWindowBytes: windowBytes, receivedBytesPerConnectionMax: mebibyte };
  const sizeBytes = 300_000;

  for (const path of [paths.unary, paths.chat]) {
    void test(`open at once for all of it, and for nothing beyond it, ${path}`, async (t) => {
      await underAttack(t, limits, async ({ attacker, server }) => {
        openStream(attacker, 1, path);
        for (const id of [0, 1]) attacker.windowUpdate(id, 2 * sizeBytes);
        attacker.data(1, Buffer.concat([Buffer.of(0), uint32(sizeBytes), Buffer.alloc(100)]));
        const { payload } = await attacker.nextOf('WINDOW_UPDATE', 1);
        assert.equal(payload.readUInt32BE(0) + windowBytes, sizeBytes + 5);
        sendRest(attacker, 1, sizeBytes - 100, path === paths.unary ? END_STREAM : 0);
        if (path === paths.chat) {
          // What was allowed beyond the window is not allowed again.
          for (let got = 0; got < sizeBytes + 5;) got += (await attacker.nextOf('DATA', 1)).payload.length;
          attacker.data(1, grpcMessage(Buffer.alloc(10)), END_STREAM);
        }
        assert.equal((await attacker.response(1)).trailers.get('grpc-status'), '0');
        assert.ok(openedBytes(attacker, 1) <= sizeBytes + 5 + 15);
        await nothingHeld(server);
      });
    });
  }

  void test('receivedBytesPerConnectionMax: all of them together are promised half of it', async (t) => {
    await underAttack(t, limits, async ({ attacker, server }) => {
      const ids = Array.from({ length: 8 }, (_none, at) => 2 * at + 1);
      for (const id of ids) beginMessage(attacker, id, sizeBytes, 6);
      await attacker.alive();
      const opened = (): number[] => ids.filter((id) => openedBytes(attacker, id) > 0);
      assert.deepEqual(opened(), [1, 3]);
      // Whoever ends makes room, whether his message came or not.
      attacker.reset(1);
      for (const id of [0, 3]) attacker.windowUpdate(id, sizeBytes);
      sendRest(attacker, 3, sizeBytes - 1, END_STREAM);
      await attacker.response(3);
      for (const id of [5, 7, 9]) attacker.data(id, Buffer.alloc(1));
      await attacker.alive();
      assert.deepEqual(opened(), [1, 3, 5, 7]);
      for (const id of ids.slice(2)) attacker.reset(id);
      await attacker.alive();
      await nothingHeld(server);
    });
  });

  void test('are not opened while a message waits for the handler', async (t) => {
    await underAttack(t, limits, async ({ attacker, server }) => {
      openStream(attacker, 1, paths.ignore);
      attacker.data(1, grpcMessage(Buffer.alloc(10)));
      attacker.data(1, Buffer.concat([Buffer.of(0), uint32(sizeBytes), Buffer.alloc(100)]));
      await attacker.alive();
      assert.equal(openedBytes(attacker, 1), 0);
      attacker.reset(1);
      await attacker.alive();
      await nothingHeld(server);
    });
  });
});

describe('requests that are never finished', () => {
  const limits = { streamWindowBytes: 65_535, receivedBytesPerConnectionMax: 100_000 };

  void test('receivedBytesPerConnectionMax: past it one call after the other may go on', async (t) => {
    await underAttack(t, limits, async ({ attacker, server }) => {
      const ids = [1, 3, 5, 7];
      for (const id of ids) beginMessage(attacker, id, 200_000, 65_535);
      await attacker.alive();
      const opened = new Set<number>();
      const notice = (): void => {
        for (const { type, streamId } of attacker.received) {
          if (type === 'WINDOW_UPDATE' && streamId !== 0) opened.add(streamId);
        }
      };
      notice();
      assert.ok(opened.size < ids.length, `windows were opened for ${[...opened].join(', ')}`);
      assert.ok(server.stats().heldBytes < 4 * (2 * 65_536 + 8192));
      // When the others are gone the rest has its turn.
      for (const id of opened) attacker.reset(id);
      for (const id of ids) {
        if (!opened.has(id)) await attacker.nextOf('WINDOW_UPDATE', id);
        notice();
        if (opened.has(id)) attacker.reset(id);
      }
      await attacker.alive();
      await nothingHeld(server);
    });
  });

  void test('receivedBytesPerConnectionMax: a client that keeps the rules has all its requests served', async (t) => {
    const { port, server } = await serveEcho(t, {
      limits: { ...limits, receivedBytesPerConnectionMax: 300_000, requestSizeBytesMax: 1_000_000 },
    });
    const client = new GrpcJsClient(t, port);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, server.stats().heldBytes)), 1);
    const requests = Array.from({ length: 30 }, (_none, at) => Buffer.alloc(500_000, at));
    const answers = await Promise.all(requests.map((request) => client.ask('Echo', request)));
    clearInterval(watch);
    for (const [at, { message, error }] of answers.entries()) {
      assert.equal(error, undefined);
      assert.ok(message!.equals(requests[at]!));
    }
    await nothingHeld(server);
    // All at once they are 15 MB, and each buffer is up to twice what has come.
    assert.ok(most < 8_000_000, `${most} bytes`);
  });

  void test('memoryBytesMax: one connection cannot hold more than all may', async (t) => {
    await underAttack(t, { memoryBytesMax: 2 * mebibyte }, async ({ attacker, server }) => {
      for (let id = 1; id < 201 && server.stats().connectionsFaulted === 0; id += 2) {
        beginMessage(attacker, id, 3 * mebibyte, 65_535);
        await new Promise((resolve) => setImmediate(resolve));
        assert.ok(server.stats().heldBytes < 3 * mebibyte);
      }
      await attacker.connectionError('ENHANCE_YOUR_CALM');
      assert.ok(server.stats().heldBytes < mebibyte);
    });
  });

  void test('memoryBytesMax: nor can many together', async (t) => {
    await underAttack(t, { memoryBytesMax: 2 * mebibyte }, async ({ join, server }) => {
      for (let count = 0; count < 60; count++) {
        const attacker = await join();
        beginMessage(attacker, 1, 3 * mebibyte, 65_535);
        beginMessage(attacker, 3, 3 * mebibyte, 65_535);
        assert.ok(server.stats().heldBytes < 3 * mebibyte);
      }
      assert.ok(server.stats().connectionsFaulted > 10);
    });
  });

  void test('a length that is a promise costs nothing until its bytes come', async (t) => {
    await underAttack(t, {}, async ({ attacker, server }) => {
      for (let id = 1; id < 1001; id += 2) beginMessage(attacker, id, 4 * mebibyte, 6);
      await attacker.alive();
      assert.ok(server.stats().heldBytes <= 500 * 17 * 1024);
      for (let id = 1; id < 1001; id += 2) attacker.data(id, Buffer.alloc(0), END_STREAM);
      for (let id = 1; id < 1001; id += 2) {
        assert.equal((await attacker.response(id)).trailers.get('grpc-status'), '13');
      }
      await nothingHeld(server);
    });
  });

  void test('messages that the handler does not take wait within the window of their stream', async (t) => {
    await underAttack(t, { streamWindowBytes: 65_535 }, async ({ attacker, server }) => {
      openStream(attacker, 1, paths.ignore);
      for (let count = 0; count < 6; count++) attacker.data(1, grpcMessage(Buffer.alloc(10_000)));
      await attacker.alive();
      const { heldBytes } = server.stats();
      assert.ok(heldBytes >= 6 * 10_005 && heldBytes < 6 * 10_005 + 10_000, `${heldBytes} bytes`);
      attacker.reset(1);
      await attacker.alive();
      await nothingHeld(server);
    });
  });
});
