import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { BoundMethod } from '../base/rpc.js';
import { HpackEncoder } from './hpack/encoder.js';
import { grpcLimitDefaults } from './limits.js';
import { grpcFields } from './testing/echo-server.js';
import { END_HEADERS, END_STREAM, frame, grpcMessage } from './testing/frames.js';
import { connectionTarget } from './testing/fuzz/connection-target.js';
import { readCorpus } from './testing/fuzz/corpus.js';
import { fuzz } from './testing/fuzz/fuzzer.js';
import { readAnswers } from './testing/fuzz/peer-view.js';
import { fuzzTargets } from './testing/fuzz/targets.js';
import { MemoryServer } from './testing/memory-server.js';
import { MemorySocket } from './testing/memory-socket.js';

/** The corpus and a little more; `npm run fuzz` does the rest. KVORUM_FUZZ_SEED replays or varies it. */
const seed = Number(process.env['KVORUM_FUZZ_SEED'] ?? 1);
const inputs = 6000;
const stateless = new HpackEncoder({ dynamicTableSizeBytesMax: 0 });

describe('fuzzing', () => {
  for (const { target, share } of fuzzTargets) {
    void test(`${target.name}, seed ${seed}`, async () => {
      const found = await fuzz({ target, seed, inputs: inputs * share, corpus: readCorpus(target) });
      assert.ok(found.size > 10, `only ${found.size} outcomes: the inputs do not get far`);
    });
  }

  test('calls whose messages wait for busy threads to unpack them are not left behind', async () => {
    const threads = Array.from(
      { length: 8 },
      () => new Promise((resolve) => pbkdf2('secret', 'salt', 200_000, 64, 'sha512', resolve)),
    );
    await connectionTarget.run(connectionTarget.seeds);
    await Promise.all(threads);
  });

  test('an input that fails is told, so that it can be replayed', async () => {
    const [{ target }] = fuzzTargets as [(typeof fuzzTargets)[0]];
    const failing = {
      ...target,
      run: (batch: readonly Buffer[]): string[] =>
        batch.map((input) => {
          assert.ok(input.length !== 7);
          return 'fine';
        }),
    };
    const run = fuzz({ target: failing, seed, inputs: 100_000, corpus: [] });
    await assert.rejects(
      run,
      /^FuzzFailure: frames, seed 1: npm run fuzz -- --target frames --input [0-9a-f]{14}$/,
    );
  });

  test('inputs that fail only together are told one by one', async () => {
    const [{ target }] = fuzzTargets as [(typeof fuzzTargets)[0]];
    const failing = {
      ...target,
      seeds: [Buffer.of(1), Buffer.of(2)],
      run: (batch: readonly Buffer[]): string[] => {
        assert.equal(batch.length, 1);
        return ['fine'];
      },
    };
    const run = fuzz({ target: failing, seed, inputs: 0, corpus: [] });
    await assert.rejects(run, /--target frames --input 01 --input 02$/);
  });

  test('what was sent may end anywhere where a client that takes nothing is cut off, and nowhere else', async () => {
    const answer: BoundMethod = { kind: 'unary', name: 'Echo', call: (request) => request };
    const server = new MemoryServer(grpcLimitDefaults, [answer], () => assert.fail('a bug'));
    const socket = new MemorySocket();
    socket.stalled = true;
    server.connect(socket);
    const block = stateless.encode(grpcFields('/test.Echo/Echo'));
    const input = Buffer.concat([
      frame('SETTINGS', 0, 0),
      frame('HEADERS', END_HEADERS, 1, block),
      frame('DATA', END_STREAM, 1, grpcMessage(Buffer.alloc(10_000))),
    ]);
    const closed = once(socket, 'close');
    socket.push(input);
    // The greeting and the head of the answer are on their way, its message waits.
    while (socket.writableLength < 10_000) await new Promise((resolve) => setImmediate(resolve));
    socket.push(frame('PING', 0, 0, Buffer.alloc(8)).subarray(0, 5));
    socket.push(null);
    await closed;
    assert.ok(socket.cutShort);
    const output = Buffer.concat(socket.sent);
    readAnswers(input, output, { asked: false, cutShort: socket.cutShort });
    assert.throws(() => readAnswers(input, output, { asked: false, cutShort: false }), /within a frame/);
  });
});
