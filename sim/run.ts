import { holdMajority, isSound } from './budget.js';
import { checkHistory } from './check-history.js';
import { Clients } from './clients.js';
import { Cluster } from './cluster.js';
import { Dice } from './dice.js';
import { Faults } from './faults/faults.js';
import type { Machine } from './machine.js';
import type { Plan } from './plan.js';
import type { TraceSink } from './trace.js';

export interface RunResult {
  readonly seed: number;
  /** What must not happen and did; undefined: all was well. */
  readonly failure: string | undefined;
  readonly virtualMs: number;
  readonly events: number;
  readonly faults: number;
  readonly operations: number;
  readonly operationsOk: number;
  readonly entriesApplied: number;
  readonly term: number;
  /** Over the whole run: equal for equal seeds and code. */
  readonly fingerprint: number;
}

const bootTimeoutMs = 120_000;

/** One life of a cluster: it is founded, lives under faults, must serve when they end, and is then looked through. */
export class Run {
  readonly cluster: Cluster;
  readonly #clients: Clients;
  readonly #faults: Faults;
  readonly #plan: Plan;

  constructor(plan: Plan, sink?: TraceSink) {
    this.#plan = plan;
    this.cluster = new Cluster(plan, sink);
    this.#clients = new Clients(this.cluster);
    this.#faults = new Faults(this.cluster);
  }

  async play(): Promise<RunResult> {
    const { cluster } = this;
    const strayed = (error: unknown): void => cluster.fail(error);
    process.on('unhandledRejection', strayed);
    try {
      await this.#live();
      // Rejections that nobody handled are told when the event loop goes on.
      await new Promise((resolve) => setImmediate(resolve));
    } catch (error) {
      cluster.fail(error);
    } finally {
      process.off('unhandledRejection', strayed);
    }
    return this.#result();
  }

  async #live(): Promise<void> {
    this.#phase('boot');
    await this.#boot();
    this.#phase('safety');
    this.#clients.start();
    this.#faults.schedule(this.#plan.faults);
    await this.cluster.runUntil(() => false, this.#plan.durationMs);
    this.#faults.end();
    if (!this.cluster.failed) await this.#recover();
    if (!this.cluster.failed) await this.#settle();
    if (!this.cluster.failed) this.#check();
  }

  #phase(name: string): void {
    this.cluster.trace('run', 'phase', name);
  }

  /** A founder, and others that join it one by one. */
  async #boot(): Promise<void> {
    const { cluster } = this;
    cluster.start(cluster.addMachine('founding'));
    await this.#expect('a founded cluster has a leader', bootTimeoutMs, () => cluster.leader() !== undefined);
    for (let count = 2; count <= this.#plan.members && !cluster.failed; count++) {
      cluster.start(cluster.addMachine('joining'));
      await this.#expect('a new member becomes a voter', bootTimeoutMs, () =>
        cluster.machines.every((each) => each.running && each.parts.machine.config.voters.length === count),
      );
    }
  }

  async #expect(what: string, timeoutMs: number, done: () => boolean): Promise<void> {
    if (await this.cluster.runUntil(done, timeoutMs)) return;
    this.cluster.fail(new Error(`${what}: not within ${timeoutMs} ms`));
  }

  /** Faults end for a majority: it must serve, whatever the others do. */
  async #recover(): Promise<void> {
    const { cluster } = this;
    this.#phase('recovery of a majority');
    cluster.supervised = false;
    const core = this.#chooseCore();
    const others = cluster.machines.filter((each) => !core.includes(each));
    cluster.trace('run', 'log', `${names(core)} are well`);
    for (const machine of cluster.machines) machine.storage.disarm();
    Object.assign(cluster.network.conditions, { lossProbability: 0, duplicateProbability: 0 });
    const end = cluster.network.partition(
      core.map((each) => each.id),
      others.map((each) => each.id),
    );
    await this.#serve('a majority without faults', core);
    end();
  }

  /** A random set of sound machines that is a majority in every configuration that may count; all if none else is. */
  #chooseCore(): Machine[] {
    const { cluster } = this;
    const dice = Dice.of(this.#plan.seed, 'core');
    const sound = dice.shuffled(cluster.machines.filter((each) => isSound(each) && each.knowsCluster));
    for (let size = 1; size <= sound.length; size++) {
      const core = sound.slice(0, size);
      if (holdMajority(cluster, (machine) => core.includes(machine))) return core;
    }
    return sound;
  }

  /** Within a bounded time each of `core` writes and reads. */
  async #serve(what: string, core: readonly Machine[]): Promise<void> {
    const { cluster } = this;
    const { electionTimeoutMs } = cluster.options;
    const timeoutMs = 40 * electionTimeoutMs + 20_000;
    const served = new Set<Machine>();
    let over = false;
    for (const machine of core) {
      if (machine.startable) cluster.start(machine);
      const again = (delayMs: number): void => {
        cluster.clock.setTimer(delayMs, () => {
          if (over || machine.retired || machine.lost) return;
          if (machine.startable) cluster.start(machine);
          if (machine.running && machine.knowsCluster)
            this.#tryAt(
              machine,
              () => served.add(machine),
              () => again(electionTimeoutMs / 2),
            );
          else again(electionTimeoutMs / 2);
        });
      };
      again(0);
    }
    await this.#expect(`${what} serves`, timeoutMs, () =>
      core.every((machine) => machine.retired || machine.lost || served.has(machine)),
    );
    over = true;
  }

  #tryAt(machine: Machine, done: () => void, again: () => void): void {
    const value = `last-${machine.name}-${this.cluster.history.operations.length}`;
    const put = { type: 'put', key: 'k0', value, previous: false } as const;
    const get = {
      type: 'range',
      key: 'k0',
      end: undefined,
      revision: 0,
      limit: 0,
      serializable: false,
    } as const;
    this.#clients.call('probe', machine, [put], (written) => {
      if (written?.kind !== 'ok' || !machine.running) {
        again();
        return;
      }
      this.#clients.call('probe', machine, [get], (read) => {
        if (read?.kind === 'ok') done();
        else again();
      });
    });
  }

  /** Everybody comes back, and becomes equal. */
  async #settle(): Promise<void> {
    const { cluster } = this;
    this.#phase('all come back');
    this.#clients.stop();
    const all = cluster.machines.filter((each) => !each.lost && !each.retired);
    await this.#serve('the whole cluster', all);
    const alike = (): boolean => {
      const leader = cluster.leader();
      if (leader === undefined) return false;
      const { raft } = leader.parts;
      return cluster.machines.every(
        (each) =>
          each.lost || each.retired || (each.running && each.parts.machine.applied.index === raft.lastIndex),
      );
    };
    await this.#expect('all members reach one index', 40 * cluster.options.electionTimeoutMs + 20_000, alike);
    if (cluster.failed) return;
    const hashes = new Set(cluster.running().map((each) => each.member!.hash()));
    if (hashes.size > 1) cluster.fail(new Error('the states of the members differ in the end'));
  }

  #check(): void {
    const { cluster } = this;
    this.#phase('history');
    const wrong = checkHistory(cluster.history.operations);
    if (wrong !== undefined) cluster.fail(new Error(wrong));
  }

  #result(): RunResult {
    const { cluster } = this;
    const { operations } = cluster.history;
    const term = Math.max(0, ...cluster.running().map((each) => each.parts.raft.term));
    return {
      seed: this.#plan.seed,
      failure: cluster.failure === undefined ? undefined : (cluster.failure.stack ?? cluster.failure.message),
      virtualMs: cluster.clock.monotonicMs(),
      events: cluster.events,
      faults: this.#faults.count,
      operations: operations.length,
      operationsOk: operations.filter((each) => each.outcome.kind === 'ok').length,
      entriesApplied: cluster.observer.entriesApplied,
      term,
      fingerprint: cluster.fingerprint(),
    };
  }
}

function names(machines: readonly Machine[]): string {
  return machines.map((each) => each.name).join(' ');
}
