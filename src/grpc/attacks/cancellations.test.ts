import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GrpcLimits } from '../limits.js';
import { underAttack } from '../testing/attack.js';
import { grpcFields, openStream, paths } from '../testing/echo-server.js';
import { END_STREAM, errorCodes, frame, grpcMessage, uint32 } from '../testing/frames.js';
import { RawClient } from '../testing/raw-client.js';
import { serveEcho } from '../testing/served.js';

const twenty = { burst: 20, perSecond: 0 };
const message = Buffer.from('m');
const resourceExhausted = '8';

function cancelled(client: RawClient, id: number): void {
  openStream(client, id, paths.hold);
  client.reset(id);
}

/** Status of a call. */
async function statusOf(client: RawClient, id: number): Promise<string | undefined> {
  client.call(id, grpcFields(paths.unary), message);
  return (await client.response(id)).trailers.get('grpc-status');
}

describe('resetRate: past it new calls are refused, and nothing else', () => {
  const begun = async (
    limits: Partial<GrpcLimits>,
    { attacker }: { attacker: RawClient },
  ): Promise<number> => {
    const { burst } = limits.resetRate!;
    for (let count = 0; count <= burst; count++) cancelled(attacker, 2 * count + 1);
    await attacker.alive();
    return 2 * burst + 3;
  };

  void test('streams that are opened and reset (CVE-2023-44487)', async (t) => {
    const limits = { resetRate: twenty, pingIntervalMsMin: 0 };
    await underAttack(t, limits, async ({ join, held }) => {
      const attacker = await join();
      attacker.call(1, grpcFields(paths.hold), message);
      await held.until(1);
      for (let count = 0; count < 20; count++) cancelled(attacker, 2 * count + 3);
      openStream(attacker, 43, paths.chat);
      attacker.reset(43);
      attacker.call(45, grpcFields(paths.unary), message);
      const { trailers, data } = await attacker.response(45);
      assert.equal(trailers.get('grpc-status'), resourceExhausted);
      assert.match(trailers.get('grpc-message')!, /resetRate/);
      assert.equal(data.length, 0);
      // Those that were open before are served.
      held.answerAll();
      assert.deepEqual((await attacker.response(1)).data, grpcMessage(message));
    });
  });

  void test('calls that are answered make up for it', async (t) => {
    await underAttack(t, { resetRate: twenty, pingIntervalMsMin: 0 }, async ({ attacker, held }) => {
      for (const id of [1, 3]) attacker.call(id, grpcFields(paths.hold), message);
      await held.until(2);
      for (let id = 5; id < 47; id += 2) cancelled(attacker, id);
      assert.equal(await statusOf(attacker, 47), resourceExhausted);
      // To be refused is not to be served.
      assert.equal(await statusOf(attacker, 49), resourceExhausted);
      held.answerAll();
      for (const id of [1, 3]) await attacker.response(id);
      assert.equal(await statusOf(attacker, 51), '0');
    });
  });

  void test('time makes up for it', async (t) => {
    const limits = { resetRate: { burst: 3, perSecond: 1e6 }, pingIntervalMsMin: 0 };
    await underAttack(t, limits, async ({ attacker }) => {
      for (let id = 1; id < 41; id += 2) {
        cancelled(attacker, id);
        await attacker.alive();
      }
      assert.equal(await statusOf(attacker, 41), '0');
    });
  });

  void test('clients that are served may cancel as often again', async (t) => {
    const limits = { resetRate: twenty, uselessFrameRate: twenty, pingIntervalMsMin: 0 };
    await underAttack(t, limits, async ({ attacker }) => {
      for (let id = 1; id < 161; id += 4) {
        cancelled(attacker, id);
        assert.equal(await statusOf(attacker, id + 2), '0');
      }
    });
  });

  void test('a large answer that is thrown away counts for more', async (t) => {
    const limits = { resetRate: twenty, pingIntervalMsMin: 0 };
    await underAttack(t, limits, async ({ join }) => {
      const attacker = await join([['INITIAL_WINDOW_SIZE', 0]]);
      attacker.call(1, grpcFields(paths.sized), uint32(640 * 1024));
      await attacker.nextOf('HEADERS', 1);
      attacker.reset(1);
      attacker.headers(3, grpcFields(paths.missing));
      assert.equal((await attacker.response(3)).trailers.get('grpc-status'), resourceExhausted);
    });
  });

  void test('who goes on opening and resetting what is refused is cut off', async (t) => {
    const limits = { resetRate: twenty, uselessFrameRate: twenty, pingIntervalMsMin: 0 };
    await underAttack(t, limits, async (parts) => {
      const { attacker } = parts;
      const next = await begun(limits, parts);
      for (let count = 0; count < 20; count++) cancelled(attacker, next + 2 * count);
      await attacker.alive();
      cancelled(attacker, next + 40);
      await attacker.connectionError('ENHANCE_YOUR_CALM');
    });
  });
});

describe('frames that cross the end of a stream are no fault, however many', () => {
  const hundred = { burst: 100, perSecond: 0 };
  const callsAtOnce = 50;

  /** Hundreds of calls, some at a time; what `late` makes is sent for each when it has been answered. */
  async function answered(client: RawClient, late: (id: number) => Buffer): Promise<void> {
    for (let first = 1; first < 1200; first += 2 * callsAtOnce) {
      const ids = Array.from({ length: callsAtOnce }, (_none, at) => first + 2 * at);
      for (const id of ids) client.call(id, grpcFields(paths.unary), message);
      for (const id of ids) await client.response(id);
      client.write(...ids.map(late));
    }
    await client.alive();
  }

  void test('WINDOW_UPDATE', async (t) => {
    await underAttack(t, { uselessFrameRate: hundred, windowUpdateRate: hundred }, ({ attacker }) =>
      answered(attacker, (id) =>
        Buffer.concat(new Array<Buffer>(2).fill(frame('WINDOW_UPDATE', 0, id, uint32(6)))),
      ),
    );
  });

  void test('RST_STREAM', async (t) => {
    await underAttack(t, { uselessFrameRate: hundred }, ({ attacker }) =>
      answered(attacker, (id) => frame('RST_STREAM', 0, id, uint32(errorCodes.CANCEL))),
    );
  });

  void test('uploads to which the answer is an early error', async (t) => {
    const openMax = 16;
    const { port } = await serveEcho(t, {
      limits: { streamsPerConnectionMax: openMax, uselessFrameRate: hundred },
    });
    const client = await RawClient.ready(port);
    t.after(() => client.close());
    const part = Buffer.alloc(1000);
    const open: number[] = [];
    /** Until the client has the answer it goes on; then it resets the stream, or ends it as if nothing were. */
    const finish = async (id: number): Promise<void> => {
      client.data(id, part);
      await client.nextOf('RST_STREAM', id);
      if (id % 4 === 1) client.data(id, part, END_STREAM);
      else client.reset(id, 'NO_ERROR');
    };
    for (let id = 1; id < 1001; id += 2) {
      openStream(client, id, paths.missing);
      client.data(id, part);
      if (open.push(id) === openMax) await finish(open.shift()!);
    }
    for (const id of open) await finish(id);
    await client.alive();
  });
});
