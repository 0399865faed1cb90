import { addressGroup } from '../base/address-group.js';
import type { Log } from '../base/log.js';
import type { Clock, Timer } from '../ports/clock.js';

/** The first is told at once; what follows, once in so long. */
export const strangerLogIntervalMs = 10_000;

/** Addresses that one summary tells apart. */
const addressesMax = 1024;

/** Tells of those who come to the Raft port and are no members, at a rate that they have no part in. */
export class StrangerLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #reasons = new Map<string, number>();
  readonly #addresses = new Set<string>();
  #timer: Timer | undefined;

  constructor(clock: Clock, log: Log) {
    this.#clock = clock;
    this.#log = log;
  }

  /** @param reason one of a few texts */
  sentAway(remoteAddress: string, reason: string): void {
    if (this.#timer === undefined) {
      this.#log.warn({ from: remoteAddress, reason }, 'sent a stranger away from the Raft port');
      this.#arm();
      return;
    }
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
    if (this.#addresses.size < addressesMax) this.#addresses.add(addressGroup(remoteAddress));
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(strangerLogIntervalMs, () => {
      this.#timer = undefined;
      if (this.#reasons.size === 0) return;
      const [first] = this.#addresses;
      const addresses = this.#addresses.size;
      const count = [...this.#reasons.values()].reduce((sum, each) => sum + each, 0);
      this.#log.warn(
        { count, addresses, first, reasons: Object.fromEntries(this.#reasons) },
        'sent strangers away from the Raft port',
      );
      this.#reasons.clear();
      this.#addresses.clear();
      this.#arm();
    });
  }

  close(): void {
    this.#timer?.cancel();
  }
}
