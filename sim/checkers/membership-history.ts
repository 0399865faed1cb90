import { assert } from '../../src/base/assert.js';
import type { Index, MemberId, Term } from '../../src/base/ids.js';

/** What whoever changes members asks for. */
export interface MembershipCall {
  readonly type: 'remove' | 'join' | 'transfer';
  /** Who is to leave, to be let in, or to lead; noMember: whoever can. */
  readonly target: MemberId;
}

export type MembershipAnswer =
  | { readonly type: 'remove' }
  /** Who the members are. */
  | { readonly type: 'join'; readonly members: readonly MemberId[] }
  /** Who leads now. */
  | { readonly type: 'transfer'; readonly leader: MemberId };

export type MembershipOutcome =
  | { readonly kind: 'ok'; readonly answer: MembershipAnswer }
  /** It certainly had no effect, and never will. */
  | { readonly kind: 'failed'; readonly code: string }
  /** It may take effect at any time after its invocation, or never. */
  | { readonly kind: 'unknown'; readonly code: string };

/** How far a cluster has come, as one sees it who sees all of it. */
export interface Moment {
  readonly ms: number;
  /** The newest index that any leader has committed. */
  readonly commit: Index;
  /** So many have begun to lead. */
  readonly leaders: number;
}

/** A member to which a call was made. */
export interface Asked {
  readonly id: MemberId;
  /** Which of its lives. */
  readonly life: number;
  /** What it had applied then. */
  readonly applied: Index;
  /** Whom it took for the leader then, and of which term; noMember: it knew of none. */
  readonly leader: MemberId;
  readonly term: Term;
}

/** A call and what its caller was told. */
export interface MembershipOperation {
  readonly id: number;
  readonly asked: Asked;
  readonly call: MembershipCall;
  /** What the member is given for it. */
  readonly timeoutMs: number;
  readonly invoked: Moment;
  readonly outcome: MembershipOutcome;
  /** undefined: no response came. */
  readonly responded: Moment | undefined;
}

/** What is wrong with what the callers were told. */
export interface MembershipViolation {
  readonly rule: string;
  readonly detail: string;
  readonly operations: readonly MembershipOperation[];
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Records the calls in the order in which they are made. */
export class MembershipHistory {
  readonly #operations: Mutable<MembershipOperation>[] = [];

  /** What still waits has an unknown outcome. */
  get operations(): readonly MembershipOperation[] {
    return this.#operations;
  }

  /** @returns to be told the outcome, once */
  invoke(
    asked: Asked,
    call: MembershipCall,
    timeoutMs: number,
    invoked: Moment,
  ): (outcome: MembershipOutcome, responded: Moment) => void {
    const operation: Mutable<MembershipOperation> = {
      id: this.#operations.length,
      asked,
      call,
      timeoutMs,
      invoked,
      outcome: { kind: 'unknown', code: 'NO_RESPONSE' },
      responded: undefined,
    };
    this.#operations.push(operation);
    return (outcome, responded) => {
      assert(operation.responded === undefined, `call ${operation.id} has no response yet`);
      const isFitting = outcome.kind !== 'ok' || outcome.answer.type === call.type;
      assert(isFitting, `call ${operation.id} is answered as what it is`);
      operation.outcome = outcome;
      operation.responded = responded;
    };
  }
}

export function describeMembershipCall({ type, target }: MembershipCall): string {
  return target === 0n ? type : `${type} ${memberName(target)}`;
}

export function describeMembershipOutcome(outcome: MembershipOutcome): string {
  if (outcome.kind !== 'ok') return `${outcome.kind} (${outcome.code})`;
  const { answer } = outcome;
  switch (answer.type) {
    case 'remove':
      return 'done';
    case 'join':
      return `members are ${memberNames(answer.members)}`;
    case 'transfer':
      return `${memberName(answer.leader)} leads`;
  }
}

/** One call as one line of text. */
export function describeMembershipOperation(operation: MembershipOperation): string {
  const { id, asked, call, invoked, outcome, responded } = operation;
  const when = `${describeMoment(invoked)} to ${responded === undefined ? 'the end' : describeMoment(responded)}`;
  const at = `${memberName(asked.id)} life ${asked.life}`;
  return `#${id} ${describeMembershipCall(call)} at ${at}, ${when}: ${describeMembershipOutcome(outcome)}`;
}

function describeMoment({ ms, commit }: Moment): string {
  return `${ms.toFixed(1)} ms (commit ${commit})`;
}

/** As the clients' history names who was asked. */
export function lifeName({ id, life }: Pick<Asked, 'id' | 'life'>): string {
  return `${memberName(id)}.${life}`;
}

/** As the simulator calls its machines. */
export function memberName(id: MemberId): string {
  return `n${id}`;
}

export function memberNames(ids: Iterable<MemberId>): string {
  return [...ids].map(memberName).join(' ') || 'nobody';
}
