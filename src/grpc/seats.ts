import type { Socket } from 'node:net';
import { Seat, type ClientShare } from './client-share.js';
import type { Shares } from './shares.js';

/** An honest client has shown what it speaks by then; others give way to anyone. */
export const silenceMsMax = 1000;

/** Looking for an idle connection among thousands takes its time; strangers must not make us do nothing else. */
const lookIntervalMs = 100;

/** So many clients are looked at, from the heaviest on: all connections of some may be busy. */
const clientsLookedAtMax = 8;

/** Who may sit on the `connectionsMax` places of a port, and who gives way to a newcomer when all are taken. */
export class Seats {
  readonly #shares: Shares;
  readonly #seats = new Set<Seat>();
  /** Those that have most have no idle connection, as of the last look. */
  #noneIdleUntilMs = -Infinity;

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  get all(): Iterable<Seat> {
    return this.#seats;
  }

  get count(): number {
    return this.#seats.size;
  }

  /** @returns undefined if the connection must be closed */
  take(socket: Socket, nowMs: number): Seat | undefined {
    const share = this.#shares.of(socket.remoteAddress);
    if (!this.#shares.admitsConnection(share) && !this.#makeRoom(share, nowMs)) return undefined;
    const seat = new Seat(share, socket, nowMs);
    this.#seats.add(seat);
    share.silent.add(seat);
    this.#shares.take(seat);
    return seat;
  }

  leave(seat: Seat): void {
    if (!this.#seats.delete(seat)) return;
    seat.share.silent.delete(seat);
    this.#shares.leave(seat);
  }

  /**
   * A newcomer gets the place of who has most, or of the next one if that has none to give; one that has many itself gets
   * at most the place of a connection of his own that says nothing.
   */
  #makeRoom(share: ClientShare, nowMs: number): boolean {
    const leaving = this.#leastUsed(share, nowMs) ?? silentOf(share, nowMs);
    if (leaving === undefined) return false;
    this.leave(leaving);
    leaving.giveWay();
    return true;
  }

  /** Of those that are heavy next to `newcomer`. */
  #leastUsed(newcomer: ClientShare, nowMs: number): Seat | undefined {
    let left = clientsLookedAtMax;
    const mayLook = nowMs >= this.#noneIdleUntilMs;
    let looked = false;
    for (const heavy of this.#shares.heaviest()) {
      if (left-- === 0 || !this.#shares.mayDisplace(heavy, newcomer)) break;
      const [silent] = heavy.silent;
      const leaving = silent ?? (mayLook ? longestIdle(heavy) : undefined);
      if (leaving !== undefined) return leaving;
      looked = mayLook;
    }
    if (looked) this.#noneIdleUntilMs = nowMs + lookIntervalMs;
    return undefined;
  }
}

function silentOf(share: ClientShare, nowMs: number): Seat | undefined {
  const [silent] = share.silent;
  return silent !== undefined && nowMs - silent.sinceMs >= silenceMsMax ? silent : undefined;
}

/** None that has open calls. */
function longestIdle(share: ClientShare): Seat | undefined {
  let longest: Seat | undefined;
  let longestSinceMs = Infinity;
  for (const seat of share.seats) {
    const idleSinceMs = seat.connection?.idleSinceMs ?? seat.sinceMs;
    if (idleSinceMs >= longestSinceMs) continue;
    longest = seat;
    longestSinceMs = idleSinceMs;
  }
  return longest;
}
