import type { MemberId } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import type { RefusalCode } from '../ports/peers.js';

/** A member that sends this one away says so at each attempt, of which there is one a second at least. */
const recentMs = 10_000;

interface Refusal {
  readonly code: RefusalCode;
  readonly atMs: number;
}

/** Which other members send this one away, and why. One that takes it in again has said nothing. */
export class Refusals {
  readonly #clock: Clock;
  readonly #byMember = new Map<MemberId, Refusal>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns whether that is news */
  refused(by: MemberId, code: RefusalCode): boolean {
    const isNews = this.#recent(by)?.code !== code;
    this.#byMember.set(by, { code, atMs: this.#clock.monotonicMs() });
    return isNews;
  }

  welcomed(by: MemberId): void {
    this.#byMember.delete(by);
  }

  /** Whether a majority of them know this member's id elsewhere, all at the same time. */
  isKnownElsewhere(voters: readonly MemberId[]): boolean {
    const elsewhere = voters.filter((voter) => {
      const code = this.#recent(voter)?.code;
      return code === 'wrong-address' || code === 'own-id';
    });
    return elsewhere.length > voters.length / 2;
  }

  /** Whether a majority of the others has heard a process with this member's identity that was started later. */
  isSuperseded(others: readonly MemberId[]): boolean {
    const superseding = others.filter((other) => this.#recent(other)?.code === 'superseded');
    return superseding.length > others.length / 2;
  }

  #recent(by: MemberId): Refusal | undefined {
    const refusal = this.#byMember.get(by);
    if (refusal === undefined || this.#clock.monotonicMs() - refusal.atMs > recentMs) return undefined;
    return refusal;
  }
}
