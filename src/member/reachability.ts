import type { MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Clock } from '../ports/clock.js';
import type { PeerAddress } from '../ports/peers.js';

/** How the way to one other member is. */
export interface Reach {
  readonly reachable: boolean;
  /** That it was called at last. */
  readonly address: PeerAddress;
  /** Milliseconds since 1970, by this member's clock. */
  readonly sinceMs: number;
  /** Why it is not reachable; empty where it is. */
  readonly reason: string;
}

interface Way extends Reach {
  /** On the monotonic clock. */
  readonly beganMs: number;
  /** The log says that it is not reachable. */
  told: boolean;
}

interface Options {
  readonly clock: Clock;
  readonly log: Log;
  /** What is over sooner, as the restart of a member is, is not worth a line. */
  readonly graceMs: number;
  readonly nameOf: (id: MemberId) => string;
}

/** Who can be reached, since when; and tells of it, once for each loss. */
export class Reachability {
  readonly #options: Options;
  readonly #ways = new Map<MemberId, Way>();

  constructor(options: Options) {
    this.#options = options;
  }

  lost(id: MemberId, address: PeerAddress, reason: string): void {
    const before = this.#ways.get(id);
    // It may be tried at several addresses, one after the other.
    if (before?.reachable === false) {
      this.#ways.set(id, { ...before, address, reason });
      return;
    }
    this.#ways.set(id, this.#way(false, address, reason));
  }

  reached(id: MemberId, address: PeerAddress): void {
    const { clock, log, nameOf } = this.#options;
    const before = this.#ways.get(id);
    if (before?.reachable === true && before.address === address) return;
    this.#ways.set(id, this.#way(true, address, ''));
    if (before?.told !== true) return;
    const forMs = Math.round(clock.monotonicMs() - before.beganMs);
    log.info({ member: nameOf(id), address, forMs }, 'a member can be reached again');
  }

  #way(reachable: boolean, address: PeerAddress, reason: string): Way {
    const { clock } = this.#options;
    const times = { sinceMs: clock.wallMs(), beganMs: clock.monotonicMs() };
    return { reachable, address, reason, ...times, told: false };
  }

  tick(): void {
    const { clock, log, graceMs, nameOf } = this.#options;
    for (const [id, way] of this.#ways) {
      const { reachable, told, address, reason } = way;
      if (reachable || told || clock.monotonicMs() - way.beganMs < graceMs) continue;
      way.told = true;
      log.warn({ member: nameOf(id), address, reason }, 'a member cannot be reached');
    }
  }

  /** Undefined: not known yet. */
  of(id: MemberId): Reach | undefined {
    return this.#ways.get(id);
  }

  /** Forgets all others: they are no members. */
  keep(ids: ReadonlySet<MemberId>): void {
    for (const id of this.#ways.keys()) if (!ids.has(id)) this.#ways.delete(id);
  }
}
