import { setTimeout as delay } from 'node:timers/promises';
import type { ClusterId } from '../base/ids.js';
import { KvorumError, type CallOptions, type KvorumClient } from '../client/index.js';
import { CommandError, exitCodeOf, exitCodes } from './exit-codes.js';
import type { Pair } from './pair-lines.js';

/** Sets on their way. They are acknowledged in any order; what counts is how many are in a row. */
const setsInFlightMax = 1024;
const setsInFlightSizeBytesMax = 32 * 1024 * 1024;
const retryPauseMs = 100;

interface Sent {
  readonly line: number;
  readonly sizeBytes: number;
  readonly done: Promise<void>;
}

/** Sets pairs, many at a time, each key in the order of its lines, until each is acknowledged. */
export class Importer {
  readonly #client: Pick<KvorumClient, 'set' | 'clusterId'>;
  readonly #timeoutMs: number;
  readonly #retryForMs: number;
  readonly #lastOfKey = new Map<string, Promise<void>>();
  /** In the order of the lines. */
  readonly #window: Sent[] = [];
  #windowSizeBytes = 0;
  #acknowledgedLine: number;
  #stopping = false;

  /**
   * @param acknowledgedLine the last line that needs no import
   * @param times.timeoutMs of one attempt
   * @param times.retryForMs how long a set is tried while the cluster cannot serve; 0: once
   */
  constructor(
    client: Pick<KvorumClient, 'set' | 'clusterId'>,
    acknowledgedLine: number,
    times: { readonly timeoutMs: number; readonly retryForMs: number },
  ) {
    this.#client = client;
    this.#acknowledgedLine = acknowledgedLine;
    this.#timeoutMs = times.timeoutMs;
    this.#retryForMs = times.retryForMs;
  }

  /** All lines up to this one are acknowledged. */
  get acknowledgedLine(): number {
    return this.#acknowledgedLine;
  }

  /** That has acknowledged them; undefined: it does not say. */
  get cluster(): ClusterId | undefined {
    return this.#client.clusterId;
  }

  /** Resolves when there is room for the next. Rejects with CommandError when a line before could not be set. */
  async add(line: number, pair: Pair): Promise<void> {
    const key = typeof pair.key === 'string' ? pair.key : Buffer.from(pair.key).toString();
    const before = this.#lastOfKey.get(key);
    const done = (before ?? Promise.resolve()).then(() => this.#set(line, pair));
    this.#lastOfKey.set(key, done);
    const forget = (): void => {
      if (this.#lastOfKey.get(key) === done) this.#lastOfKey.delete(key);
    };
    // It is awaited in the order of the lines; until then nobody must be told of it as unhandled.
    done.then(forget, forget);
    const sizeBytes = pair.key.length + pair.value.length;
    this.#windowSizeBytes += sizeBytes;
    this.#window.push({ line, sizeBytes, done });
    while (this.#window.length >= setsInFlightMax || this.#windowSizeBytes >= setsInFlightSizeBytesMax) {
      await this.#settleOldest();
    }
  }

  async finish(): Promise<void> {
    while (this.#window.length > 0) await this.#settleOldest();
  }

  /** Tries nothing again from now on. */
  giveUp(): void {
    this.#stopping = true;
  }

  /** Gives up, and waits for what is on its way. */
  async stop(): Promise<void> {
    this.giveUp();
    await this.finish().catch(() => {});
    await Promise.allSettled(this.#window.map(({ done }) => done));
  }

  async #settleOldest(): Promise<void> {
    const oldest = this.#window[0];
    if (oldest === undefined) return;
    // A line that failed stays the oldest: nothing behind it counts.
    await oldest.done;
    this.#window.shift();
    this.#windowSizeBytes -= oldest.sizeBytes;
    this.#acknowledgedLine = oldest.line;
  }

  /** Each attempt ends with the time, unless there is to be one only. */
  #optionsFor(leftMs: number): CallOptions {
    if (this.#retryForMs === 0) return {};
    return { timeoutMs: Math.max(1, Math.min(this.#timeoutMs, leftMs)) };
  }

  /** Setting a pair again does no harm, so an unknown outcome is asked for again too. */
  async #set(line: number, pair: Pair): Promise<void> {
    const deadlineMs = performance.now() + this.#retryForMs;
    const leftMs = (): number => deadlineMs - performance.now();
    for (;;) {
      try {
        await this.#client.set(pair.key, pair.value, this.#optionsFor(leftMs()));
        return;
      } catch (error) {
        if (mayPass(error) && leftMs() > 0 && !this.#stopping) {
          await delay(Math.min(retryPauseMs, leftMs()));
          continue;
        }
        const reason = error instanceof Error ? error.message : String(error);
        throw new CommandError(exitCodeOf(error), `line ${line}: ${reason}`, { cause: error });
      }
    }
  }
}

function mayPass(error: unknown): boolean {
  if (!(error instanceof KvorumError)) return false;
  const code = exitCodeOf(error);
  return code === exitCodes.unavailable || code === exitCodes.unknown || error.code === 'LIMIT_EXCEEDED';
}
