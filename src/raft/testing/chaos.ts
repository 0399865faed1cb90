import { assert } from '../../base/assert.js';
import type { RandomSource } from '../../base/prng.js';
import { Prng, randomInt } from '../../base/prng.js';
import { noMember } from '../../base/ids.js';
import type { ConfigChange, MemberId, Message } from '../types.js';
import type { ClusterOptions } from './cluster.js';
import { Cluster } from './cluster.js';
import { ClientHistory } from './history.js';
import type { Member } from './member.js';

/** Members that one run may see, removed ones included. */
const membersMax = 8;
const stepsPerRun = 3000;
/** After healing, a cluster must have served a write everywhere within so many ticks. */
const healTicksMax = 400;

export interface ChaosOutcome {
  readonly commits: number;
  readonly reads: number;
  readonly configChanges: number;
  readonly terms: number;
}

/**
 * One run from a seed: random options, then random steps over a bad network, bad disks and bad luck, each
 * checked; then everything heals and must make progress.
 */
export class Chaos {
  readonly #random: RandomSource;
  readonly #history = new ClientHistory();
  readonly #cluster: Cluster;
  /** Directed links that lose everything, as from * 100 + to. */
  readonly #cut = new Set<number>();
  /** Per mille of messages that are lost, or come twice. */
  readonly #lossPerMille: number;
  /** Per mille of steps that are a fault or a change of plan. */
  readonly #stormPerMille: number;
  /** Elections follow each other quickly: terms overlap. */
  readonly #hurried: boolean;
  readonly #changesMembers: boolean;
  readonly #ticksTogether: boolean;
  /** Term and vote are written ahead of what was handed out before them. */
  readonly #overtakes: boolean;
  /** What is applied is let go from memory, and read from disk for those that lack it. */
  readonly #releases: boolean;

  constructor(seed: number) {
    this.#random = new Prng(seed);
    const options = this.#options();
    this.#ticksTogether = options.leaseReads || this.#chance(300);
    this.#lossPerMille = this.#chance(500) ? 0 : this.#below(200);
    this.#stormPerMille = 5 + this.#below(100);
    this.#hurried = this.#chance(500);
    this.#changesMembers = this.#chance(600);
    this.#overtakes = this.#chance(500);
    this.#releases = this.#chance(500);
    const founders = Array.from({ length: 1 + this.#below(5) }, (_, at) => BigInt(at + 1));
    this.#cluster = new Cluster(founders, options, seed, {
      proposalResult: (member, result) => this.#history.result(member, result),
      readState: (_, state) => this.#history.readState(state),
    });
  }

  #below(bound: number): number {
    return randomInt(this.#random, bound);
  }

  #chance(perMille: number): boolean {
    return this.#below(1000) < perMille;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#below(from.length)]!;
  }

  #options(): ClusterOptions {
    const checkQuorum = this.#chance(600);
    return {
      electionTicks: 4 + this.#below(8),
      heartbeatTicks: 1 + this.#below(2),
      preVote: this.#chance(600),
      checkQuorum,
      leaseReads: checkQuorum && this.#chance(300),
      messageEntriesSizeBytesMax: this.#pick([1, 100, 1 << 20]),
      inflightMessagesMax: this.#pick([1, 2, 256]),
      inflightSizeBytesMax: this.#pick([100, 1 << 20]),
      uncommittedSizeBytesMax: this.#pick([200, 1 << 20]),
      committedSizeBytesMax: this.#pick([1, 100, 1 << 20]),
    };
  }

  run(): ChaosOutcome {
    for (let step = 0; step < stepsPerRun; step++) {
      this.#step();
      this.#history.committed(this.#cluster.invariants.committed);
    }
    this.#heal();
    const { committed } = this.#cluster.invariants;
    return {
      commits: this.#history.proposalsCommitted,
      reads: this.#history.readsAnswered,
      configChanges: committed.filter((entry) => entry?.type === 'config').length,
      terms: committed[committed.length - 1]?.term ?? 0,
    };
  }

  #step(): void {
    const alive = this.#cluster.alive;
    if (this.#chance(20) && alive.length < this.#cluster.members.size) {
      const dead = [...this.#cluster.members.values()].filter((member) => !member.alive);
      const member = this.#pick(dead);
      member.startsWithNewestEntries = this.#releases;
      member.restart();
      return;
    }
    if (alive.length === 0) return;
    const member = this.#pick(alive);
    if (this.#chance(this.#stormPerMille)) {
      this.#rare(member);
      return;
    }
    const dice = this.#below(1000);
    if (dice < 500) for (let burst = this.#below(12); burst >= 0; burst--) this.#deliverOne();
    else if (dice < 620) this.#tick(member);
    else if (dice < 780) for (let burst = this.#below(8); burst >= 0; burst--) this.#persist(member);
    else if (dice < 900) for (let burst = this.#below(8); burst >= 0; burst--) this.#apply(member);
    else if (dice < 950) this.#history.propose(member, this.#history.nextTag(), this.#below(60));
    else this.#history.read(member, this.#cluster.invariants.commit);
  }

  #persist(member: Member): void {
    if (this.#overtakes && this.#chance(300)) member.persistHardState();
    else if (member.writes.length > 0) member.persist(this.#chance(700));
  }

  #apply(member: Member): void {
    member.apply();
    if (!this.#releases) return;
    if (this.#chance(300)) member.release(member.applied - this.#below(4));
    if (this.#chance(500)) member.readLog(1 + this.#below(5));
  }

  #deliverOne(): void {
    const { messages } = this.#cluster;
    if (messages.length === 0) return;
    // Mostly in order, now and then anything.
    const at = this.#chance(850) ? this.#below(Math.min(3, messages.length)) : this.#below(messages.length);
    const message = messages[at]!;
    if (!this.#chance(30)) messages.splice(at, 1);
    if (this.#isCut(message) || this.#chance(this.#lossPerMille)) this.#cluster.drop(message);
    else this.#cluster.deliver(message);
  }

  #isCut({ from, to }: Message): boolean {
    return this.#cut.has(Number(from) * 100 + Number(to));
  }

  #tick(member: Member): void {
    if (this.#ticksTogether) {
      if (this.#chance(350)) this.#cluster.tickAll();
    } else {
      member.input((raft) => raft.tick());
    }
  }

  #rare(member: Member): void {
    const others = [...this.#cluster.members.keys()];
    switch (this.#below(10)) {
      case 0:
        this.#crash(this.#chance(500) ? (this.#cluster.leader ?? member) : member);
        return;
      case 1:
        this.#cutOrMend();
        return;
      case 2:
        member.flush(member.store.applied + this.#below(10));
        member.compact(member.store.applied - this.#below(5));
        return;
      case 3:
        member.input((raft) => raft.transferLeadership(this.#chance(500) ? noMember : this.#pick(others)));
        return;
      case 4:
        member.input((raft) => raft.leaderConnectionLost(raft.leader));
        return;
      case 5:
        member.input((raft) => raft.reportUnreachable(this.#pick(others)));
        return;
      case 6:
        member.input((raft) => raft.campaign());
        return;
      default:
        if (this.#changesMembers && this.#chance(600)) {
          this.#changeConfig(this.#chance(300) ? member : (this.#cluster.leader ?? member));
        } else if (this.#hurried) {
          member.input((raft) => raft.campaign());
        }
    }
  }

  #crash(member: Member): void {
    const hardStateKept = this.#overtakes && this.#chance(300);
    member.crash(this.#below(member.writes.length + 1), hardStateKept);
  }

  #cutOrMend(): void {
    if (this.#chance(500)) {
      this.#cut.clear();
      return;
    }
    const ids = [...this.#cluster.members.keys()];
    const lonely = Number(this.#pick(ids));
    const outward = this.#chance(700);
    const inward = !outward || this.#chance(700);
    for (const id of ids) {
      if (outward) this.#cut.add(lonely * 100 + Number(id));
      if (inward) this.#cut.add(Number(id) * 100 + lonely);
    }
  }

  #changeConfig(member: Member): void {
    const { config, configIndex } = member.raft.status();
    const changes: ConfigChange['changes'][number][] = [];
    const touched = new Set<MemberId>();
    const add = (kind: ConfigChange['changes'][number]['kind'], id: MemberId | undefined): void => {
      if (id === undefined || touched.has(id)) return;
      touched.add(id);
      changes.push({ kind, id });
    };
    for (let count = this.#chance(700) ? 1 : 2 + this.#below(2); count > 0; count--) {
      const voter = config.voters.length > 0 ? this.#pick(config.voters) : undefined;
      const learner = config.learners.length > 0 ? this.#pick(config.learners) : undefined;
      switch (this.#below(6)) {
        case 0:
          add('remove', this.#chance(700) ? voter : learner);
          break;
        case 1:
          add('add-learner', voter);
          break;
        case 2:
        case 3:
          add('add-voter', learner);
          break;
        default:
          add(this.#chance(800) ? 'add-learner' : 'add-voter', this.#newcomer());
      }
    }
    if (changes.length === 0) return;
    this.#history.proposeConfig(member, changes, configIndex, this.#history.nextTag());
  }

  #newcomer(): MemberId | undefined {
    const count = this.#cluster.members.size;
    if (count >= membersMax) return undefined;
    const id = BigInt(count + 1);
    this.#cluster.addMember(id);
    return id;
  }

  /** No more faults: a write must get through, and everyone in the configuration must apply it. */
  #heal(): void {
    const cluster = this.#cluster;
    this.#cut.clear();
    for (const member of cluster.members.values()) if (!member.alive) member.restart();
    for (let tick = 0, tag = ''; ; tick++) {
      assert(tick < healTicksMax, 'no progress after everything has healed');
      cluster.tickAll();
      cluster.stabilize();
      this.#history.committed(cluster.invariants.committed);
      const leader = cluster.leader;
      if (leader === undefined) continue;
      if (tag !== '' && this.#history.isCommitted(tag) && this.#isServedEverywhere(leader)) return;
      if (tag === '' || tick % 20 === 0) {
        tag = this.#history.nextTag();
        this.#history.propose(leader, tag, 10);
        this.#history.read(leader, cluster.invariants.commit);
      }
    }
  }

  #isServedEverywhere(leader: Member): boolean {
    const { config } = leader.raft.status();
    if (config.votersOutgoing.length > 0) return false;
    return [...config.voters, ...config.learners].every((id) => {
      const { raft, applied } = this.#cluster.member(id);
      return raft.leader === leader.id && applied === leader.applied && applied === leader.raft.lastIndex;
    });
  }
}
