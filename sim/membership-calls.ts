import { KvorumError } from '../src/base/errors.js';
import type { MemberId } from '../src/base/ids.js';
import type { MemberOptions } from '../src/member/options.js';
import type { VirtualClock } from '../src/ports/virtual-clock.js';
import { decodeConfigChange } from '../src/raft/config-change.js';
import type { History } from './checkers/history.js';
import {
  checkMembership,
  checkMemberTables,
  describeMembershipViolation,
  type MemberTableCopy,
} from './checkers/membership.js';
import {
  describeMembershipCall,
  describeMembershipOutcome,
  MembershipHistory,
  type MembershipAnswer,
  type MembershipCall,
  type MembershipOutcome,
  type Moment,
} from './checkers/membership-history.js';
import type { MembershipTerms, MembershipTruth } from './checkers/membership-truth.js';
import type { Machine } from './machine.js';
import type { Observer } from './observer.js';
import type { Plan } from './plan.js';
import type { TraceEvent } from './trace.js';

/** More reads than these never wait at once. */
const manyReads = 1000;

/** Where the calls are made: the cluster. */
interface Scene {
  readonly plan: Plan;
  readonly options: MemberOptions;
  readonly clock: VirtualClock;
  readonly observer: Observer;
  readonly machines: readonly Machine[];
  /** Of the clients. */
  readonly history: History;
  readonly tracing: boolean;
  trace(where: string, event: TraceEvent['event'], text: string): void;
}

/** Who waits for the answer of a call. */
export interface Caller {
  answered(answer: MembershipAnswer): void;
  /** @throws what is no KvorumError */
  failed(error: unknown): void;
}

/** The calls of one run that change members or the leader, and what their callers were told. */
export class MembershipCalls {
  readonly #scene: Scene;
  readonly #history = new MembershipHistory();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** `machine` runs and is asked. @param timeoutMs what it is given for that */
  invoke(machine: Machine, call: MembershipCall, timeoutMs: number): Caller {
    const { raft, machine: state } = machine.parts;
    const { leader, term } = raft;
    const life = machine.life!.number;
    const asked = { id: machine.id, life, applied: state.applied.index, leader, term };
    this.#trace(machine, 'invoke', () => describeMembershipCall(call));
    const respond = this.#history.invoke(asked, call, timeoutMs, this.#now());
    const told = (outcome: MembershipOutcome): void => {
      respond(outcome, this.#now());
      const text = (): string => `${describeMembershipCall(call)}: ${describeMembershipOutcome(outcome)}`;
      this.#trace(machine, 'respond', text);
    };
    return {
      answered: (answer) => told({ kind: 'ok', answer }),
      failed: (error) => {
        if (!(error instanceof KvorumError) || error.code === 'INTERNAL') throw error;
        told({ kind: error.outcome === 'unknown' ? 'unknown' : 'failed', code: error.code });
      },
    };
  }

  #now(): Moment {
    const { clock, observer } = this.#scene;
    return {
      ms: clock.monotonicMs(),
      commit: observer.invariants.commit,
      leaders: observer.leaders.length,
    };
  }

  #trace(machine: Machine, event: 'invoke' | 'respond', text: () => string): void {
    if (this.#scene.tracing) this.#scene.trace(machine.name, event, text());
  }

  /** @returns what is wrong with what callers were told, or members know; undefined: nothing */
  wrong(): string | undefined {
    const truth = this.#truth();
    const [violation] = [
      ...checkMembership(this.#history.operations, truth, this.#terms()),
      ...checkMemberTables(this.#scene.machines.filter(({ running }) => running).map(tableOf), truth),
    ];
    return violation === undefined ? undefined : describeMembershipViolation(violation);
  }

  /** By an entry that is committed. */
  isRemoved(id: MemberId): boolean {
    return this.#truth().changes.some((change) => change.kind === 'remove' && change.id === id);
  }

  #truth(): MembershipTruth {
    const { machines, observer, history } = this.#scene;
    const founding = { index: 1, kind: 'add-voter', id: machines[0]!.id } as const;
    const later = observer.invariants.committed.flatMap((entry) => {
      if (entry?.type !== 'config') return [];
      const { index } = entry;
      return decodeConfigChange(entry.data).changes.map((change) => ({ index, ...change }));
    });
    const answered = history.operations.filter(({ outcome }) => outcome.kind === 'ok');
    const servedUntilMs = new Map(answered.map(({ server, invokedMs }) => [server, invokedMs]));
    return { changes: [founding, ...later], leaders: observer.leaders, servedUntilMs };
  }

  #terms(): MembershipTerms {
    const { options, plan } = this.#scene;
    return {
      requestTimeoutMs: options.requestTimeoutMs,
      clockRateMax: 1 + plan.driftMax,
      readsUnlimited: options.readsWaitingMax >= manyReads,
    };
  }
}

function tableOf({ name, parts }: Machine): MemberTableCopy {
  const { applied, config } = parts.machine;
  return {
    holder: name,
    applied: applied.index,
    members: parts.machine.members().map(({ id }) => id),
    voters: config.voters,
    removed: parts.machine.removedMembers(),
  };
}
