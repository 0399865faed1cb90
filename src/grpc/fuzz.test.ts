import assert from 'node:assert/strict';
import { pbkdf2 } from 'node:crypto';
import { describe, test } from 'node:test';
import { connectionTarget } from './testing/fuzz/connection-target.js';
import { readCorpus } from './testing/fuzz/corpus.js';
import { fuzz } from './testing/fuzz/fuzzer.js';
import { fuzzTargets } from './testing/fuzz/targets.js';

/** The corpus and a little more; `npm run fuzz` does the rest. KVORUM_FUZZ_SEED replays or varies it. */
const seed = Number(process.env['KVORUM_FUZZ_SEED'] ?? 1);
const inputs = 6000;

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
});
