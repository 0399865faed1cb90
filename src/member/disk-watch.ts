import { noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Clock } from '../ports/clock.js';
import type { Raft } from '../raft/raft.js';

interface Options {
  readonly clock: Clock;
  readonly log: Log;
  readonly raft: Pick<Raft, 'role' | 'status' | 'setMayStand' | 'transferLeadership' | 'stepDown'>;
  readonly electionTimeoutMs: number;
  /** Since when the log has been at a write or read that is under way; undefined: at none. On the monotonic clock. */
  readonly oldestLogWorkMs: () => number | undefined;
}

/**
 * A disk may hang without an error. Whoever leads then can apply nothing, and keeps all others from being led: it hands
 * over, gives up leading if nobody takes it, and does not stand again before it answers.
 */
export class DiskWatch {
  readonly #options: Options;
  #hungSinceMs: number | undefined;
  #handedOver = false;
  #tickedMs = -Infinity;

  constructor(options: Options) {
    this.#options = options;
  }

  get hung(): boolean {
    return this.#hungSinceMs !== undefined;
  }

  tick(): void {
    const { clock, log, raft, electionTimeoutMs, oldestLogWorkMs } = this.#options;
    const nowMs = clock.monotonicMs();
    const wasHeldUp = nowMs - this.#tickedMs > electionTimeoutMs / 2;
    this.#tickedMs = nowMs;
    // Of what has ended meanwhile this member may not have been told yet.
    if (wasHeldUp) return;
    const beganMs = oldestLogWorkMs();
    const isHung = beganMs !== undefined && nowMs - beganMs > electionTimeoutMs;
    if (isHung !== this.hung) {
      raft.setMayStand(!isHung);
      if (isHung) log.error({ forMs: Math.round(nowMs - beganMs) }, 'the disk does not answer');
      else log.info({ forMs: Math.round(nowMs - this.#hungSinceMs!) }, 'the disk answers again');
      this.#hungSinceMs = isHung ? nowMs : undefined;
      this.#handedOver = false;
    }
    if (this.#hungSinceMs === undefined || raft.role !== 'leader') return;
    if (raft.status().config.voters.length === 1) return;
    if (!this.#handedOver) raft.transferLeadership(noMember);
    else if (nowMs - this.#hungSinceMs > electionTimeoutMs) raft.stepDown();
    this.#handedOver = true;
  }
}
