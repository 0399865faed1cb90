import { Prng, randomInt } from '../../../src/base/prng.js';
import type { Attack } from '../../../test/hostile/attacks/attack.js';
import { AttackProcess } from '../../../test/hostile/attacks/attack-process.js';
import type { Deeds, Target } from '../../../test/hostile/attacks/attacker.js';

interface SiegeOptions {
  readonly seed: number;
  readonly attacks: readonly Attack[];
  /** In decimal. */
  readonly clusterId: string;
  /** The first one is the leader. */
  readonly targets: readonly [Target, ...Target[]];
  /** Attacks that go on at a time. */
  readonly attackers: number;
}

/** How often an attack was played, and what it did in all. */
export interface Tally extends Deeds {
  readonly times: number;
}

/** One attack that was played; times by the wall clock. */
interface Played {
  readonly name: string;
  readonly target: string;
  readonly beganMs: number;
  endedMs: number;
}

/** A call has so long. */
const beforeMs = 5000;

const secondsMin = 3;
const secondsMax = 12;

/** Attacks side by side, in an order drawn by chance, each from an address that had no part in another one. */
export class Siege {
  readonly #options: SiegeOptions;
  readonly #random: Prng;
  readonly #tallies = new Map<string, Tally>();
  readonly #faults: string[] = [];
  readonly #history: Played[] = [];
  #left: Attack[] = [];
  #played = 0;
  #lifted = false;

  constructor(options: SiegeOptions) {
    this.#options = options;
    this.#random = new Prng(options.seed);
  }

  get tallies(): ReadonlyMap<string, Tally> {
    return this.#tallies;
  }

  get faults(): readonly string[] {
    return this.#faults;
  }

  /** What went on in the seconds before, by the wall clock: calls fail when their time is over. */
  before(timeMs: number): readonly string[] {
    return this.#history
      .filter(({ beganMs, endedMs }) => beganMs <= timeMs && endedMs >= timeMs - beforeMs)
      .map(({ name, target, beganMs, endedMs }) => {
        const seconds = [beganMs, Math.min(endedMs, timeMs)].map((each) =>
          ((each - timeMs) / 1000).toFixed(1),
        );
        return `${name} on ${target} (${seconds.join(' to ')} s)`;
      });
  }

  /** No attack is begun any more. */
  lift(): void {
    this.#lifted = true;
  }

  /** Resolves when it was lifted and the last attack has ended. */
  async lay(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.attackers }, () => this.#attack()));
  }

  async #attack(): Promise<void> {
    while (!this.#lifted) {
      const { name } = this.#draw();
      const seconds = secondsMin + randomInt(this.#random, secondsMax - secondsMin + 1);
      const seed = this.#random.nextUint32();
      const { clusterId } = this.#options;
      const [targets, from] = [this.#targets(), this.#address()];
      const played: Played = {
        name,
        target: `member ${this.#options.targets.indexOf(targets[0]) + 1}`,
        beganMs: Date.now(),
        endedMs: Infinity,
      };
      this.#history.push(played);
      const process = new AttackProcess({ attack: name, clusterId, targets, from, seconds, seed });
      try {
        this.#note(name, await process.ended());
      } catch (error) {
        this.#faults.push(`${name}: ${String(error)}`);
        process.kill();
      }
      played.endedMs = Date.now();
    }
  }

  /** Each attack once before one comes again. */
  #draw(): Attack {
    if (this.#left.length === 0) this.#left = [...this.#options.attacks];
    return this.#left.splice(randomInt(this.#random, this.#left.length), 1)[0]!;
  }

  /** Every second attack falls on the leader. */
  #targets(): readonly [Target, ...Target[]] {
    const { targets } = this.#options;
    const first = randomInt(this.#random, 2 * targets.length) % (2 * targets.length);
    const chosen = targets[first >= targets.length ? 0 : first]!;
    return [chosen, ...targets.filter((each) => each !== chosen)];
  }

  #address(): string {
    const number = this.#played++ % 65_536;
    return `127.200.${number >> 8}.${number & 255}`;
  }

  #note(name: string, deeds: Deeds): void {
    const before = this.#tallies.get(name) ?? {
      times: 0,
      sentBytes: 0,
      receivedBytes: 0,
      connections: 0,
      ended: 0,
    };
    this.#tallies.set(name, {
      times: before.times + 1,
      sentBytes: before.sentBytes + deeds.sentBytes,
      receivedBytes: before.receivedBytes + deeds.receivedBytes,
      connections: before.connections + deeds.connections,
      ended: before.ended + deeds.ended,
    });
  }
}
