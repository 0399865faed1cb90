import type { Index, MemberId } from '../../src/base/ids.js';
import { AnswerCheck } from './membership-answers.js';
import {
  describeMembershipOperation,
  memberName,
  memberNames,
  type MembershipOperation,
  type MembershipViolation,
} from './membership-history.js';
import {
  describeMembership,
  membershipsOf,
  sameIds,
  type MembershipChange,
  type MembershipTerms,
  type MembershipTruth,
} from './membership-truth.js';

/**
 * Whether what each caller was told agrees with what was committed. An answer must be true of the members at some
 * moment between the call and the answer; what failed for certain must not happen; unknown outcomes may be either.
 */
export function checkMembership(
  operations: readonly MembershipOperation[],
  truth: MembershipTruth,
  terms: MembershipTerms,
): MembershipViolation[] {
  const answers = new AnswerCheck(truth, terms);
  return [
    ...truth.changes.flatMap((change) => checkCause(change, operations)),
    ...operations.flatMap((operation) => answers.check(operation)),
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
 * Whom the raise of the feature level overtakes is let in, and removed again, before he is refused; and whoever is
 * removed before his call ends is told so, not that he was let in.
 * @param unasked nobody else may be the cause: then one whose caller was told nothing may be
 */
function isOvertakenJoin(
  { call, invoked, outcome }: MembershipOperation,
  change: MembershipChange,
  unasked: boolean,
): boolean {
  if (call.type !== 'join' || call.target !== change.id || invoked.commit >= change.index) return false;
  if (outcome.kind === 'failed') {
    return (
      outcome.code === 'VERSION_MISMATCH' || (outcome.code === 'MEMBER_REMOVED' && change.kind !== 'remove')
    );
  }
  return unasked && outcome.kind === 'unknown' && change.kind === 'remove';
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

/** One violation as text, a line for each call. */
export function describeMembershipViolation({ rule, detail, operations }: MembershipViolation): string {
  const lines = operations.map((operation) => `\n  ${describeMembershipOperation(operation)}`);
  return `${rule}: ${detail}${lines.join('')}`;
}
