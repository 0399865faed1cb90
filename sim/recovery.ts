import { holdMajority, isSound } from './budget.js';
import { comparisonsLevel } from './builds.js';
import type { Call, Outcome } from './checkers/history.js';
import type { Clients } from './clients.js';
import type { Cluster } from './cluster.js';
import { Dice } from './dice.js';
import type { Machine } from './machine.js';

/**
 * What must happen when faults end (the liveness phase): a majority without faults serves within a bounded time
 * whatever the others do, then all come back and become equal.
 */
export class Recovery {
  readonly #cluster: Cluster;
  readonly #clients: Clients;

  constructor(cluster: Cluster, clients: Clients) {
    this.#cluster = cluster;
    this.#clients = clients;
  }

  /**
   * With the time that the state takes to a member that has nothing: each chunk has an answer of its own, and waits for
   * the disk; then it is put in place, maybe twice.
   */
  get #timeoutMs(): number {
    const { machines, options, plan } = this.#cluster;
    const { writeDelayProbability, reportDelayProbability, syncMsMax } = plan.disk;
    const stateSizeBytes = Math.max(...machines.map(({ backend }) => backend.sizeBytes()));
    const chunks = stateSizeBytes / options.snapshotChunkSizeBytes;
    const writeMs = (writeDelayProbability + reportDelayProbability) * Math.max(1, syncMsMax);
    const chunkMs = 2 * plan.network.latencyMsMax + writeMs;
    const installMs = 2 * plan.disk.installMsMax;
    // Those that cannot be brought it at a time wait for each other.
    const waves = Math.ceil((machines.length - 1) / options.snapshotViewsMax);
    return 40 * options.electionTimeoutMs + 20_000 + waves * (Math.ceil(chunks * chunkMs) + installMs);
  }

  async ofMajority(): Promise<void> {
    const cluster = this.#cluster;
    cluster.phase('recovery of a majority');
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
    const cluster = this.#cluster;
    const dice = Dice.of(cluster.plan.seed, 'core');
    const sound = dice.shuffled(cluster.machines.filter((each) => isSound(each) && each.knowsCluster));
    for (let size = 1; size <= sound.length; size++) {
      const core = sound.slice(0, size);
      // A removal that is under way may yet take one of them out of the configuration.
      const mayLeave = cluster.removals > 0 ? core : [undefined];
      const suffices = mayLeave.every((leaving) =>
        holdMajority(cluster, (machine) => machine !== leaving && core.includes(machine)),
      );
      if (suffices) return core;
    }
    return sound;
  }

  async ofAll(): Promise<void> {
    const cluster = this.#cluster;
    cluster.phase('all come back');
    for (const machine of cluster.machines) this.#installNewer(machine);
    await this.#serve('the whole cluster', cluster.machines);
    await this.#becomeKnown();
    await cluster.expect('the feature level is raised', this.#timeoutMs, () => this.#isRaised());
    await this.#forget();
    await cluster.expect('all members reach one index', this.#timeoutMs, () => {
      const leader = cluster.leader();
      if (leader === undefined) return false;
      const { lastIndex } = leader.parts.raft;
      return cluster.machines.every(
        (each) => cluster.isOut(each) || (each.running && each.parts.machine.applied.index === lastIndex),
      );
    });
    if (cluster.failed) return;
    const members = cluster.running().filter((each) => !cluster.isOut(each) && !each.backend.holdsRot);
    const hashes = new Set(members.map((each) => each.member!.hash()));
    if (hashes.size > 1) cluster.fail(new Error('the states of the members differ in the end'));
  }

  /** Whoever came back elsewhere has made it known by itself: from now on nobody needs to be told. */
  async #becomeKnown(): Promise<void> {
    const cluster = this.#cluster;
    if (cluster.machines.every(({ moves }) => moves === 0)) return;
    await cluster.expect('the addresses of the members are known', this.#timeoutMs, () => {
      const members = cluster.leader()?.parts.machine.members() ?? [];
      return cluster.machines.every(
        (machine) =>
          cluster.isOut(machine) ||
          members.some(({ id, peerAddress }) => id === machine.id && peerAddress === machine.address),
      );
    });
  }

  /** What the policy names goes, though nobody writes, and with it all that only it had. */
  async #forget(): Promise<void> {
    const cluster = this.#cluster;
    const { compactions, options, plan } = cluster;
    if (cluster.failed || !compactions.byPolicy) return;
    const revisions = cluster.running().map((each) => each.parts.machine.revision);
    const due = compactions.due(Math.max(...revisions));
    if (due === 0) return;
    const agesMs = (2 * options.compactionAgeMs) / (1 - plan.driftMax);
    await cluster.expect('what the policy names is forgotten', this.#timeoutMs + agesMs, () =>
      cluster.machines.every((each) => {
        if (cluster.isOut(each)) return true;
        const state = each.running ? each.parts.machine : undefined;
        return state !== undefined && state.compactRevision >= due && !state.compactionPending;
      }),
    );
  }

  #installNewer(machine: Machine): void {
    if (machine.gone || machine.levels.max === comparisonsLevel) return;
    machine.upgrade();
    if (machine.life !== undefined) this.#cluster.end(machine, 'kill');
  }

  /** Unless one that will not come back holds it: it has said that it does not know the next. */
  #isRaised(): boolean {
    const { machines, observer } = this.#cluster;
    const members = this.#cluster.leader()?.parts.machine.members() ?? [];
    const holding = members.filter(({ levels }) => levels.max < comparisonsLevel);
    const isGone = (id: bigint): boolean => machines.find((each) => each.id === id)?.gone !== false;
    return observer.featureLevel === comparisonsLevel || holding.some(({ id }) => isGone(id));
  }

  /** Within a bounded time each of `machines` writes and reads. */
  async #serve(what: string, machines: readonly Machine[]): Promise<void> {
    const cluster = this.#cluster;
    const served = new Set<Machine>();
    const isMissing = (machine: Machine): boolean => !served.has(machine) && !cluster.isOut(machine);
    const attempts = machines.map((machine) => new Attempts(cluster, this.#clients, machine));
    for (const each of attempts) each.begin(() => served.add(each.machine));
    await cluster.expect(`${what} serves`, this.#timeoutMs, () => !machines.some(isMissing));
    for (const each of attempts) each.end();
    const left = machines.filter(isMissing);
    if (left.length > 0) cluster.trace('run', 'failure', `not served by ${names(left)}`);
  }
}

/**
 * Calls that are given up and made again at once are more than a member takes that may hold next to nothing back until
 * its state is on disk: none of them would ever be answered in time.
 */
const probeTimeoutMsMin = 3000;

/** An operator and a client who try to get one machine to serve. */
class Attempts {
  readonly #cluster: Cluster;
  readonly #clients: Clients;
  readonly machine: Machine;
  #over = false;
  /** One that was told to stop before may serve once more, then end: it is started again all the same. */
  #served = false;

  constructor(cluster: Cluster, clients: Clients, machine: Machine) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.machine = machine;
  }

  begin(done: () => void): void {
    if (this.machine.startable) this.#cluster.start(this.machine);
    this.#again(0, done);
  }

  end(): void {
    this.#over = true;
  }

  #again(delayMs: number, done: () => void): void {
    this.#cluster.clock.setTimer(delayMs, () => {
      if (this.#over || this.machine.gone) return;
      if (this.machine.startable) this.#cluster.start(this.machine);
      if (!this.#served && this.machine.running && this.machine.knowsCluster) this.#call(done);
      else this.#later(done);
    });
  }

  #later(done: () => void): void {
    this.#again(this.#cluster.options.electionTimeoutMs / 2, done);
  }

  #call(done: () => void): void {
    const { machine } = this;
    const timeoutMs = Math.max(this.#cluster.plan.clients.timeoutMs, probeTimeoutMsMin);
    const probe = (call: Call, answered: (outcome: Outcome | undefined) => void): void =>
      this.#clients.call('probe', machine, call, answered, timeoutMs);
    const value = `last-${machine.name}-${this.#cluster.history.operations.length}`;
    const put = { type: 'put', key: 'k0', value, previous: false } as const;
    const get = {
      type: 'range',
      key: 'k0',
      end: undefined,
      revision: 0,
      limit: 0,
      serializable: false,
    } as const;
    const calls: readonly Call[] = [put, get, { ...get, end: 'k1' }];
    const next = (at: number): void => {
      const call = calls[at];
      if (call === undefined) {
        this.#served = true;
        done();
        this.#later(done);
        return;
      }
      probe(call, (outcome) => {
        if (outcome?.kind === 'ok' && machine.running) next(at + 1);
        else this.#later(done);
      });
    };
    next(0);
  }
}

function names(machines: readonly Machine[]): string {
  return machines.map((each) => each.name).join(' ');
}
