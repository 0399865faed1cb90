import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { OutgoingSnapshot } from '../ports/peers.js';
import { VirtualClock } from '../ports/virtual-clock.js';
import { encodeFrame, FrameParser } from './frame.js';
import { aliveIntervalMs, FrameLine, progressTimeoutMs } from './frame-line.js';
import { ignoring, notListening, other, self } from './testing/callers.js';

const alive = encodeFrame((writer) => writer.uint8(9));

interface Pair {
  readonly clock: VirtualClock;
  readonly line: FrameLine;
  /** The other end. */
  readonly socket: Socket;
}

async function pair(t: TestContext): Promise<Pair> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [own] = await accepted;
  t.after(() => {
    for (const each of [own, socket]) each.destroy();
    server.close();
  });
  const clock = new VirtualClock();
  return { clock, socket, line: new FrameLine({ socket: own, parser: new FrameParser(1000) }, clock, alive) };
}

void test('an end that has nothing to say says that it is there', async (t) => {
  const { clock, socket } = await pair(t);
  for (let times = 0; times < 3; times++) {
    const heard = once(socket, 'data') as Promise<[Buffer]>;
    clock.advance(aliveIntervalMs);
    assert.deepEqual(new Uint8Array((await heard)[0]), new Uint8Array(alive));
  }
});

void test('who waits does so for as long as anything is heard, and no longer', async (t) => {
  const { clock, socket, line } = await pair(t);
  for (let times = 0; times < 10; times++) {
    const next = line.next();
    clock.advance(progressTimeoutMs - aliveIntervalMs);
    socket.write(alive);
    assert.deepEqual([...(await next)], [9]);
  }
  const never = assert.rejects(line.next(), /nothing was heard for 30000 ms/);
  clock.advance(progressTimeoutMs + aliveIntervalMs);
  await never;
});

void test('who does not wait takes nobody for dead, however long that is', async (t) => {
  const { clock, socket, line } = await pair(t);
  clock.advance(10 * progressTimeoutMs);
  socket.write(alive);
  assert.deepEqual([...(await line.next())], [9]);
});

void test('a sender does not give up while the receiver makes it durable, for minutes', async (t) => {
  const clock = new VirtualClock();
  const [one, two] = [
    notListening({ clock }),
    notListening({ clock, identity: { ...other, address: '127.0.0.1:2' } }),
  ];
  t.after(() => Promise.all([one.close(), two.close()]));
  let finish = (): void => {};
  const finishing = new Promise<void>((begun) => {
    const ended = new Promise<void>((resolve) => {
      finish = resolve;
    });
    void two.start({
      ...ignoring(() => {}),
      incomingSnapshot: () =>
        Promise.resolve({
          place: { chunks: 0, sum: 0 },
          write: () => Promise.resolve(),
          suspend: () => Promise.resolve(),
          finish: () => {
            begun();
            return ended;
          },
        }),
    });
  });
  await one.start(ignoring(() => {}));
  one.setMembers(new Map([[other.memberId, `127.0.0.1:${two.port}`]]));
  const config = {
    voters: [self.memberId],
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    autoLeave: false,
  };
  const transfer: OutgoingSnapshot = {
    offer: {
      ...{ id: 1n, sizeBytesEstimated: 0, featureLevel: 1 },
      meta: { index: 9, term: 2, configIndex: 1, config },
    },
    resume: () => {},
    next: () => ({ chunks: 0, sum: 0, rows: 0 }),
    taken: () => {},
    signal: new AbortController().signal,
  };
  let ended = false;
  const sent = one.sendSnapshot(other.memberId, transfer).finally(() => {
    ended = true;
  });
  // The streams wait for turns of the clock.
  const turns = setInterval(() => clock.advance(0), 1);
  await finishing;
  clearInterval(turns);
  for (let passedMs = 0; passedMs < 10 * 60_000; passedMs += aliveIntervalMs) {
    clock.advance(aliveIntervalMs);
    // What was said arrives.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(ended, false);
  }
  finish();
  await sent;
});
