import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { Prng, randomInt, type RandomSource } from '../../base/prng.js';
import { itHoldsForSeeds } from '../../base/testing/seeds.js';
import { DiskError } from '../../ports/disk.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { owner, small, WalHistory } from './testing/history.js';
import { Wal, type WalOptions } from './wal.js';

/** How a life ends, at a random one of its disk operations. */
type End = 'power-loss' | 'kill' | 'fault';

/** Lets `disk` go on for a random number of operations; the promise tells when they are over. */
function endWithin(disk: MemoryDisk, operationsMax: number, end: End, random: RandomSource): Promise<void> {
  let left = randomInt(random, operationsMax);
  disk.damage = new Prng(random.nextUint32());
  return new Promise((resolve) => {
    disk.faults = (operation, path) => {
      if (left-- > 0) return undefined;
      if (end !== 'fault') {
        resolve();
        return new Promise(() => {});
      }
      return operation === 'read' || operation === 'list'
        ? undefined
        : new DiskError(randomInt(random, 2) === 0 ? 'full' : 'failed', `${operation} ${path}: no more`);
    };
  });
}

/** What the next life finds. */
function after(disk: MemoryDisk, end: End, random: RandomSource): MemoryDisk {
  return end === 'power-loss' ? disk.crash(random) : disk.kill();
}

async function scribble(wal: Wal, history: WalHistory, random: RandomSource): Promise<void> {
  const steps = 1 + randomInt(random, 80);
  for (let step = 0; step < steps; step++) await history.step(wal, random);
  await history.settle();
}

/** Opens what is there; the attempts before the last one are cut short themselves. */
async function reopen(
  left: MemoryDisk,
  random: RandomSource,
  options: Partial<WalOptions>,
): Promise<{ disk: MemoryDisk } & Awaited<ReturnType<typeof Wal.open>>> {
  let disk = left;
  while (randomInt(random, 3) === 0) {
    const end: End = randomInt(random, 2) === 0 ? 'power-loss' : 'kill';
    const ended = endWithin(disk, 12, end, random);
    await Promise.race([Wal.open(disk, 'wal', options, owner), ended]);
    disk = after(disk, end, random);
  }
  return { disk, ...(await Wal.open(disk, 'wal', options, owner)) };
}

/** In which of its four lives a log has the newest format; before that, the one before. */
function upgradeLifeOf(seed: number): number {
  return 1 + (seed % 5);
}

async function live(seed: number): Promise<void> {
  const random = new Prng(seed);
  const optionsIn = (life: number): Partial<WalOptions> => ({
    ...small,
    format: life < upgradeLifeOf(seed) ? 1 : 2,
  });
  let disk = new MemoryDisk();
  let wal = await Wal.create(disk, 'wal', optionsIn(1), owner);
  let history = new WalHistory();
  for (let life = 1; life <= 4; life++) {
    const end = (['power-loss', 'kill', 'fault'] as const)[randomInt(random, 3)]!;
    const ended = endWithin(disk, 150, end, random);
    const done = scribble(wal, history, random).catch((error: unknown) => {
      if (!(error instanceof DiskError)) throw error;
    });
    await Promise.race([done, ended]);
    disk.faults = () => undefined;
    if (end === 'fault') await wal.close();
    const opened = await reopen(after(disk, end, random), random, optionsIn(life + 1));
    assert.ok(history.allows(opened.recovered), `life ${life}, ended by ${end}: ${history.describe}`);
    // What was read is acknowledged from now on, and must be so after any other end.
    history = new WalHistory(opened.recovered);
    ({ disk, wal } = opened);
  }
}

describe('the log, when its life ends anywhere', () => {
  itHoldsForSeeds('keeps what was acknowledged, and invents nothing', 250, [211821947], live);
});
