import { replayCommand } from './arguments.js';
import { makePlan, type Plan, type PlanChanges } from './plan.js';
import { Run } from './run.js';

/** Plays a plan to its end. */
export type Play = (
  plan: Plan,
) => Promise<{ readonly failure: string | undefined; readonly operations: number }>;

/** Runs at most, since each costs time. */
const attemptsMax = 400;

/**
 * Looks for the smallest variant of a failing run that still fails, one dimension after the other: time, faults
 * (by delta debugging, Zeller and Hildebrandt 2002), members, clients, calls. A variant that fails in another way
 * does not count: it may be another bug.
 * @returns false: what fails was found, so the command fails too
 */
export async function shrink(
  seed: number,
  changes: PlanChanges,
  tell: (line: string) => void,
  play: Play = (plan) => new Run(plan).play(),
): Promise<boolean> {
  const shrinker = new Shrinker(seed, changes, tell, play);
  return shrinker.run();
}

class Shrinker {
  readonly #seed: number;
  readonly #tell: (line: string) => void;
  readonly #play: Play;
  #best: PlanChanges;
  #failure = '';
  /** Calls of the smallest run so far. */
  #operations = 0;
  #attempts = 0;

  constructor(seed: number, changes: PlanChanges, tell: (line: string) => void, play: Play) {
    this.#seed = seed;
    this.#best = changes;
    this.#tell = tell;
    this.#play = play;
  }

  async run(): Promise<boolean> {
    if (!(await this.#try({}))) {
      this.#tell(`seed ${this.#seed} does not fail`);
      return true;
    }
    for (let before = -1; before !== this.#size() && this.#attempts < attemptsMax;) {
      before = this.#size();
      await this.#shrinkFaults();
      await this.#shrinkNumber('durationMs', 100);
      await this.#shrinkNumber('members', 1);
      await this.#shrinkNumber('clients', 0);
      await this.#shrinkCalls();
    }
    this.#tell(`\n${this.#failure}\n\nreplay: ${replayCommand(this.#seed, this.#best)}`);
    return false;
  }

  #plan(): Plan {
    return makePlan(this.#seed, this.#best);
  }

  #size(): number {
    const { faults, durationMs, members, clients } = this.#plan();
    return faults.length + durationMs + members + clients.count + Math.min(clients.callsMax, 1e6);
  }

  /** Whether it still fails with this changed; if so, it stays changed. */
  async #try(changes: PlanChanges): Promise<boolean> {
    if (this.#attempts >= attemptsMax) return false;
    this.#attempts++;
    const variant = { ...this.#best, ...changes };
    const { failure, operations } = await this.#play(makePlan(this.#seed, variant));
    if (failure === undefined) return false;
    if (this.#failure !== '' && kindOf(failure) !== kindOf(this.#failure)) return false;
    this.#best = variant;
    this.#failure = failure;
    this.#operations = operations;
    this.#tell(`fails: ${replayCommand(this.#seed, variant)}`);
    return true;
  }

  async #shrinkNumber(name: 'durationMs' | 'members' | 'clients', least: number): Promise<void> {
    const plan = this.#plan();
    let now = name === 'clients' ? plan.clients.count : plan[name];
    for (let step = Math.ceil(now / 2); step >= Math.max(1, least); step = Math.floor(step / 2)) {
      while (now - step >= least && (await this.#try({ [name]: now - step }))) now -= step;
    }
  }

  async #shrinkCalls(): Promise<void> {
    let now = Math.min(this.#plan().clients.callsMax, this.#operations);
    if (now > 0 && (await this.#try({ callsMax: 0 }))) return;
    for (let step = Math.ceil(now / 2); step >= 1; step = Math.floor(step / 2)) {
      while (now - step > 0 && (await this.#try({ callsMax: now - step }))) now -= step;
    }
  }

  async #shrinkFaults(): Promise<void> {
    let left = this.#plan().faults.map(({ id }) => id);
    if (left.length > 0 && (await this.#try({ faults: [] }))) return;
    for (let parts = 2; left.length > 0 && parts <= left.length * 2; parts *= 2) {
      const size = Math.ceil(left.length / parts);
      for (let at = 0; at < left.length;) {
        const without = [...left.slice(0, at), ...left.slice(at + size)];
        if (await this.#try({ faults: without })) left = without;
        else at += size;
      }
    }
  }
}

/** The rule that was broken, without who broke it and when. */
function kindOf(failure: string): string {
  const line = (failure.split('\n')[0] ?? '').replace(/^(?:\w*Error: )+/, '');
  return (line.split(': ')[0] ?? '').replace(/\d+/g, '');
}
