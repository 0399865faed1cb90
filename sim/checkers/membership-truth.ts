import type { Index, MemberId, Term } from '../../src/base/ids.js';
import type { ConfigChangeKind } from '../../src/raft/types.js';
import { memberNames } from './membership-history.js';

/** One that was committed. */
export interface MembershipChange {
  readonly index: Index;
  readonly kind: ConfigChangeKind;
  readonly id: MemberId;
}

/** Somebody began to lead. */
export interface Leadership {
  readonly id: MemberId;
  readonly term: Term;
}

/** What really became of a cluster's members. */
export interface MembershipTruth {
  /** In the order of the log; the first makes the founder a voter. */
  readonly changes: readonly MembershipChange[];
  /** In the order in which they began to lead. */
  readonly leaders: readonly Leadership[];
  /** By life of a member, as `lifeName` has it: when the last call was made that it answered. */
  readonly servedUntilMs: ReadonlyMap<string, number>;
}

/** What the members are told to do, as far as it bears on what they may answer. */
export interface MembershipTerms {
  readonly requestTimeoutMs: number;
  /** Of any clock: 1 is right. */
  readonly clockRateMax: number;
  /** So many reads may wait that there never are more. */
  readonly readsUnlimited: boolean;
}

/** Who the members are from an index on, until the next change. */
export interface Membership {
  readonly since: Index;
  readonly voters: ReadonlySet<MemberId>;
  readonly learners: ReadonlySet<MemberId>;
  readonly removed: ReadonlySet<MemberId>;
}

export function isMemberOf({ voters, learners }: Membership, id: MemberId): boolean {
  return voters.has(id) || learners.has(id);
}

/** All that there were, in order. */
export function membershipsOf({ changes }: MembershipTruth): readonly Membership[] {
  let last: Membership = { since: 0, voters: new Set(), learners: new Set(), removed: new Set() };
  const all = [last];
  for (const change of changes) all.push((last = after(last, change)));
  return all;
}

function after(before: Membership, { index, kind, id }: MembershipChange): Membership {
  const voters = new Set(before.voters);
  const learners = new Set(before.learners);
  const removed = new Set(before.removed);
  for (const set of [voters, learners]) set.delete(id);
  if (kind === 'add-voter') voters.add(id);
  else if (kind === 'add-learner') learners.add(id);
  else removed.add(id);
  return { since: index, voters, learners, removed };
}

/** Those that held at any index from `from` to `to`, both included. */
export function membershipsWithin(all: readonly Membership[], from: Index, to: Index): readonly Membership[] {
  return all.filter(({ since }, at) => since <= to && (all[at + 1]?.since ?? Infinity) > from);
}

export function sameIds(some: readonly MemberId[], others: readonly MemberId[]): boolean {
  return some.length === others.length && some.every((id) => others.includes(id));
}

export function describeMembership({ since, voters, learners, removed }: Membership): string {
  return `voters ${memberNames(voters)}, learners ${memberNames(learners)}, removed ${memberNames(removed)} since ${since}`;
}
