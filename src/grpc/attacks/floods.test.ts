import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { grpcLimitDefaults, type GrpcLimits } from '../limits.js';
import { underAttack } from '../testing/attack.js';
import { grpcFields, openStream, paths } from '../testing/echo-server.js';
import {
  END_HEADERS,
  END_STREAM,
  errorCodes,
  frame,
  grpcMessage,
  PADDED,
  priorityFields,
  uint32,
} from '../testing/frames.js';
import type { RawClient } from '../testing/raw-client.js';

/** So many at once, and none more later. */
const twenty = { burst: 20, perSecond: 0 };
const ping = frame('PING', 0, 0, Buffer.alloc(8));

interface Flood {
  readonly limits: Partial<GrpcLimits>;
  /** What must stand before it. */
  readonly begin?: (client: RawClient) => void | Promise<void>;
  /** What may be sent twenty times. */
  readonly one: (client: RawClient, count: number) => Uint8Array;
}

function opened(client: RawClient, id: number, flags = END_HEADERS, path: string = paths.hold): Buffer {
  return frame('HEADERS', flags, id, client.block(grpcFields(path)));
}

const floods: Record<string, Flood> = {
  'faultRate: streams that the server must reset (CVE-2025-8671)': {
    limits: { faultRate: twenty },
    one: (client, count) =>
      frame('HEADERS', END_HEADERS | END_STREAM, 2 * count + 1, client.block([':method', 'GET'])),
  },
  'faultRate: calls whose handlers run, which the server must reset': {
    limits: { faultRate: twenty },
    one: (client, count) =>
      Buffer.concat([
        opened(client, 2 * count + 1),
        frame('DATA', END_STREAM, 2 * count + 1, grpcMessage(Buffer.alloc(1))),
        frame('WINDOW_UPDATE', 0, 2 * count + 1, uint32(0)),
      ]),
  },
  'uselessFrameRate: calls past streamsPerConnectionMax': {
    limits: { uselessFrameRate: twenty, streamsPerConnectionMax: 1 },
    begin: (client) => openStream(client, 1, paths.hold),
    one: (client, count) => opened(client, 2 * count + 3),
  },
  'settingsRate: SETTINGS': {
    // The preface has the first.
    limits: { settingsRate: { burst: 21, perSecond: 0 } },
    one: () => frame('SETTINGS', 0, 0),
  },
  'pingRate: PING': {
    limits: { pingRate: twenty, pingIntervalMsMin: 0 },
    one: () => ping,
  },
  'emptyFrameRate: DATA without content': {
    limits: { emptyFrameRate: twenty },
    begin: (client) => openStream(client, 1, paths.hold),
    one: () => frame('DATA', 0, 1),
  },
  'emptyFrameRate: DATA with padding alone': {
    limits: { emptyFrameRate: twenty },
    begin: (client) => openStream(client, 1, paths.hold),
    one: () => frame('DATA', PADDED, 1, Buffer.alloc(256, 255, 'latin1').fill(0, 1)),
  },
  'windowUpdateRate: WINDOW_UPDATE of the connection': {
    limits: { windowUpdateRate: twenty },
    one: () => frame('WINDOW_UPDATE', 0, 0, uint32(1)),
  },
  'windowUpdateRate: WINDOW_UPDATE of a stream': {
    limits: { windowUpdateRate: twenty },
    begin: (client) => openStream(client, 1, paths.hold),
    one: () => frame('WINDOW_UPDATE', 0, 1, uint32(1)),
  },
  'windowUpdateRate: WINDOW_UPDATE of a stream that is gone': {
    limits: { windowUpdateRate: twenty },
    begin: (client) => {
      openStream(client, 1);
      client.reset(1);
    },
    one: () => frame('WINDOW_UPDATE', 0, 1, uint32(1)),
  },
  'uselessFrameRate: PRIORITY': {
    limits: { uselessFrameRate: twenty },
    one: () => frame('PRIORITY', 0, 1, priorityFields(0)),
  },
  'uselessFrameRate: unknown frames': {
    limits: { uselessFrameRate: twenty },
    one: () => frame(0xfa, 0, 0, Buffer.alloc(100)),
  },
  'uselessFrameRate: RST_STREAM for streams that are gone': {
    limits: { uselessFrameRate: twenty },
    begin: (client) => {
      openStream(client, 1);
      client.reset(1);
    },
    one: () => frame('RST_STREAM', 0, 1, uint32(errorCodes.CANCEL)),
  },
  'uselessFrameRate: RST_STREAM for streams that were not opened': {
    limits: { uselessFrameRate: twenty },
    one: (_client, count) => frame('RST_STREAM', 0, 2 * count + 1, uint32(errorCodes.CANCEL)),
  },
  'uselessFrameRate: empty DATA for a stream that the server reset': {
    limits: { uselessFrameRate: twenty },
    begin: async (client) => {
      client.headers(1, [':method', 'GET']);
      await client.nextOf('RST_STREAM', 1);
    },
    one: () => frame('DATA', 0, 1),
  },
};

describe('floods: so many frames that cost more than they bring, and not one more', () => {
  for (const [name, { limits, begin, one }] of Object.entries(floods)) {
    void test(name, async (t) => {
      await underAttack(t, limits, async ({ attacker }) => {
        await begin?.(attacker);
        for (let count = 0; count < 20; count++) attacker.write(one(attacker, count));
        // The last that is allowed was taken: what follows it in order is answered.
        if (limits.pingRate === undefined) await attacker.alive();
        else for (let count = 0; count < 20; count++) await attacker.nextOf('PING');
        attacker.write(one(attacker, 20));
        await attacker.connectionError('ENHANCE_YOUR_CALM');
      });
    });
  }

  void test('emptyFrameRate: CONTINUATION without content', async (t) => {
    await underAttack(t, { emptyFrameRate: twenty, continuationFramesMax: 1000 }, async ({ attacker }) => {
      attacker.frame('HEADERS', 0, 1, attacker.block(grpcFields(paths.unary)));
      for (let count = 0; count < 20; count++) attacker.frame('CONTINUATION', 0, 1);
      attacker.frame('CONTINUATION', END_HEADERS, 1, attacker.block(['x-last', '1']));
      await attacker.alive();
      attacker.frame('HEADERS', 0, 3, attacker.block(grpcFields(paths.unary)));
      attacker.frame('CONTINUATION', 0, 3);
      await attacker.connectionError('ENHANCE_YOUR_CALM');
    });
  });

  void test('pingIntervalMsMin: pings that come too fast, more than two of them', async (t) => {
    await underAttack(t, { pingIntervalMsMin: 60_000 }, async ({ attacker }) => {
      // The first is not too early, two strikes are borne.
      for (let count = 0; count < 3; count++) attacker.write(ping);
      for (let count = 0; count < 3; count++) await attacker.nextOf('PING');
      attacker.write(ping);
      const { payload } = await attacker.nextOf('GOAWAY');
      assert.equal(payload.readUInt32BE(4), errorCodes.ENHANCE_YOUR_CALM);
      assert.equal(payload.toString('latin1', 8), 'too_many_pings');
      await attacker.closed;
    });
  });

  void test('pingRate, pingIntervalMsMin: pings between answers are no fault', async (t) => {
    await underAttack(t, { pingRate: twenty, pingIntervalMsMin: 60_000 }, async ({ attacker }) => {
      for (let id = 1; id < 100; id += 2) {
        attacker.call(id, grpcFields(paths.unary), Buffer.from('m'));
        await attacker.response(id);
        await attacker.alive();
      }
    });
  });
});

describe('floods at the default limits end early, and cost no memory', () => {
  /** The streams that may be open, and four times as many that are cancelled and still worked on, of less than a KiB each. */
  const heldBytesMax = 5 * grpcLimitDefaults.streamsPerConnectionMax * 1024;

  /** What `prepare` makes, again and again, until the connection is closed. */
  async function flood(
    t: TestContext,
    prepare: (client: RawClient) => Uint8Array | ((round: number) => Uint8Array),
    limits: Partial<GrpcLimits> = {},
  ): Promise<void> {
    await underAttack(t, limits, async ({ attacker, server }) => {
      const made = prepare(attacker);
      let sentBytes = 0;
      for (let round = 0; !attacker.socket.destroyed && sentBytes < 256 * 1024 * 1024; round++) {
        const chunk = typeof made === 'function' ? made(round) : made;
        sentBytes += chunk.length;
        if (!attacker.socket.write(chunk)) {
          await Promise.race([
            new Promise((resolve) => attacker.socket.once('drain', resolve)),
            attacker.closed,
          ]);
        }
        assert.ok(server.stats().heldBytes < heldBytesMax);
      }
      await attacker.connectionError('ENHANCE_YOUR_CALM', 'PROTOCOL_ERROR');
      assert.ok(sentBytes < 64 * 1024 * 1024, `it took ${sentBytes} bytes`);
    });
  }

  /** Without what time gives back: a slow machine may not flood faster than that. */
  const { resetRate } = grpcLimitDefaults;
  const cancels: Partial<GrpcLimits> = { resetRate: { ...resetRate, perSecond: 0 } };

  /** For each of thousands of new streams a round. */
  function streams(one: (id: number) => readonly Buffer[]): (round: number) => Uint8Array {
    const each = 4000;
    return (round) => {
      const parts: Buffer[] = [];
      for (let id = each * round + 1; id < each * (round + 1); id += 2) parts.push(...one(id));
      return Buffer.concat(parts);
    };
  }
  const cancel = (id: number): Buffer => frame('RST_STREAM', 0, id, uint32(errorCodes.CANCEL));

  void test('rapid reset', (t) =>
    flood(t, (client) => streams((id) => [opened(client, id), cancel(id)]), cancels));
  void test('rapid reset of whole requests', (t) =>
    flood(
      t,
      (client) =>
        streams((id) => [
          opened(client, id),
          frame('DATA', END_STREAM, id, grpcMessage(Buffer.alloc(1))),
          cancel(id),
        ]),
      cancels,
    ));
  void test('late resets', (t) =>
    flood(t, (client) => {
      openStream(client, 1);
      client.reset(1);
      return Buffer.concat(new Array<Buffer>(1000).fill(cancel(1)));
    }));
  void test('late windows', (t) =>
    flood(t, (client) => {
      openStream(client, 1);
      client.reset(1);
      return Buffer.concat(new Array<Buffer>(1000).fill(frame('WINDOW_UPDATE', 0, 1, uint32(1))));
    }));
  void test('PING', (t) => flood(t, () => Buffer.concat(new Array<Buffer>(1000).fill(ping))));
  void test('SETTINGS', (t) =>
    flood(t, () => Buffer.concat(new Array<Buffer>(1000).fill(frame('SETTINGS', 0, 0)))));
  void test('PRIORITY', (t) =>
    flood(t, () => Buffer.concat(new Array<Buffer>(1000).fill(frame('PRIORITY', 0, 1, priorityFields(0))))));
  void test('WINDOW_UPDATE', (t) =>
    flood(t, () => Buffer.concat(new Array<Buffer>(1000).fill(frame('WINDOW_UPDATE', 0, 0, uint32(1))))));
  void test('empty DATA', (t) =>
    flood(t, (client) => {
      openStream(client, 1);
      return Buffer.concat(new Array<Buffer>(1000).fill(frame('DATA', 0, 1)));
    }));
  void test('CONTINUATION', (t) =>
    flood(t, (client) => {
      client.frame('HEADERS', 0, 1, client.block(grpcFields(paths.unary)));
      return Buffer.concat(
        new Array<Buffer>(100).fill(frame('CONTINUATION', 0, 1, Buffer.alloc(1000, 0x82))),
      );
    }));
  void test('calls that are cut off in their message', (t) =>
    flood(
      t,
      (client) =>
        streams((id) => [
          opened(client, id, END_HEADERS, paths.unary),
          frame('DATA', 0, id, grpcMessage(Buffer.alloc(50)).subarray(0, 20)),
          cancel(id),
        ]),
      cancels,
    ));
});
