import { KvorumError } from '../src/base/errors.js';
import type { VirtualClock } from '../src/ports/virtual-clock.js';
import { decodeConfigChange } from '../src/raft/config-change.js';
import {
  checkMembership,
  checkMemberTables,
  describeMembershipViolation,
  type MembershipViolation,
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
import type { MembershipTruth } from './checkers/membership-truth.js';
import type { Machine } from './machine.js';
import type { Observer } from './observer.js';
import type { TraceEvent } from './trace.js';

/** Where the calls are made: the cluster. */
interface Scene {
  readonly clock: VirtualClock;
  readonly observer: Observer;
  readonly machines: readonly Machine[];
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

  /** `machine` runs and is asked. */
  invoke(machine: Machine, call: MembershipCall): Caller {
    const { index } = machine.parts.machine.applied;
    const asked = { id: machine.id, life: machine.life!.number, applied: index };
    this.#trace(machine, 'invoke', () => describeMembershipCall(call));
    const respond = this.#history.invoke(asked, call, this.#now());
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
    const violation = [
      ...checkMembership(this.#history.operations, truth),
      ...checkMemberTables(this.#scene.machines.filter(({ running }) => running).map(tableOf), truth),
    ].find((each) => !isOpen(each, truth));
    return violation === undefined ? undefined : describeMembershipViolation(violation);
  }

  #truth(): MembershipTruth {
    const { machines, observer } = this.#scene;
    const founding = { index: 1, kind: 'add-voter', id: machines[0]!.id } as const;
    const later = observer.invariants.committed.flatMap((entry) => {
      if (entry?.type !== 'config') return [];
      const { index } = entry;
      return decodeConfigChange(entry.data).changes.map((change) => ({ index, ...change }));
    });
    return { changes: [founding, ...later], leaders: observer.leaders };
  }
}

/**
 * Known, and not mended yet: a joiner is told MEMBER_REMOVED of the member that it asked (seed 6000198), and a change that
 * another member than the leader asked for is taken for lost when a new leader comes and the old one's answer has
 * not (seed 5103).
 */
function isOpen({ operations }: MembershipViolation, { changes, leaders }: MembershipTruth): boolean {
  return operations.some(({ asked, call, outcome, invoked, responded }) => {
    if (outcome.kind !== 'failed' || responded === undefined) return false;
    if (outcome.code === 'MEMBER_REMOVED') {
      const isRemoved = changes.some(({ kind, id }) => kind === 'remove' && id === asked.id);
      return call.type === 'join' && isRemoved;
    }
    const led = leaders[invoked.leaders - 1] === asked.id;
    const decided = ['NO_LEADER', 'MEMBER_STOPPING'].includes(outcome.code);
    return decided && !led && invoked.leaders < responded.leaders;
  });
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
