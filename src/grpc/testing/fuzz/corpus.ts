import { readFileSync, writeFileSync } from 'node:fs';
import type { FuzzTarget } from './target.js';

/** The compiled code stands in dist; the corpus stays beside the source. */
function fileOf(target: FuzzTarget): URL {
  return new URL(`../../../../../src/grpc/testing/fuzz/corpus/${target.name}.txt`, import.meta.url);
}

/** What is kept of a long run. */
const keptMax = 150;
const keptSizeBytesMax = 300;

const failuresHead = '# Inputs that have failed once.';
const outcomesHead = '# Short inputs with different outcomes.';

/** An input a line, as hex; lines that begin with "#" are comments. */
export function readCorpus(target: FuzzTarget): Buffer[] {
  return inputsOf(readFileSync(fileOf(target), 'utf8'));
}

function inputsOf(text: string): Buffer[] {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line) => Buffer.from(line, 'hex'));
}

/** Puts what a run has found in place of what an earlier one had; inputs that have failed stay. */
export function writeCorpus(target: FuzzTarget, found: ReadonlyMap<string, Buffer | undefined>): void {
  const [failures = ''] = readFileSync(fileOf(target), 'utf8').split(outcomesHead);
  const short = [...found.values()].filter(
    (input) => input !== undefined && input.length <= keptSizeBytesMax,
  );
  const kept = short.sort((left, right) => left!.length - right!.length).slice(0, keptMax);
  const lines = [failuresHead, ...inputsOf(failures), outcomesHead, ...kept];
  const text = lines.map((line) => (typeof line === 'string' ? line : line!.toString('hex')));
  writeFileSync(fileOf(target), `${text.join('\n')}\n`);
}
