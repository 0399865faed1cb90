import { formatId, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { RatedLog } from '../base/rated-log.js';
import type { Clock } from '../ports/clock.js';
import { strangerLogIntervalMs } from './stranger-log.js';

/** Callers that are told apart. */
const callersMax = 64;

interface Told {
  readonly reason: string;
  /** When it was welcomed again; undefined: it was not. */
  welcomedMs: number | undefined;
}

/**
 * Tells of those who know the secret and are sent away all the same: once for each caller and reason, and all of them
 * at a rate that they have no part in, as an id and a reason may change with every call.
 */
export class SentAwayLog {
  readonly #clock: Clock;
  readonly #rated: RatedLog;
  readonly #told = new Map<MemberId, Told>();

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#rated = new RatedLog(log);
  }

  sentAway(id: MemberId, reason: string, fields: { readonly name: string; readonly address: string }): void {
    const nowMs = this.#clock.monotonicMs();
    this.#rated.sweep(nowMs);
    const told = this.#told.get(id);
    if (told?.reason === reason && !isOver(told, nowMs)) {
      told.welcomedMs = undefined;
      return;
    }
    if (this.#told.size >= callersMax) this.#told.clear();
    this.#told.set(id, { reason, welcomedMs: undefined });
    this.#rated.tell(
      'warn',
      { peer: formatId(id), ...fields, reason },
      'sent a caller away',
      undefined,
      nowMs,
    );
  }

  /** It is let in: if that lasts, what comes later is another story. */
  welcomed(id: MemberId): void {
    const nowMs = this.#clock.monotonicMs();
    this.#rated.sweep(nowMs);
    const told = this.#told.get(id);
    if (told !== undefined) told.welcomedMs ??= nowMs;
  }

  close(): void {
    this.#rated.close();
  }
}

function isOver({ welcomedMs }: Told, nowMs: number): boolean {
  return welcomedMs !== undefined && nowMs - welcomedMs >= strangerLogIntervalMs;
}
