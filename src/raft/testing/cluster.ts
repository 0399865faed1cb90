import { assert } from '../../base/assert.js';
import { votersConfig } from '../config-change.js';
import type { Raft, RaftOptions } from '../raft.js';
import type { MemberId, Message, ProposalResult, ReadState, Ready, SnapshotMeta } from '../types.js';
import { Invariants } from './invariants.js';
import { Member } from './member.js';
import { genesis } from './stable-store.js';

export type ClusterOptions = Omit<RaftOptions, 'id' | 'random'>;

export const defaultClusterOptions: ClusterOptions = {
  electionTicks: 10,
  heartbeatTicks: 1,
  preVote: true,
  checkQuorum: true,
  leaseReads: false,
  messageEntriesSizeBytesMax: 1 << 20,
  inflightMessagesMax: 256,
  inflightSizeBytesMax: 16 << 20,
  uncommittedSizeBytesMax: 64 << 20,
  committedSizeBytesMax: 1 << 20,
};

export interface ClusterEvents {
  proposalResult?(member: Member, result: ProposalResult): void;
  readState?(member: Member, state: ReadState): void;
  ready?(member: Member, ready: Ready): void;
  sent?(message: Message): void;
}

/** Cores that talk through a list of messages. Nothing moves unless told; every step is checked. */
export class Cluster {
  readonly members = new Map<MemberId, Member>();
  readonly invariants = new Invariants(this.members);
  /** On their way, in the order sent. */
  messages: Message[] = [];
  readonly #options: ClusterOptions;
  readonly #seed: number;
  readonly #events: ClusterEvents;

  constructor(
    founders: readonly MemberId[],
    options: ClusterOptions,
    seed: number,
    events: ClusterEvents = {},
  ) {
    this.#options = options;
    this.#seed = seed;
    this.#events = events;
    for (const id of founders) this.addMember(id, genesis(votersConfig(founders)));
  }

  /** A new process; without a snapshot it knows nothing and waits for one. */
  addMember(id: MemberId, snapshot: SnapshotMeta = genesis()): Member {
    assert(!this.members.has(id), 'a member id is used once');
    const member = new Member(id, this.#options, snapshot, this.#seed, {
      send: (message) => {
        this.messages.push(message);
        this.#events.sent?.(message);
      },
      stepped: (stepped) => this.invariants.checkStep(stepped),
      ready: (of, ready) => this.#ready(of, ready),
    });
    this.members.set(id, member);
    return member;
  }

  #ready(member: Member, ready: Ready): void {
    this.invariants.checkReady(member, ready);
    this.#events.ready?.(member, ready);
    for (const result of ready.proposalResults) this.#events.proposalResult?.(member, result);
    for (const state of ready.readStates) this.#events.readState?.(member, state);
  }

  member(id: MemberId): Member {
    const member = this.members.get(id);
    assert(member !== undefined, `there is no member ${id}`);
    return member;
  }

  get alive(): Member[] {
    return [...this.members.values()].filter((member) => member.alive);
  }

  /** The leader of the newest term. */
  get leader(): Member | undefined {
    const leaders = this.alive.filter((member) => member.raft.role === 'leader');
    return leaders.sort((left, right) => right.raft.term - left.raft.term)[0];
  }

  /** Hands a message that was taken from the list to its receiver; a snapshot's sender is told. */
  deliver(message: Message): void {
    const receiver = this.members.get(message.to);
    const arrived = receiver?.alive === true;
    if (arrived) receiver.input((raft) => raft.step(message));
    if (message.type === 'snapshot') this.#reportSnapshot(message, arrived);
  }

  drop(message: Message): void {
    if (message.type === 'snapshot') this.#reportSnapshot(message, false);
  }

  #reportSnapshot(message: Message, ok: boolean): void {
    const sender = this.member(message.from);
    if (sender.alive) sender.input((raft) => raft.reportSnapshot(message.to, ok));
  }

  /** Delivers, writes and applies until nothing is left to do. `passes` decides on each message. */
  stabilize(passes: (message: Message) => boolean = () => true): void {
    for (let round = 0; ; round++) {
      assert(round < 10_000, 'the cluster does not come to rest');
      const arriving = this.messages;
      this.messages = [];
      let worked = arriving.length > 0;
      for (const message of arriving) {
        if (passes(message)) this.deliver(message);
        else this.drop(message);
      }
      for (const member of this.alive) {
        while (member.writes.length > 0 || member.tasks.length > 0 || member.reads.length > 0) {
          worked = true;
          member.persist();
          member.apply();
          member.readLog(Infinity);
        }
      }
      if (!worked) return;
    }
  }

  tickAll(ticks = 1): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const member of this.alive) member.input((raft) => raft.tick());
    }
  }

  input(id: MemberId, action: (raft: Raft) => void): void {
    this.member(id).input(action);
  }
}
