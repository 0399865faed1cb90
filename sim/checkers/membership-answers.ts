import { noMember, type MemberId, type Term } from '../../src/base/ids.js';
import {
  lifeName,
  memberName,
  type MembershipAnswer,
  type MembershipCall,
  type MembershipOperation,
  type MembershipViolation,
  type Moment,
} from './membership-history.js';
import {
  describeMembership,
  isMemberOf,
  membershipsOf,
  membershipsWithin,
  sameIds,
  type Leadership,
  type Membership,
  type MembershipTerms,
  type MembershipTruth,
} from './membership-truth.js';

/** A call that was answered. */
type Answered = MembershipOperation & { readonly responded: Moment };

/** Whether each answer is true of the cluster at some moment between the call and the answer. */
export class AnswerCheck {
  readonly #truth: MembershipTruth;
  readonly #terms: MembershipTerms;
  readonly #memberships: readonly Membership[];

  constructor(truth: MembershipTruth, terms: MembershipTerms) {
    this.#truth = truth;
    this.#terms = terms;
    this.#memberships = membershipsOf(truth);
  }

  check(operation: MembershipOperation): MembershipViolation[] {
    const { outcome, responded } = operation;
    if (responded === undefined) return [];
    const answered = { ...operation, responded };
    if (outcome.kind === 'ok') {
      return outcome.answer.type === 'transfer'
        ? this.#checkLeader(answered, outcome.answer.leader)
        : this.#checkMembers(answered, (each) => fits(outcome.answer, operation.call, each));
    }
    switch (outcome.code) {
      case 'NO_LEADER':
        return this.#checkNoLeader(answered);
      case 'MEMBER_STOPPING':
        return this.#checkStopping(answered);
      case 'LIMIT_EXCEEDED':
        // A transfer waits for nothing that has a limit.
        if (operation.call.type !== 'transfer' && !this.#terms.readsUnlimited) return [];
        return [violation('only what is full refuses as full', 'nothing was', answered)];
    }
    if (outcome.kind === 'failed')
      return this.#checkMembers(answered, (each) => this.#mayRefuse(answered, outcome.code, each));
    return operation.call.type === 'transfer' && outcome.code === 'OUTCOME_UNKNOWN'
      ? this.#checkTime(answered)
      : [];
  }

  /**
   * Who is told to lead has come since the call, or is whom the caller wanted, and leads already. The member that was
   * asked waits until it knows of a newer leader than it did.
   */
  #checkLeader(operation: Answered, leader: MemberId): MembershipViolation[] {
    const { asked, call, responded } = operation;
    const { leaders } = this.#truth;
    if (leader === asked.leader) {
      if (leader === call.target) return [];
      return [violation('who is told to lead has begun to', `${memberName(leader)} led before`, operation)];
    }
    const isNewer = ({ id, term }: Leadership): boolean => id === leader && term > asked.term;
    if (leaders.slice(0, responded.leaders).some(isNewer)) return [];
    const detail = `${memberName(leader)} had not led since term ${asked.term}`;
    return [violation('who is told to lead does so', detail, operation)];
  }

  #checkMembers(operation: Answered, isReason: (membership: Membership) => boolean): MembershipViolation[] {
    const { call, asked, invoked, responded } = operation;
    // A transfer is decided at once from what the member holds; all else begins with a linearizable read.
    const isTransfer = call.type === 'transfer';
    const from = isTransfer ? asked.applied : invoked.commit;
    const to = isTransfer ? asked.applied : responded.commit;
    const within = membershipsWithin(this.#memberships, from, to);
    if (within.some(isReason)) return [];
    const detail = `from index ${from} to ${to} ${within.map(describeMembership).join('; then ')}`;
    return [violation('callers are told the truth', detail, operation)];
  }

  /** A transfer needs one to begin with; all else waits for one as long as it may. */
  #checkNoLeader(operation: Answered): MembershipViolation[] {
    if (operation.call.type !== 'transfer') return this.#checkTime(operation);
    const { leader } = operation.asked;
    if (leader === noMember) return [];
    return [violation('callers are told the truth', `${memberName(leader)} led`, operation)];
  }

  #checkTime(operation: Answered): MembershipViolation[] {
    const { invoked, responded, timeoutMs } = operation;
    const givenMs = Math.min(timeoutMs, this.#terms.requestTimeoutMs);
    if ((responded.ms - invoked.ms) * this.#terms.clockRateMax >= givenMs - 1) return [];
    return [violation('nobody gives up before the time is over', `it had ${givenMs} ms`, operation)];
  }

  /** It takes no more calls. */
  #checkStopping(operation: Answered): MembershipViolation[] {
    const { asked, responded } = operation;
    const servedUntilMs = this.#truth.servedUntilMs.get(lifeName(asked)) ?? 0;
    if (servedUntilMs <= responded.ms) return [];
    return [violation('who says that it stops does so', 'it goes on', operation)];
  }

  /** Whether `membership` is a reason to answer so. */
  #mayRefuse(operation: Answered, code: string, membership: Membership): boolean {
    const { type, target } = operation.call;
    const { voters, removed } = membership;
    const isMember = isMemberOf(membership, target);
    switch (`${type} ${code}`) {
      case 'remove MEMBER_NOT_FOUND':
        // One that was removed before is no failure.
        return !isMember && !removed.has(target);
      case 'remove QUORUM_WOULD_BE_LOST':
        return isMember && this.#mayLoseQuorum(operation, membership);
      case 'join MEMBER_REMOVED':
        return removed.has(target);
      case 'join VERSION_MISMATCH':
        // Whether the level is such is looked at where the process ends (cluster.ts).
        return true;
      case 'join QUORUM_WOULD_BE_LOST':
        // A leader counts itself.
        return !isMember && !removed.has(target) && voters.size > 1;
      case 'transfer MEMBER_NOT_FOUND':
        return target !== noMember && !isMember;
      case 'transfer NOT_A_VOTER':
        return target === noMember
          ? voters.size === 1
          : isMember && (voters.size === 1 || !voters.has(target));
      default:
        // Names and addresses are each machine's own here, and no change is one that does not fit.
        return false;
    }
  }

  /** Whether those that are left without the target may be too few that are alive: whoever decides that is. */
  #mayLoseQuorum({ call: { target }, invoked, responded }: Answered, { voters }: Membership): boolean {
    const others = [...voters].filter((id) => id !== target);
    if (others.length !== 1) return true;
    if (!voters.has(target)) return false;
    const { leaders } = this.#truth;
    const since = newestTerm(leaders.slice(0, invoked.leaders));
    return leaders.slice(0, responded.leaders).some(({ id, term }) => id === target && term >= since);
  }
}

function newestTerm(leaders: readonly Leadership[]): Term {
  return leaders.reduce((newest, { term }) => Math.max(newest, term), 0);
}

function violation(rule: string, detail: string, operation: MembershipOperation): MembershipViolation {
  return { rule, detail, operations: [operation] };
}

function fits(answer: MembershipAnswer, { target }: MembershipCall, membership: Membership): boolean {
  const { voters, learners, removed } = membership;
  if (answer.type !== 'join') return removed.has(target);
  if (!isMemberOf(membership, target) && !removed.has(target)) return false;
  return sameIds(answer.members, [...voters, ...learners]);
}
