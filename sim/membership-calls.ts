import { KvorumError } from '../src/base/errors.js';
import type { VirtualClock } from '../src/ports/virtual-clock.js';
import { decodeConfigChange } from '../src/raft/config-change.js';
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
    const [violation] = [
      ...checkMembership(this.#history.operations, truth),
      ...checkMemberTables(this.#scene.machines.filter(({ running }) => running).map(tableOf), truth),
    ];
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
