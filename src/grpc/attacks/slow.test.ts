import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { underAttack } from '../testing/attack.js';
import { grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_HEADERS, END_STREAM, frame, grpcMessage, uint32 } from '../testing/frames.js';
import type { RawClient } from '../testing/raw-client.js';
import { nothingHeld } from '../testing/served.js';

const timeoutMs = 200;

/** Sends the parts one by one, each a fraction of the time-out apart, until the connection is closed. */
function drip(client: RawClient, parts: readonly Uint8Array[]): void {
  let at = 0;
  const timer = setInterval(() => {
    if (at < parts.length && !client.socket.destroyed) client.write(parts[at++]!);
    else clearInterval(timer);
  }, timeoutMs / 5);
}

function octets(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (octet) => Uint8Array.of(octet));
}

describe('slow writers', () => {
  const unfinished: Record<string, (client: RawClient) => void> = {
    'a frame header cut off': (client) => client.write(frame('PING', 0, 0).subarray(0, 4)),
    'a frame cut off in its payload': (client) =>
      client.write(frame('PING', 0, 0, Buffer.alloc(8)).subarray(0, 12)),
    'a header block without its end': (client) =>
      client.frame('HEADERS', 0, 1, client.block(grpcFields(paths.unary))),
    'a frame that comes octet by octet': (client) =>
      drip(client, octets(frame('DATA', 0, 1, Buffer.alloc(1000)))),
    'a header block that comes frame by frame': (client) => {
      client.frame('HEADERS', 0, 1, client.block(grpcFields(paths.unary)));
      drip(client, new Array<Buffer>(1000).fill(frame('CONTINUATION', 0, 1, client.block(['x-a', 'b']))));
    },
  };
  for (const [name, send] of Object.entries(unfinished)) {
    void test(`frameTimeoutMs: ${name}`, async (t) => {
      const limits = { frameTimeoutMs: timeoutMs, continuationFramesMax: 10_000 };
      await underAttack(t, limits, async ({ attacker }) => {
        const before = performance.now();
        send(attacker);
        await attacker.connectionError('ENHANCE_YOUR_CALM');
        const tookMs = performance.now() - before;
        assert.ok(tookMs >= timeoutMs, `${tookMs} ms`);
      });
    });
  }

  void test('frameTimeoutMs: frames that lie across chunks, again and again, are no slow ones', async (t) => {
    const limits = { frameTimeoutMs: 600, pingIntervalMsMin: 0, pingRate: { burst: 1e9, perSecond: 0 } };
    await underAttack(t, limits, async ({ attacker }) => {
      const ping = frame('PING', 0, 0, Buffer.from('splitted'));
      attacker.write(ping.subarray(0, 12));
      for (const began = performance.now(); performance.now() - began < 1.5 * limits.frameTimeoutMs;) {
        // There is never a moment without part of a frame.
        attacker.write(ping.subarray(12), ping.subarray(0, 12));
        await attacker.nextOf('PING');
      }
    });
  });

  const messages: Record<string, (client: RawClient) => void> = {
    'a message cut off': (client) => client.data(1, grpcMessage(Buffer.alloc(100)).subarray(0, 50)),
    'a message cut off in its prefix': (client) =>
      client.data(1, grpcMessage(Buffer.alloc(100)).subarray(0, 3)),
    'a message that comes octet by octet': (client) =>
      drip(
        client,
        octets(grpcMessage(Buffer.alloc(1000))).map((octet) => frame('DATA', 0, 1, octet)),
      ),
  };
  for (const path of [paths.unary, paths.join, paths.chat]) {
    for (const [name, send] of Object.entries(messages)) {
      void test(`messageTimeoutMs: ${name}, ${path}`, async (t) => {
        const limits = { messageTimeoutMs: timeoutMs, pingIntervalMsMin: 0 };
        await underAttack(t, limits, async ({ attacker, server }) => {
          const before = performance.now();
          openStream(attacker, 1, path);
          send(attacker);
          await attacker.streamError(1, 'CANCEL');
          assert.ok(performance.now() - before >= timeoutMs);
          await nothingHeld(server);
          assert.equal(server.stats().streaming, 0);
        });
      });
    }
  }

  void test('messageTimeoutMs: time between messages does not count', async (t) => {
    await underAttack(t, { messageTimeoutMs: timeoutMs }, async ({ attacker }) => {
      openStream(attacker, 1, paths.chat);
      const part = grpcMessage(Buffer.alloc(100));
      drip(attacker, new Array<Buffer>(15).fill(frame('DATA', 0, 1, part)));
      for (let count = 0; count < 15; count++)
        assert.deepEqual((await attacker.nextOf('DATA', 1)).payload, part);
    });
  });
});

describe('slow readers', () => {
  const mebibyte = 1024 * 1024;

  /** Reads nothing, however much it is sent. */
  async function deaf(
    join: (settings: [['INITIAL_WINDOW_SIZE', number]]) => Promise<RawClient>,
  ): Promise<RawClient> {
    const client = await join([['INITIAL_WINDOW_SIZE', 2 ** 31 - 1]]);
    client.windowUpdate(0, 2 ** 31 - 1 - 65_535);
    client.socket.pause();
    return client;
  }

  void test('sendStallTimeoutMs: a socket that takes nothing any more', async (t) => {
    await underAttack(t, { sendStallTimeoutMs: timeoutMs }, async ({ join, server }) => {
      const attacker = await deaf(join);
      // More than the buffers of the kernel hold.
      for (let id = 1; id < 129; id += 2) attacker.call(id, grpcFields(paths.sized), uint32(mebibyte / 2));
      while (server.stats().connections > 2) await new Promise((resolve) => setImmediate(resolve));
      // They are let go in turns of their own.
      while (server.stats().heldBytes >= mebibyte) await new Promise((resolve) => setImmediate(resolve));
      attacker.socket.resume();
      await attacker.closed;
    });
  });

  void test('memoryBytesMax: answers that wait for such a socket', async (t) => {
    await underAttack(t, { memoryBytesMax: 8 * mebibyte }, async ({ join, server }) => {
      const attacker = await deaf(join);
      for (let id = 1; server.stats().connectionsFaulted === 0; id += 2) {
        attacker.call(id, grpcFields(paths.sized), uint32(mebibyte / 2));
        await new Promise((resolve) => setImmediate(resolve));
        assert.ok(server.stats().heldBytes < 12 * mebibyte);
      }
      // What waits for it is let go of at once, and not when it has read why.
      await nothingHeld(server);
    });
  });

  void test('a streaming handler waits for such a socket', async (t) => {
    await underAttack(t, {}, async ({ join, server }) => {
      const attacker = await deaf(join);
      const request = Buffer.concat([uint32(1_000_000), Buffer.alloc(10_000)]);
      attacker.headers(1, grpcFields('/test.Echo/Repeat'));
      attacker.data(1, grpcMessage(request), END_STREAM);
      let before = -1;
      // Until nothing more is produced.
      for (let still = 0; still < 200;) {
        await new Promise((resolve) => setImmediate(resolve));
        const { heldBytes } = server.stats();
        assert.ok(heldBytes < 2 * mebibyte);
        still = heldBytes === before ? still + 1 : 0;
        before = heldBytes;
      }
      attacker.socket.resume();
      await attacker.nextOf('DATA', 1);
      attacker.reset(1);
      await attacker.alive();
      await nothingHeld(server);
    });
  });

  void test('outputBytesMax: answers to pings that are not read', async (t) => {
    const limits = { pingRate: { burst: 1e9, perSecond: 0 }, pingIntervalMsMin: 0, outputBytesMax: mebibyte };
    await underAttack(t, limits, async ({ join, server }) => {
      const attacker = await deaf(join);
      const pings = Buffer.concat(new Array<Buffer>(1000).fill(frame('PING', 0, 0, Buffer.alloc(8))));
      while (server.stats().connectionsFaulted === 0) {
        attacker.write(pings);
        await new Promise((resolve) => setImmediate(resolve));
      }
      attacker.socket.resume();
      await attacker.connectionError('ENHANCE_YOUR_CALM');
    });
  });

  void test('outputBytesMax: resets that are not read', async (t) => {
    const limits = { faultRate: { burst: 1e9, perSecond: 0 }, outputBytesMax: mebibyte };
    await underAttack(t, limits, async ({ join, server }) => {
      const attacker = await deaf(join);
      const block = Buffer.of(0x82);
      for (let id = 1; server.stats().connectionsFaulted === 0;) {
        const parts: Buffer[] = [];
        for (const end = id + 2000; id < end; id += 2) {
          parts.push(frame('HEADERS', END_HEADERS | END_STREAM, id, block));
        }
        attacker.write(...parts);
        await new Promise((resolve) => setImmediate(resolve));
      }
      attacker.socket.resume();
      await attacker.connectionError('ENHANCE_YOUR_CALM');
    });
  });
});
