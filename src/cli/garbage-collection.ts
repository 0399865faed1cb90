import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { availableMemoryBytes } from '../server/available-memory.js';

/** How much more than what is alive may gather before V8 walks the whole heap; of its own accord it allows 20 MiB. */
const growthPercent = 300;

const mebibyte = 1024 * 1024;
const smallMachineBytes = 1024 * mebibyte;
const intervalMs = 1000;
/** Between two walks that are asked for. */
const pauseMs = 5000;
/** Connections that are over are read on for ten seconds: a heap that is still large behind a walk is walked once more. */
const againMs = 15_000;
/** Clients that held so much more have gone: V8 would keep it until as much again is needed. */
const releasedBytesMin = 32 * mebibyte;
/** Garbage that may stand, beside what is alive. Large answers make much, each of it outside V8's heap. */
const garbageBytesMax = 256 * mebibyte;
const garbageShareMax = 1 / 8;
/**
 * A walk that is asked for stops the process, for a millisecond or more for each MiB of objects that are alive. So it is
 * asked for where there can be few: the heap is small, or clients hold little. Otherwise V8 walks of its own accord, step
 * by step. Buffers are not in the heap.
 */
const heapSizeBytesMax = 64 * mebibyte;
const heldBytesMax = 32 * mebibyte;
/** A heap that is as large as this is not let grow to four times its size. */
const largeHeapSizeBytes = 128 * mebibyte;
const largeGrowthPercent = 50;

/**
 * Entries and rows on their way to disk lie in buffers beside a heap of some 20 MiB. V8 counts them as its growth, and
 * under load would walk the heap twice a second: a fifth of a server's work, and pauses of some 10 ms.
 */
export function collectLessOften(): void {
  if (!isSmallMachine()) setGrowth(growthPercent);
}

/** There time is spent rather than memory: four times what is alive would be more than there is. */
function isSmallMachine(): boolean {
  return availableMemoryBytes() < smallMachineBytes;
}

function setGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}

/**
 * Gives back memory that clients made the server hold and left: V8, told to walk the heap less often, would wait until
 * four times as much has gathered, more than a small machine has.
 *
 * @param heldBytes what clients make the server hold now
 * @returns ends that
 */
export function collectWhatIsLeft(heldBytes: () => number): () => void {
  const watch = new GarbageWatch(Math.min(garbageBytesMax, availableMemoryBytes() * garbageShareMax));
  const collect = collector();
  const mayGrow = !isSmallMachine();
  let isLarge = false;
  const timer = setInterval(() => {
    // Not process.memoryUsage(), which opens a file: it throws when no file descriptor is left.
    const { used_heap_size: heapUsed, external_memory: external } = getHeapStatistics();
    if (heapUsed > largeHeapSizeBytes !== isLarge && mayGrow) {
      isLarge = !isLarge;
      setGrowth(isLarge ? largeGrowthPercent : growthPercent);
    }
    if (watch.look(performance.now(), heldBytes(), { heapUsed, external })) void collect();
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** In bytes; alive and garbage together. */
export type MemoryUsed = Readonly<Record<'heapUsed' | 'external', number>>;

/** Says when the heap should be walked. */
export class GarbageWatch {
  readonly #garbageBytesMax: number;
  #collectedMs = -Infinity;
  /** Since the last walk: the most that was held, and the least that was used. */
  #heldBytesMost = 0;
  #usedBytesLeast = Infinity;
  #again = false;

  constructor(sizeBytesMax: number) {
    this.#garbageBytesMax = sizeBytesMax;
  }

  look(nowMs: number, heldBytes: number, { heapUsed, external }: MemoryUsed): boolean {
    const usedBytes = heapUsed + external;
    this.#heldBytesMost = Math.max(this.#heldBytesMost, heldBytes);
    this.#usedBytesLeast = Math.min(this.#usedBytesLeast, usedBytes);
    if (nowMs - this.#collectedMs < pauseMs) return false;
    if (heapUsed > heapSizeBytesMax && heldBytes > heldBytesMax) return false;
    const isReleased = this.#heldBytesMost - heldBytes >= releasedBytesMin;
    const isGrown = usedBytes - this.#usedBytesLeast >= this.#garbageBytesMax;
    const isDueAgain = this.#again && heapUsed > largeHeapSizeBytes && nowMs - this.#collectedMs >= againMs;
    if (!isReleased && !isGrown && !isDueAgain) return false;
    this.#again = isReleased;
    this.#collectedMs = nowMs;
    this.#heldBytesMost = heldBytes;
    // What is alive shows when it has been walked.
    this.#usedBytesLeast = Infinity;
    return true;
  }
}

type Collect = (options: { readonly type: 'major'; readonly execution: 'async' }) => Promise<void>;

function collector(): () => Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  return () => collect({ type: 'major', execution: 'async' });
}
