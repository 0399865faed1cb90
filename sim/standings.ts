import { noMember, type Index } from '../src/base/ids.js';
import { isMember } from '../src/raft/config-change.js';
import { holdMajority, isSound, possibleConfigs } from './budget.js';
import type { Standing } from './checkers/liveness.js';
import { snapshotMsMax } from './checkers/liveness-bounds.js';
import type { Cluster } from './cluster.js';
import type { Machine } from './machine.js';

/** What was committed before is asked for of the members: so many looks before. */
const lagLooks = 10;

/** What is true of each member, seen from outside: who is healthy, and who then leads whom. */
export class Standings {
  readonly #cluster: Cluster;
  /** The newest index that was committed at each of the last looks, oldest first. */
  readonly #commits: Index[] = [];
  #condition = '';

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** @returns of all members that run, and whether anything that they depend on is as it was when they were last looked at */
  look(): { readonly standings: readonly Standing[]; readonly changed: boolean } {
    const { machines, observer } = this.#cluster;
    if (this.#commits.push(observer.invariants.commit) > lagLooks) this.#commits.shift();
    const well = machines.filter((each) => this.#isWell(each));
    const healthy = this.#healthy(well);
    const condition = machines.map((each) => this.#conditionOf(each, well, healthy)).join(' ');
    const changed = condition !== this.#condition;
    this.#condition = condition;
    const joined = holdMajority(this.#cluster, (each) => healthy.includes(each) && !this.#isBehind(each));
    const standings = machines.flatMap((each) => {
      return each.running ? [{ ...this.#standing(each, healthy), joined }] : [];
    });
    return { standings, changed };
  }

  #conditionOf({ name, life }: Machine, well: readonly Machine[], healthy: readonly Machine[]): string {
    if (life?.member === undefined) return '';
    const isOneOf = (all: readonly Machine[]): boolean => all.some((each) => each.life === life);
    const state = life.process.paused ? 'paused' : isOneOf(healthy) ? 'healthy' : isOneOf(well) ? 'well' : '';
    return `${name}.${life.number}${state}`;
  }

  /** Nothing is wrong with the machine itself. */
  #isWell(machine: Machine): boolean {
    const { running, life, entrance, storage, capacityBytes } = machine;
    if (!running || life!.process.paused || entrance === 'joining') return false;
    return !storage.slow && capacityBytes === Infinity && isSound(machine);
  }

  /**
   * A majority of whom each reaches each, and nobody else is in the way: whoever reaches some of them without being
   * healthy reaches all, or stands still. While removals are under way, or what cannot be seen, there is none.
   */
  #healthy(well: readonly Machine[]): readonly Machine[] {
    const cluster = this.#cluster;
    if (cluster.removals > 0 || cluster.hiddenFaults > 0) return [];
    for (const one of well) {
      const group = well.filter((each) => each === one || this.#areLinked(one, each));
      if (!holdMajority(cluster, (machine) => group.includes(machine))) continue;
      return this.#isApart(group) ? group.filter((each) => this.#isMember(each)) : [];
    }
    return [];
  }

  #isApart(group: readonly Machine[]): boolean {
    const { machines, network } = this.#cluster;
    return machines.every((machine) => {
      if (!machine.running || machine.life!.process.paused) return true;
      const others = group.filter((each) => each !== machine);
      if (others.every((each) => this.#areLinked(machine, each))) return true;
      if (group.includes(machine)) return false;
      return others.every(
        (each) => !network.reaches(machine.id, each.id) && !network.reaches(each.id, machine.id),
      );
    });
  }

  /** In all that may become of the cluster. */
  #isMember({ id }: Machine): boolean {
    return possibleConfigs(this.#cluster).every(
      (config) => config.voters.length === 0 || isMember(config, id),
    );
  }

  #areLinked(one: Machine, other: Machine): boolean {
    return this.#isLinkFine(one, other) && this.#isLinkFine(other, one);
  }

  #isLinkFine({ id: from }: Machine, { id: to }: Machine): boolean {
    const { network, options } = this.#cluster;
    if (!network.reaches(from, to)) return false;
    const { conditions } = network;
    const link = network.conditionsOf(from, to);
    if (link === conditions) return true;
    const isLost = link.lossProbability !== conditions.lossProbability || link.bandwidthBytesPerMs < Infinity;
    return !isLost && link.latencyMsMax <= options.electionTimeoutMs;
  }

  #standing(machine: Machine, group: readonly Machine[]): Omit<Standing, 'joined'> {
    const { name, life, storage } = machine;
    const { raft, machine: state } = machine.parts;
    const diskSinceMs = storage.slowLogSinceMs;
    const healthy = group.includes(machine) && !this.#followsAnother(machine, group);
    const behind = this.#isBehind(machine);
    return {
      life: `${name}.${life!.number}`,
      runs: !life!.process.paused,
      healthy,
      led: healthy && this.#isLed(machine, group),
      behind,
      transferMs: behind ? this.#transferMs() : 0,
      appliedIndex: state.applied.index,
      ownWrites: raft.role === 'leader' ? machine.compactions : Infinity,
      serving: life!.member!.serving,
      diskSinceMs,
      replaceable: diskSinceMs !== undefined && raft.role === 'leader' && group.length > 0,
      slowerMs: healthy ? this.#slowerMs(group) : 0,
    };
  }

  #isBehind({ parts }: Machine): boolean {
    return parts.machine.applied.index < this.#commits[0]!;
  }

  #leaderOf({ parts }: Machine, machines: readonly Machine[]): Machine | undefined {
    const { leader, term } = parts.raft;
    if (leader === noMember) return undefined;
    return machines.find((each) => {
      const raft = each.id === leader ? each.life?.parts?.raft : undefined;
      return raft !== undefined && raft.role === 'leader' && raft.term === term;
    });
  }

  #isLed(machine: Machine, group: readonly Machine[]): boolean {
    const leader = this.#leaderOf(machine, group);
    return leader !== undefined && leader.parts.raft.status().transferTarget === noMember;
  }

  /** One that is not healthy, and leads all the same, as it may. */
  #followsAnother(machine: Machine, group: readonly Machine[]): boolean {
    const leader = this.#leaderOf(machine, this.#cluster.machines);
    return leader !== undefined && !group.includes(leader);
  }

  /** There and back, twice. */
  #slowerMs(group: readonly Machine[]): number {
    const { network } = this.#cluster;
    let latencyMs = network.conditions.latencyMsMax;
    for (const one of group) {
      for (const other of group) {
        const { latencyMsMax } = network.conditionsOf(one.id, other.id);
        latencyMs = Math.max(latencyMs, latencyMsMax);
      }
    }
    return 4 * (latencyMs - network.conditions.latencyMsMax);
  }

  /** One that breaks off goes on where it was; a second may follow. */
  #transferMs(): number {
    const { machines, plan, options } = this.#cluster;
    const stateSizeBytes = Math.max(...machines.map(({ backend }) => backend.sizeBytes()));
    const { lossProbability } = plan.network;
    const onceMs = snapshotMsMax({ ...plan, options }, stateSizeBytes, machines.length - 1);
    return onceMs * (lossProbability > 0 ? 4 : 2);
  }
}
