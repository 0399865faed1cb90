import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCorpus } from '../../src/grpc/testing/fuzz/corpus.js';
import { fuzz } from '../../src/grpc/testing/fuzz/fuzzer.js';
import { checkGrowth } from './growth.js';
import { parserTarget } from './parser-target.js';
import { parsers } from './parsers.js';

/** Replays or varies what is mutated. */
const seed = Number(process.env['KVORUM_FUZZ_SEED'] ?? 1);

describe('parsers take time in proportion to their input', () => {
  for (const parser of parsers) {
    it(parser.name, () => checkGrowth(parser, 64 * 1024));
  }

  it(`whatever it is, seed ${seed}`, async () => {
    const found = await fuzz({ target: parserTarget, seed, inputs: 2000, corpus: readCorpus(parserTarget) });
    assert.ok(found.size > 10, `only ${found.size} outcomes: the inputs do not get far`);
  });

  it('and who does not is found out', async () => {
    const squares = {
      name: 'squares',
      parse: (input: Buffer) => {
        let sum = 0;
        for (const octet of input) for (const other of input) sum += octet * other;
        return sum;
      },
    };
    await assert.rejects(
      checkGrowth(squares, 64 * 1024),
      /^Error: squares, .* took \d+ ms of processor time$/,
    );
    const doubling = {
      name: 'doubling',
      parse: (input: Buffer) => busy(Math.min(2 ** (input.length / 2), 2 ** 40)),
    };
    await assert.rejects(checkGrowth(doubling, 64 * 1024), /^Error: doubling, /);
  });
});

function busy(steps: number): number {
  let sum = 0;
  for (let step = 0; step < steps; step++) sum += step % 7;
  return sum;
}
