import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { readCorpus, writeCorpus } from '../src/grpc/testing/fuzz/corpus.js';
import { fuzz, FuzzFailure } from '../src/grpc/testing/fuzz/fuzzer.js';
import type { FuzzTarget } from '../src/grpc/testing/fuzz/target.js';
import { fuzzTargets } from '../src/grpc/testing/fuzz/targets.js';
import { checkGrowth } from '../test/parsers/growth.js';
import { parserTarget } from '../test/parsers/parser-target.js';
import { parsers } from '../test/parsers/parsers.js';

/**
 * Feeds the gRPC server's frames, header blocks, messages and whole connections, and every parser of what comes from
 * elsewhere, with mutated inputs; then parsers with what is repeated again and again. An input fails when it does what
 * must not happen, and when its time is out of proportion to its length.
 *
 *     npm run fuzz -- [--inputs 1000000] [--seed N] [--target NAME] [--input HEX]... [--keep]
 *
 * The same seed gives the same inputs; --input runs one, several of them together; --keep writes what was found to
 * the corpus.
 */
const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    target: { type: 'string' },
    input: { type: 'string', multiple: true },
    keep: { type: 'boolean', default: false },
  },
});

/** What a target may hold on to at its end beyond what it held after a tenth, its pool of inputs apart. */
const grownBytesMax = 32 * 1024 * 1024;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heldBytes(): number {
  // The second one ends what the first one has begun: memory of buffers is given back behind it.
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function run(target: FuzzTarget, inputs: number, seed: number): Promise<void> {
  const began = performance.now();
  let heldEarlyBytes: number | undefined;
  const found = await fuzz({
    target,
    seed,
    inputs,
    corpus: readCorpus(target),
    progress: (ran) => {
      if (ran >= inputs / 10) heldEarlyBytes ??= heldBytes();
    },
  });
  const outcomes = found.size;
  if (values.keep) writeCorpus(target, found);
  found.clear();
  const grownBytes = heldBytes() - (heldEarlyBytes ?? 0);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  const grownMiB = (grownBytes / 1024 / 1024).toFixed(1);
  console.log(
    `${target.name}: ${inputs} inputs in ${seconds} s, ${outcomes} outcomes, ${grownMiB} MiB more held`,
  );
  if (grownBytes > grownBytesMax) throw new Error(`${target.name} keeps memory`);
}

/** Repeated fragments grow to this. */
const grownSizeBytesMax = 1024 * 1024;

const chosen = [...fuzzTargets, { target: parserTarget, share: 0.2 }].filter(
  ({ target }) => values.target === undefined || target.name === values.target,
);
const share = chosen.reduce((sum, each) => sum + each.share, 0);
const seed = Number(values.seed);
console.log(`seed ${seed}`);

let failed = 0;
for (const each of chosen) {
  try {
    const given = values.input?.map((hex) => Buffer.from(hex, 'hex'));
    if (given !== undefined) console.log(await each.target.run(given));
    else await run(each.target, Math.round((Number(values.inputs) * each.share) / share), seed);
  } catch (error) {
    failed++;
    console.error(error instanceof FuzzFailure ? [error.message, error.cause] : error);
  }
}
if (values.input === undefined && (values.target === undefined || values.target === parserTarget.name)) {
  for (const parser of parsers) {
    try {
      await checkGrowth(parser, grownSizeBytesMax);
    } catch (error) {
      failed++;
      console.error(error);
    }
  }
}
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 || chosen.length === 0 ? 1 : 0;
