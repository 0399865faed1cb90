import type { Message, Term } from '../../src/raft/types.js';
import type { Machine } from '../machine.js';
import { castOf, playMsMax } from './cast.js';
import type { Fault } from './scene.js';
import { play, type Gate, type Stage } from './stage.js';

/** Answers that a leader hears late: so many let it go on for longer than two elections take. */
const answersKept = 12;

/**
 * A member learns of a term that is newer than its leader's just when it has given that leader a lease: a candidate
 * of that term stands already, and what it said is late. The leader must not be replaced before the lease is over.
 */
export const leaseGiven: Fault = (scene) => {
  const { cluster } = scene;
  const cast = castOf(cluster);
  if (cast === undefined || cast.others.length !== 2) return undefined;
  const [one, other] = cast.others;
  play(scene, playMsMax, (stage) => new LeaseGiven(stage, cast.leader, [one!, other!]).play());
  return cast.leader.name;
};

class LeaseGiven {
  readonly #stage: Stage;
  readonly #leader: Machine;
  readonly #followers: readonly [Machine, Machine];
  /** The first of the followers that stood. */
  #candidate: Machine | undefined;
  #act: 'answers are kept' | 'nothing passes' | 'a lease is given' | 'the candidate is heard' =
    'answers are kept';

  constructor(stage: Stage, leader: Machine, followers: readonly [Machine, Machine]) {
    this.#stage = stage;
    this.#leader = leader;
    this.#followers = followers;
  }

  async play(): Promise<void> {
    const stage = this.#stage;
    const leader = this.#leader;
    const { electionTimeoutMs } = stage.cluster.options;
    const toLeader = stage.gate(leader, (message) => this.#isLateAtLeader(message));
    const gates = this.#followers.map((each) => stage.gate(each, (message) => this.#isLate(message)));
    await stage.until(() => toLeader.held.length >= answersKept, electionTimeoutMs * 5);
    this.#act = 'nothing passes';
    const { term } = leader.parts.raft;
    const feeding = this.#feed(toLeader, term);
    await stage.until(() => this.#standing() !== undefined, electionTimeoutMs * 3);
    const candidate = this.#standing()!;
    this.#candidate = candidate;
    const at = this.#followers[0] === candidate ? 1 : 0;
    const follower = this.#followers[at];
    await stage.until(() => gates[at]!.held.some(isRefusal), electionTimeoutMs * 2);
    stage.tell(`${candidate.name} stands, ${follower.name} gives a lease`);
    this.#act = 'a lease is given';
    await stage.until(() => leader.running && leader.parts.raft.status().readLease, electionTimeoutMs / 2);
    feeding();
    stage.need(follower.running && follower.parts.raft.term === term);
    this.#act = 'the candidate is heard';
    gates[at]!.release(isRefusal);
    gates[at]!.release(({ from }) => from === candidate.id);
    await stage.pass(electionTimeoutMs);
  }

  /** Of one follower alone: the other's keep the leader in office meanwhile. */
  #isLateAtLeader({ type, from }: Message): boolean {
    if (type !== 'heartbeat-response') return this.#act !== 'answers are kept';
    if (this.#act === 'answers are kept') return from === this.#followers[0].id;
    return this.#act !== 'a lease is given' || from === this.#candidate?.id;
  }

  /** Of the leader, heartbeats alone may come: not the entries that the candidate does not hold. */
  #isLate(message: Message): boolean {
    if (this.#act === 'answers are kept') return false;
    if (message.from === this.#leader.id) {
      const gives = this.#act === 'a lease is given' && message.to !== this.#candidate?.id;
      return !gives || message.type !== 'heartbeat';
    }
    if (this.#act === 'the candidate is heard') return false;
    return message.from === this.#candidate?.id || isRefusal(message) || isCandidacy(message);
  }

  /** The leader hears an old answer now and then. @returns ends it */
  #feed(gate: Gate, term: Term): () => void {
    const { clock, options } = this.#stage.cluster;
    let feeds = true;
    const feed = (): void => {
      if (!feeds) return;
      gate.release((message) => message.type === 'heartbeat-response' && message.term === term, 1);
      clock.setTimer(options.electionTimeoutMs * 0.4, feed);
    };
    feed();
    return this.#stage.lasts(() => {
      feeds = false;
    });
  }

  #standing(): Machine | undefined {
    return this.#followers.find((each) => each.running && each.parts.raft.role === 'candidate');
  }
}

function isCandidacy(message: Message): boolean {
  return message.type === 'vote-request' && !message.preVote;
}

function isRefusal(message: Message): boolean {
  return message.type === 'vote-response' && !message.granted;
}
