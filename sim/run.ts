import { readable } from './alphabet.js';
import { checkHistory } from './check-history.js';
import { describeViolation, type Operation } from './checkers/history.js';
import { checkRefusals, type RefusalTerms } from './checkers/refusals.js';
import { Clients } from './clients.js';
import { Cluster } from './cluster.js';
import { Faults } from './faults/faults.js';
import { LivenessProbes } from './liveness-probes.js';
import { LivenessWatch } from './liveness-watch.js';
import type { Plan } from './plan.js';
import { Recovery } from './recovery.js';
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
  /** Keys about whose operations nothing is known: they could not be ordered in the time that a search is given. */
  readonly undecided: number;
  /** Over the whole run: equal for equal seeds and code. */
  readonly fingerprint: number;
}

const bootTimeoutMs = 120_000;
/** More never wait at once. */
const manyCalls = 1000;
const manyBytes = 16 * 1024 * 1024;

/** One life of a cluster: it is founded, lives under faults, must serve when they end, and is then looked through. */
export class Run {
  readonly cluster: Cluster;
  readonly #clients: Clients;
  readonly #faults: Faults;
  readonly #plan: Plan;
  #undecided = 0;

  constructor(plan: Plan, sink?: TraceSink) {
    this.#plan = plan;
    this.cluster = new Cluster(plan, sink, (cluster) => new LivenessWatch(cluster));
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
    this.cluster.phase('boot');
    await this.#boot();
    this.cluster.phase('safety');
    this.#clients.start();
    this.#faults.schedule(this.#plan.faults);
    const probes = new LivenessProbes(this.cluster, this.#clients);
    if (this.#plan.probes) probes.start();
    await this.cluster.runUntil(() => false, this.#plan.durationMs);
    this.#faults.end();
    const recovery = new Recovery(this.cluster, this.#clients);
    if (!this.cluster.failed) await recovery.ofMajority();
    this.#clients.stop();
    probes.stop();
    if (!this.cluster.failed) await recovery.ofAll();
    this.cluster.liveness.look();
    if (!this.cluster.failed) this.#check();
  }

  /** A founder, and others that join it one by one. */
  async #boot(): Promise<void> {
    const { cluster } = this;
    cluster.start(cluster.addMachine('founding'));
    await this.cluster.expect(
      'a founded cluster has a leader',
      bootTimeoutMs,
      () => cluster.leader() !== undefined,
    );
    for (let count = 2; count <= this.#plan.members && !cluster.failed; count++) {
      cluster.start(cluster.addMachine('joining'));
      await this.cluster.expect('a new member becomes a voter', bootTimeoutMs, () =>
        cluster.machines.every((each) => each.running && each.parts.machine.config.voters.length === count),
      );
    }
  }

  #check(): void {
    const { cluster } = this;
    this.cluster.phase('history');
    const operations = cluster.compactions.operations();
    const { wrong, undecided } = checkHistory(operations);
    this.#undecided = undecided;
    const told = cluster.membershipCalls.wrong();
    if (wrong !== undefined) cluster.fail(new Error(readable(wrong, keysOf(operations))));
    const [refusal] = checkRefusals(operations, this.#refusalTerms());
    if (refusal !== undefined) cluster.fail(new Error(describeViolation(refusal)));
    if (told !== undefined) cluster.fail(new Error(told));
  }

  #refusalTerms(): RefusalTerms {
    const { options, observer } = this.cluster;
    const { clients, driftMax } = this.#plan;
    return {
      timeoutMs: Math.min(clients.timeoutMs, options.requestTimeoutMs),
      clockRateMax: 1 + driftMax,
      cancels: clients.cancelProbability > 0,
      writesUnlimited:
        options.proposalsWaitingMax >= manyCalls && options.uncommittedSizeBytesMax >= manyBytes,
      readsUnlimited: options.readsWaitingMax >= manyCalls && options.raftReadsMax >= manyCalls,
      rangesUnlimited: options.rangeReadsMax >= manyCalls && options.pinnedRevisionsMax >= manyCalls,
      previousUnlimited: options.previousSizeBytesMax >= manyBytes,
      installed: observer.installed,
    };
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
      undecided: this.#undecided,
      fingerprint: cluster.fingerprint(),
    };
  }
}

function keysOf(operations: readonly Operation[]): string[] {
  return operations.flatMap(({ call }) => ('key' in call ? [call.key] : []));
}
