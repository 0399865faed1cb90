import type { Log } from './log.js';

/** Lines of one kind that are logged at once, and how many more a second. */
const burst = 20;
const perSecond = 1;

/** How long those that are left out gather before a line says how many they were. */
const summaryIntervalMs = 10_000;

/** Addresses that are told apart in one summary. */
export const addressesCountedMax = 1000;

type Level = keyof Log;

interface Kind {
  readonly level: Level;
  tokens: number;
  filledMs: number;
  left: number;
  leftSinceMs: number;
  readonly addresses: Set<string>;
}

/**
 * For events that strangers cause as often as they like. Some of each kind are logged as they are; of the others a
 * line says now and then how many there were, from how many addresses.
 *
 * A kind is a message: it must be one of a few, so nothing from outside may stand in it.
 */
export class RatedLog {
  readonly #log: Log;
  readonly #kinds = new Map<string, Kind>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param from who caused it, logged as the field `from` */
  tell(
    level: Level,
    fields: Readonly<Record<string, unknown>>,
    message: string,
    from?: string,
    nowMs: number = performance.now(),
  ): void {
    let kind = this.#kinds.get(message);
    if (kind === undefined) {
      kind = { level, tokens: burst, filledMs: nowMs, left: 0, leftSinceMs: 0, addresses: new Set() };
      this.#kinds.set(message, kind);
    }
    kind.tokens = Math.min(burst, kind.tokens + ((nowMs - kind.filledMs) / 1000) * perSecond);
    kind.filledMs = nowMs;
    if (kind.tokens >= 1) {
      kind.tokens--;
      this.#log[level](from === undefined ? fields : { from, ...fields }, message);
      return;
    }
    if (kind.left++ === 0) kind.leftSinceMs = nowMs;
    if (from !== undefined && kind.addresses.size < addressesCountedMax) kind.addresses.add(from);
  }

  /** Says what was left out. To be called about once a second. */
  sweep(nowMs: number): void {
    for (const [message, kind] of this.#kinds) {
      if (kind.left > 0 && nowMs - kind.leftSinceMs >= summaryIntervalMs) this.#summarize(message, kind);
    }
  }

  /** Says what was left out so far. */
  close(): void {
    for (const [message, kind] of this.#kinds) if (kind.left > 0) this.#summarize(message, kind);
  }

  #summarize(message: string, kind: Kind): void {
    const { level, left: times, addresses } = kind;
    const counted = addresses.size === addressesCountedMax ? `${addresses.size} or more` : addresses.size;
    this.#log[level](
      { times, ...(counted === 0 ? {} : { addresses: counted }) },
      `more of the same, not logged: ${message}`,
    );
    kind.left = 0;
    addresses.clear();
  }
}
