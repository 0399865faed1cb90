import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { PlanChanges } from './plan.js';
import { Progress } from './progress.js';
import type { RunResult } from './run.js';
import { runnerV8Options } from './v8-options.js';

/** What a worker is to run. */
export interface SwarmTask {
  readonly seed: number;
  readonly changes: PlanChanges;
}

/** A worker's run, and the processor time that it took: of the first, with the start of the process. */
export interface SwarmResult extends RunResult {
  readonly cpuMs: number;
}

export interface SwarmSummary {
  readonly runs: number;
  readonly failed: readonly number[];
  readonly virtualMs: number;
  /** Of all processes, this one too, from their start on. */
  readonly cpuMs: number;
  readonly realMs: number;
  readonly events: number;
  readonly operations: number;
  readonly faults: number;
  /** Runs with keys about whose operations nothing is known, and how many keys. */
  readonly undecided: readonly { readonly seed: number; readonly keys: number }[];
}

interface SwarmOptions {
  readonly changes: PlanChanges;
  readonly workers: number;
  readonly untilFailure: boolean;
  readonly failed: (result: { readonly seed: number; readonly failure: string }) => void;
}

const workerPath = fileURLToPath(new URL('./swarm-worker.js', import.meta.url));

/** A run that takes longer hangs: no virtual time is that slow, whatever else the machine does. */
const runTimeoutMs = 900_000;

type Seeds = readonly number[] | { readonly from: number; readonly count: number };

/** Runs many seeds, several at a time. */
export function runSwarm(seeds: Seeds, options: SwarmOptions): Promise<SwarmSummary> {
  return new Swarm(seeds, options).run();
}

class Swarm {
  readonly #seeds: Iterator<number, void>;
  readonly #options: SwarmOptions;
  readonly #progress: Progress;
  readonly #began = performance.now();
  readonly #failed: number[] = [];
  readonly #undecided: { readonly seed: number; readonly keys: number }[] = [];
  #runs = 0;
  #virtualMs = 0;
  #cpuMs = 0;
  #events = 0;
  #operations = 0;
  #faults = 0;

  constructor(seeds: Seeds, options: SwarmOptions) {
    this.#seeds = 'from' in seeds ? count(seeds.from, seeds.count) : seeds.values();
    this.#options = options;
    this.#progress = new Progress('from' in seeds ? seeds.count : seeds.length);
  }

  async run(): Promise<SwarmSummary> {
    await Promise.all(Array.from({ length: this.#options.workers }, () => this.#work()));
    this.#progress.end();
    const { user, system } = process.cpuUsage();
    return {
      runs: this.#runs,
      failed: this.#failed,
      virtualMs: this.#virtualMs,
      cpuMs: this.#cpuMs + (user + system) / 1000,
      realMs: performance.now() - this.#began,
      events: this.#events,
      operations: this.#operations,
      faults: this.#faults,
      undecided: this.#undecided,
    };
  }

  #nextSeed(): number | undefined {
    if (this.#options.untilFailure && this.#failed.length > 0) return undefined;
    const next = this.#seeds.next();
    return next.done === true ? undefined : next.value;
  }

  /** One worker's whole life; a new one takes over from one that hangs or dies. */
  async #work(): Promise<void> {
    const { changes } = this.#options;
    for (let seed = this.#nextSeed(); seed !== undefined;) {
      const worker = fork(workerPath, { execArgv: [...process.execArgv, ...runnerV8Options] });
      try {
        for (; seed !== undefined; seed = this.#nextSeed())
          this.#take(await runIn(worker, { seed, changes }));
      } catch (error) {
        this.#fail(seed!, error instanceof Error ? (error.stack ?? error.message) : String(error));
        seed = this.#nextSeed();
      } finally {
        worker.kill('SIGKILL');
      }
    }
  }

  #take(result: SwarmResult): void {
    this.#virtualMs += result.virtualMs;
    this.#cpuMs += result.cpuMs;
    this.#events += result.events;
    this.#operations += result.operations;
    this.#faults += result.faults;
    if (result.undecided > 0) this.#undecided.push({ seed: result.seed, keys: result.undecided });
    if (result.failure !== undefined) this.#fail(result.seed, result.failure);
    else this.#count();
  }

  #fail(seed: number, failure: string): void {
    this.#failed.push(seed);
    this.#progress.clear();
    this.#options.failed({ seed, failure });
    this.#count();
  }

  #count(): void {
    this.#runs++;
    this.#progress.show(this.#runs, this.#failed.length);
  }
}

function* count(from: number, length: number): Generator<number, void> {
  for (let at = 0; at < length; at++) yield from + at;
}

function runIn(worker: ChildProcess, task: SwarmTask): Promise<SwarmResult> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      end();
      reject(new Error(`the run of seed ${task.seed} does not end`));
    }, runTimeoutMs);
    const taken = (result: SwarmResult): void => {
      end();
      resolve(result);
    };
    const died = (code: number | null): void => {
      end();
      reject(new Error(`the process that ran seed ${task.seed} ended with ${code}`));
    };
    const end = (): void => {
      clearTimeout(timer);
      worker.off('message', taken);
      worker.off('exit', died);
    };
    worker.on('message', taken);
    worker.on('exit', died);
    worker.send(task);
  });
}
