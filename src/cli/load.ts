import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Prng, randomInt } from '../base/prng.js';
import { KvorumError, type ErrorCode, type KvorumClient } from '../client/index.js';

export interface Load {
  /** Requests at a time. */
  readonly clients: number;
  /** Before the measurement, under the same load. */
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Different keys, chosen at random. */
  readonly keys: number;
  readonly valueSizeBytes: number;
  readonly readsPercent: number;
  readonly seed: number;
}

export type LoadKind = 'get' | 'set';

export interface LoadFigures {
  /** From the end of the warm-up to the last answer. */
  readonly durationMs: number;
  /** Latencies in microseconds, to three digits. */
  readonly answered: ReadonlyMap<LoadKind, RecordableHistogram>;
  readonly failed: ReadonlyMap<ErrorCode, number>;
}

/** After an error, which may come at once, so that a loop of errors leaves the process time for answers. */
const errorPauseMs = 10;

type LoadClient = Pick<KvorumClient, 'get' | 'set'>;

export function loadKey(at: number): string {
  return `bench/${at}`;
}

/** Sets every key once, so that what is read is there. */
export async function fillKeys(client: LoadClient, load: Load, signal?: AbortSignal): Promise<void> {
  const value = 'x'.repeat(load.valueSizeBytes);
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < load.keys && signal?.aborted !== true) await client.set(loadKey(next++), value);
  };
  await Promise.all(Array.from({ length: load.clients }, one));
}

/**
 * A closed loop: each of the clients sends its next request when its last is answered, so a slow cluster is asked
 * less. Counted is every request that began within the measurement, however late its answer came.
 *
 * @param signal ends the measurement early
 * @param nowMs a clock that never goes back
 */
export async function runLoad(
  client: LoadClient,
  load: Load,
  signal?: AbortSignal,
  nowMs = () => performance.now(),
): Promise<LoadFigures> {
  const { clients, warmUpMs, durationMs, keys, readsPercent } = load;
  const random = new Prng(load.seed);
  const value = 'x'.repeat(load.valueSizeBytes);
  const answered = new Map<LoadKind, RecordableHistogram>();
  const failed = new Map<ErrorCode, number>();
  const measureFromMs = nowMs() + warmUpMs;
  const endMs = measureFromMs + durationMs;

  const one = async (): Promise<void> => {
    for (;;) {
      const beganMs = nowMs();
      if (beganMs >= endMs || signal?.aborted === true) return;
      const kind = randomInt(random, 100) < readsPercent ? 'get' : 'set';
      const key = loadKey(randomInt(random, keys));
      const error = await outcome(kind === 'get' ? client.get(key) : client.set(key, value));
      if (beganMs < measureFromMs) {
        if (error !== undefined) await delay(errorPauseMs);
        continue;
      }
      if (error === undefined) {
        const histogram = answered.get(kind) ?? createHistogram();
        answered.set(kind, histogram);
        histogram.record(Math.max(1, Math.round((nowMs() - beganMs) * 1000)));
      } else {
        failed.set(error, (failed.get(error) ?? 0) + 1);
        await delay(errorPauseMs);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, one));
  return { durationMs: Math.max(1, nowMs() - measureFromMs), answered, failed };
}

/** @returns the error's code, undefined after an answer */
async function outcome(call: Promise<unknown>): Promise<ErrorCode | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    if (error instanceof KvorumError) return error.code;
    throw error;
  }
}
