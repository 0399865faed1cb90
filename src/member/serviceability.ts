import { noMember, type MemberId } from '../base/ids.js';

interface Options {
  readonly id: MemberId;
  /** So long nothing need be answered while the cluster elects. */
  readonly patienceTicks: number;
  readonly leader: () => MemberId;
  /** False: messages to it are being lost. */
  readonly reaches: (id: MemberId) => boolean;
  /** A snapshot is being brought to it, or installed. */
  readonly lacksState: () => boolean;
  readonly diskHung: () => boolean;
  /** For so many ticks calls have waited, and none of them was answered. */
  readonly readsIdleTicks: () => number;
  readonly writesIdleTicks: () => number;
}

/** Whether this member can serve linearizable reads and writes, as far as it knows: what its health says. */
export class Serviceability {
  readonly #options: Options;
  #serving = false;

  constructor(options: Options) {
    this.#options = options;
  }

  get serving(): boolean {
    return this.#serving;
  }

  /** @returns whether it is another than before */
  look(): boolean {
    const before = this.#serving;
    this.#serving = this.#isServing();
    return this.#serving !== before;
  }

  #isServing(): boolean {
    const { id, patienceTicks, leader, reaches, lacksState, diskHung, readsIdleTicks, writesIdleTicks } =
      this.#options;
    const leads = leader();
    if (leads === noMember || (leads !== id && !reaches(leads))) return false;
    if (lacksState() || diskHung()) return false;
    return readsIdleTicks() <= patienceTicks && writesIdleTicks() <= patienceTicks;
  }
}
