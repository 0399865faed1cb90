import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Prng } from '../src/base/prng.js';
import type { FlagSpec } from '../src/cli/flags.js';
import { RealClock } from '../src/ports/real-clock.js';
import { LmdbBackend, type LmdbBackendOptions } from '../src/storage/backend/lmdb-backend.js';
import { flagLines } from './report/flag-lines.js';
import { runProgram } from './report/run-program.js';

/**
 * Fills a state, removes most of it, and shows how its file gets smaller, and what that does to a light load: 1,000
 * puts a second, each committed by itself.
 */
const flags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  {
    name: 'mib',
    kind: 'number',
    default: '300',
    value: 'N',
    summary: 'of rows, before most are removed; 300',
    min: 1,
  },
  {
    name: 'kept',
    kind: 'number',
    default: '20',
    value: 'N',
    summary: 'one row in so many is kept; 20',
    min: 1,
  },
];

const valueSizeBytes = 1000;
const mib = 1024 * 1024;
const quietSeconds = 5;
const settleMs = 1000;

const keyOf = (at: number): Uint8Array => Buffer.from(`key-${String(at).padStart(12, '0')}`);

/** Another order than that of the keys, so that pages are used as they come. */
function shuffled(count: number): number[] {
  const random = new Prng(1);
  const order = Array.from({ length: count }, (_, at) => at);
  for (let at = count - 1; at > 0; at--) {
    const other = random.nextUint32() % (at + 1);
    [order[at], order[other]] = [order[other]!, order[at]!];
  }
  return order;
}

async function fill(folder: string, count: number, kept: number): Promise<void> {
  const backend = await LmdbBackend.open(folder, { clock: new RealClock() });
  const order = shuffled(count);
  let index = 0;
  const each = async (change: (at: number) => void): Promise<void> => {
    for (const at of order) {
      change(at);
      if (++index % 256 !== 0) continue;
      backend.commit({ index, term: 1 });
      if (backend.backlogSizeBytes > 16 * mib) await backend.flush();
    }
  };
  await each((at) => backend.put('current', keyOf(at), Buffer.alloc(valueSizeBytes, at)));
  await each((at) => {
    if (at % kept !== 0) backend.delete('current', keyOf(at));
  });
  backend.commit({ index: index + 1, term: 1 });
  await backend.close();
}

interface Figures {
  readonly seconds: number;
  readonly loopP99Ms: number;
  readonly loopMaxMs: number;
  readonly flushMaxMs: number;
}

/** A light load until `done` resolves. */
async function measure(backend: LmdbBackend, keys: number, done: Promise<unknown>): Promise<Figures> {
  const loop = monitorEventLoopDelay({ resolution: 1 });
  const random = new Prng(2);
  let ended = false;
  let flushMaxMs = 0;
  let oldestMs: number | undefined;
  backend.onFlushed(() => {
    flushMaxMs = Math.max(flushMaxMs, performance.now() - (oldestMs ?? performance.now()));
    oldestMs = backend.flushed.index < backend.applied.index ? performance.now() : undefined;
  });
  const began = performance.now();
  const over = done.then(() => (ended = true));
  const isOver = (): boolean => ended;
  loop.enable();
  for (let puts = 0; !isOver(); puts++) {
    backend.put('current', keyOf(random.nextUint32() % keys), Buffer.alloc(valueSizeBytes, puts));
    backend.commit({ index: backend.applied.index + 1, term: 1 });
    oldestMs ??= performance.now();
    await Promise.race([over, delay(Math.max(0, began + puts - performance.now()))]);
  }
  loop.disable();
  const seconds = (performance.now() - began) / 1000;
  return { seconds, loopP99Ms: loop.percentile(99) / 1e6, loopMaxMs: loop.max / 1e6, flushMaxMs };
}

function print(name: string, figures: Figures): void {
  const { seconds, loopP99Ms, loopMaxMs, flushMaxMs } = figures;
  const loop = `event loop held up p99 ${loopP99Ms.toFixed(1)} ms, longest ${loopMaxMs.toFixed(1)} ms`;
  process.stdout.write(
    `${name.padEnd(16)}${seconds.toFixed(1)} s; ${loop}; longest way to disk ${flushMaxMs.toFixed(0)} ms\n`,
  );
}

async function run(folder: string, count: number, kept: number): Promise<void> {
  await fill(folder, count, kept);
  const options: Pick<LmdbBackendOptions, 'clock'> = { clock: new RealClock() };
  const quiet = await LmdbBackend.open(folder, options);
  process.stdout.write(`file before      ${(quiet.sizeBytes() / mib).toFixed(1)} MiB\n`);
  print('left alone', await measure(quiet, count / kept, delay(quietSeconds * 1000)));
  await quiet.close();
  let reported: (outcome: string) => void = () => {};
  const done = new Promise<string>((resolve) => (reported = resolve));
  const backend = await LmdbBackend.open(folder, {
    ...options,
    shrink: { intervalMs: settleMs },
    onShrink: ({ outcome, reason }) => reported(reason ?? outcome),
  });
  await delay(settleMs / 2);
  print('made smaller', await measure(backend, count / kept, done));
  process.stdout.write(`file after       ${(backend.sizeBytes() / mib).toFixed(1)} MiB (${await done})\n`);
  await backend.close();
}

const help = (): string => `node dist/bench/shrink.js [flags]\n\n${flagLines(flags)}`;

await runProgram(flags, help, async (values) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-shrink-'));
  try {
    const count = Math.floor((values.number('mib') * mib) / valueSizeBytes);
    await run(folder, count, values.number('kept'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
