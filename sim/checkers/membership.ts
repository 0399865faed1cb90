import { noMember, type Index, type MemberId } from '../../src/base/ids.js';
import {
  describeMembershipOperation,
  memberName,
  memberNames,
  type MembershipAnswer,
  type MembershipCall,
  type MembershipOperation,
} from './membership-history.js';
import {
  isMemberOf,
  membershipsOf,
  membershipsWithin,
  type Membership,
  type MembershipChange,
  type MembershipTruth,
} from './membership-truth.js';

/** What is wrong with what the callers were told. */
export interface MembershipViolation {
  readonly rule: string;
  readonly detail: string;
  readonly operations: readonly MembershipOperation[];
}

/** Failures that say nothing of the members: the call was not even decided. */
const undecidedCodes = ['NO_LEADER', 'MEMBER_STOPPING', 'LIMIT_EXCEEDED'];

/**
 * Whether what each caller was told agrees with what was committed. An answer must be true of the members at some
 * moment between the call and the answer; what failed for certain must not happen; unknown outcomes may be either.
 */
export function checkMembership(
  operations: readonly MembershipOperation[],
  truth: MembershipTruth,
): MembershipViolation[] {
  const all = membershipsOf(truth);
  return [
    ...truth.changes.flatMap((change) => checkCause(change, operations)),
    ...operations.flatMap((operation) => checkAnswer(operation, all, truth.leaders)),
  ];
}

/** Somebody asked for it, and was not told that it certainly did not happen. Learners are promoted unasked. */
function checkCause(
  change: MembershipChange,
  operations: readonly MembershipOperation[],
): MembershipViolation[] {
  if (change.kind === 'add-voter') return [];
  const type = change.kind === 'remove' ? 'remove' : 'join';
  const causes = operations.filter(
    ({ call, invoked }) => call.type === type && call.target === change.id && invoked.commit < change.index,
  );
  if (causes.some(({ outcome }) => outcome.kind !== 'failed')) return [];
  const unasked = causes.length === 0;
  if (operations.some((operation) => isOvertakenJoin(operation, change, unasked))) return [];
  const what = `${memberName(change.id)} ${type === 'remove' ? 'was removed' : 'was let in'} at index ${change.index}`;
  return causes.length === 0
    ? [{ rule: 'members change only when asked to', detail: what, operations: [] }]
    : [
        {
          rule: 'what failed for certain does not happen',
          detail: `${what}, and each call for it failed`,
          operations: causes,
        },
      ];
}

/**
 * Whom the raise of the feature level overtakes is let in, and removed again, before he is refused.
 * @param unasked nobody else may be the cause: then one whose caller was told nothing may be
 */
function isOvertakenJoin(
  { call, invoked, outcome }: MembershipOperation,
  change: MembershipChange,
  unasked: boolean,
): boolean {
  if (call.type !== 'join' || call.target !== change.id || invoked.commit >= change.index) return false;
  if (outcome.kind === 'failed') return outcome.code === 'VERSION_MISMATCH';
  return unasked && outcome.kind === 'unknown' && change.kind === 'remove';
}

function checkAnswer(
  operation: MembershipOperation,
  all: readonly Membership[],
  leaders: readonly MemberId[],
): MembershipViolation[] {
  const { call, outcome, invoked, asked, responded } = operation;
  if (responded === undefined || outcome.kind === 'unknown') return [];
  if (outcome.kind === 'ok' && outcome.answer.type === 'transfer') {
    const { leader } = outcome.answer;
    if (leaders.slice(0, responded.leaders).includes(leader)) return [];
    const detail = `${memberName(leader)} had not led`;
    return [{ rule: 'who is told to lead does so', detail, operations: [operation] }];
  }
  if (outcome.kind === 'failed' && undecidedCodes.includes(outcome.code)) return [];
  // Transfers are decided from what the member holds, which may be old; all else begins with a linearizable read.
  const from = call.type === 'transfer' ? asked.applied : invoked.commit;
  const within = membershipsWithin(all, from, responded.commit);
  const isTrue =
    outcome.kind === 'ok'
      ? within.some((each) => fits(outcome.answer, call, each))
      : within.some((each) => mayRefuse(operation, outcome.code, each));
  if (isTrue) return [];
  const detail = `from index ${from} to ${responded.commit} ${within.map(describeMembership).join('; then ')}`;
  return [{ rule: 'callers are told the truth', detail, operations: [operation] }];
}

function fits(answer: MembershipAnswer, { target }: MembershipCall, membership: Membership): boolean {
  const { voters, learners, removed } = membership;
  if (answer.type !== 'join') return removed.has(target);
  if (!isMemberOf(membership, target) && !removed.has(target)) return false;
  return sameIds(answer.members, [...voters, ...learners]);
}

/** Whether `membership` is a reason to answer so. */
function mayRefuse({ call }: MembershipOperation, code: string, membership: Membership): boolean {
  const { type, target } = call;
  const { voters, removed } = membership;
  const isMember = isMemberOf(membership, target);
  switch (`${type} ${code}`) {
    case 'remove MEMBER_NOT_FOUND':
      // One that was removed before is no failure.
      return !isMember && !removed.has(target);
    case 'remove QUORUM_WOULD_BE_LOST':
      return isMember;
    case 'join MEMBER_REMOVED':
      return removed.has(target);
    case 'join VERSION_MISMATCH':
      // Whether the level is such is looked at where the process ends (cluster.ts).
      return true;
    case 'join QUORUM_WOULD_BE_LOST':
      return !isMember && !removed.has(target);
    case 'transfer MEMBER_NOT_FOUND':
      return !isMember;
    case 'transfer NOT_A_VOTER':
      return voters.size === 1 || (target !== noMember && !voters.has(target));
    default:
      // Names and addresses are each machine's own here, and no change is one that does not fit.
      return false;
  }
}

/** The members as one of them has them in the end. */
export interface MemberTableCopy {
  readonly holder: string;
  readonly applied: Index;
  readonly members: readonly MemberId[];
  readonly voters: readonly MemberId[];
  readonly removed: Iterable<MemberId>;
}

/** Whether each member knows who was let in and who was removed, up to what it has applied. */
export function checkMemberTables(
  copies: readonly MemberTableCopy[],
  truth: MembershipTruth,
): MembershipViolation[] {
  const all = membershipsOf(truth);
  return copies.flatMap((copy): MembershipViolation[] => {
    const { holder, applied, members, voters, removed } = copy;
    const membership = all.findLast(({ since }) => since <= applied)!;
    const isEqual =
      sameIds(members, [...membership.voters, ...membership.learners]) &&
      sameIds(voters, [...membership.voters]) &&
      sameIds([...removed], [...membership.removed]);
    if (isEqual) return [];
    const detail = `at index ${applied} ${holder} has ${memberNames(members)}, of them voters ${memberNames(voters)}, removed ${memberNames(removed)}; in truth ${describeMembership(membership)}`;
    return [{ rule: 'each member knows who belongs to the cluster', detail, operations: [] }];
  });
}

function sameIds(some: readonly MemberId[], others: readonly MemberId[]): boolean {
  return some.length === others.length && some.every((id) => others.includes(id));
}

function describeMembership({ since, voters, learners, removed }: Membership): string {
  return `voters ${memberNames(voters)}, learners ${memberNames(learners)}, removed ${memberNames(removed)} since ${since}`;
}

/** One violation as text, a line for each call. */
export function describeMembershipViolation({ rule, detail, operations }: MembershipViolation): string {
  const lines = operations.map((operation) => `\n  ${describeMembershipOperation(operation)}`);
  return `${rule}: ${detail}${lines.join('')}`;
}
