import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { noMember } from '../../src/base/ids.js';
import { checkMembership, checkMemberTables, describeMembershipViolation } from './membership.js';
import {
  MembershipHistory,
  type MembershipAnswer,
  type MembershipCall,
  type MembershipOutcome,
} from './membership-history.js';
import type { MembershipChange, MembershipTerms, MembershipTruth } from './membership-truth.js';

const founding: MembershipChange = { index: 1, kind: 'add-voter', id: 1n };

/** 1 founds, 2 and 3 are let in and promoted, 2 is removed. */
const changes: readonly MembershipChange[] = [
  founding,
  { index: 10, kind: 'add-learner', id: 2n },
  { index: 12, kind: 'add-voter', id: 2n },
  { index: 20, kind: 'add-learner', id: 3n },
  { index: 22, kind: 'add-voter', id: 3n },
  { index: 30, kind: 'remove', id: 2n },
];

interface Told {
  readonly call: MembershipCall;
  /** Commit index at the call. */
  readonly from: number;
  /** Commit index at the answer; undefined: none came. */
  readonly to: number | undefined;
  readonly outcome: MembershipOutcome;
  readonly asked: bigint;
  readonly applied: number;
  readonly leaders: number;
  /** Whom the one that was asked takes for it. */
  readonly leader: bigint;
}

const removed: MembershipOutcome = { kind: 'ok', answer: { type: 'remove' } };
const membersAre = (...members: bigint[]): MembershipOutcome => ok({ type: 'join', members });
const ok = (answer: MembershipAnswer): MembershipOutcome => ({ kind: 'ok', answer });
const failed = (code: string): MembershipOutcome => ({ kind: 'failed', code });
const unknown: MembershipOutcome = { kind: 'unknown', code: 'OUTCOME_UNKNOWN' };

function told(
  type: MembershipCall['type'],
  target: bigint,
  [from, to]: readonly [number, number?],
  outcome: MembershipOutcome,
  more: Partial<Told> = {},
): Told {
  return {
    call: { type, target },
    from,
    to,
    outcome,
    asked: 1n,
    applied: from,
    leaders: 1,
    leader: 1n,
    ...more,
  };
}

/** Those of the changes that nothing is said of here. */
const joins = [
  told('join', 2n, [9, 11], membersAre(1n, 2n)),
  told('join', 3n, [19, 21], membersAre(1n, 2n, 3n)),
];
const removal = told('remove', 2n, [29, 30], removed);

/** The rules that the calls break. */
function broken(
  calls: readonly Told[],
  truth: Partial<MembershipTruth> = {},
  terms: Partial<MembershipTerms> = {},
): string[] {
  const history = new MembershipHistory();
  for (const { call, from, to, outcome, asked, applied, leaders, leader } of calls) {
    const moment = (commit: number) => ({ ms: commit * 1000, commit, leaders });
    const at = { id: asked, life: 1, applied, leader, term: 1 };
    const respond = history.invoke(at, call, 1000, moment(from));
    if (to !== undefined) respond(outcome, moment(to));
  }
  const violations = checkMembership(
    history.operations,
    { changes, leaders: [{ id: 1n, term: 1 }], servedUntilMs: new Map(), ...truth },
    { requestTimeoutMs: 1000, clockRateMax: 1, readsUnlimited: true, ...terms },
  );
  for (const each of violations) assert.match(describeMembershipViolation(each), /^[^\n]+: .+/);
  return violations.map(({ rule }) => rule);
}

const untrue = ['callers are told the truth'];
const happened = ['what failed for certain does not happen'];

describe('what those are told who change members', () => {
  it('is right where all answers are true', () => {
    assert.deepEqual(broken([...joins, removal]), []);
  });

  it('is wrong where a removal is told as done too early', () => {
    assert.deepEqual(broken([...joins, removal, told('remove', 3n, [40, 50], removed)]), untrue);
    assert.deepEqual(broken([...joins, told('remove', 2n, [28, 29], removed)]), untrue);
  });

  it('takes a removal of who is removed already for done', () => {
    assert.deepEqual(broken([...joins, removal, told('remove', 2n, [40, 40], removed)]), []);
  });

  it('is wrong where what failed for certain happens', () => {
    for (const code of ['NO_LEADER', 'MEMBER_STOPPING']) {
      assert.deepEqual(broken([...joins, told('remove', 2n, [29, 31], failed(code))]), happened);
      assert.deepEqual(broken([told('join', 2n, [9, 10], failed(code)), joins[1]!, removal]), happened);
    }
  });

  it('is wrong where it happens late', () => {
    assert.deepEqual(broken([...joins, told('remove', 2n, [25, 29], failed('NO_LEADER'))]), happened);
  });

  it('leaves open what becomes of an unknown outcome', () => {
    const calls = [told('remove', 2n, [29, 31], unknown), told('remove', 3n, [29, 31], unknown)];
    assert.deepEqual(broken([...joins, ...calls]), []);
    assert.deepEqual(broken([...joins, told('remove', 2n, [29], unknown)]), []);
  });

  it('blames no failure where another call may be the cause', () => {
    const failure = told('remove', 2n, [28, 29], failed('NO_LEADER'));
    assert.deepEqual(broken([...joins, failure, told('remove', 2n, [28], unknown)]), []);
    assert.deepEqual(broken([...joins, failure, removal]), []);
  });

  it('takes no call for the cause that came after', () => {
    const failure = told('remove', 2n, [28, 33], failed('NO_LEADER'));
    assert.deepEqual(broken([...joins, failure, told('remove', 2n, [30, 34], removed)]), happened);
  });

  it('is wrong where nobody asked for a change', () => {
    assert.deepEqual(broken(joins), ['members change only when asked to']);
    assert.deepEqual(broken([joins[0]!, removal]), ['members change only when asked to']);
  });
});

describe('a join that the raise of the feature level overtakes', () => {
  const overtaken = told('join', 2n, [8, 40], failed('VERSION_MISMATCH'));

  it('lets in and removes again', () => {
    assert.deepEqual(broken([overtaken, joins[1]!]), []);
    assert.deepEqual(broken([...joins, overtaken]), []);
    assert.deepEqual(broken([...joins, told('join', 2n, [28], unknown)]), []);
  });

  it('explains no removal that somebody else asked for in vain', () => {
    const calls = [
      ...joins,
      told('join', 2n, [28], unknown),
      told('remove', 2n, [25, 29], failed('NO_LEADER')),
    ];
    assert.deepEqual(broken(calls), happened);
  });

  it('explains nothing that happened to others, or before', () => {
    const unasked = ['members change only when asked to'];
    assert.deepEqual(broken([...joins, told('join', 3n, [8, 40], failed('VERSION_MISMATCH'))]), unasked);
    assert.deepEqual(broken([...joins, told('join', 2n, [31, 40], failed('VERSION_MISMATCH'))]), unasked);
    assert.deepEqual(broken([...joins, told('join', 2n, [8, 40], failed('NO_LEADER'))]), unasked);
  });
});

describe('a refusal of a change of members', () => {
  const [first, second] = joins;
  const calls = [first!, second!, removal];

  it('as not found is right only before the member was let in', () => {
    const notFound = failed('MEMBER_NOT_FOUND');
    assert.deepEqual(broken([...calls, told('remove', 3n, [15, 18], notFound)]), []);
    assert.deepEqual(broken([...calls, told('remove', 3n, [19, 21], notFound)]), []);
    assert.deepEqual(broken([...calls, told('remove', 3n, [20, 21], notFound)]), untrue);
    assert.deepEqual(broken([...calls, told('remove', 2n, [29, 31], notFound)]), untrue);
    assert.deepEqual(broken([...calls, told('remove', 2n, [31, 31], notFound)]), untrue);
    assert.deepEqual(broken([...calls, told('remove', 9n, [31, 31], notFound)]), []);
  });

  it('as removed is right only of who was removed by then', () => {
    const isRemoved = failed('MEMBER_REMOVED');
    assert.deepEqual(broken([...calls, told('join', 2n, [29, 30], isRemoved)]), []);
    assert.deepEqual(broken([...calls, told('join', 2n, [28, 29], isRemoved)]), untrue);
    assert.deepEqual(broken([...calls, told('join', 3n, [31, 31], isRemoved)]), untrue);
    // That it was the member that was asked is no reason to send a joiner away.
    assert.deepEqual(broken([...calls, told('join', 4n, [31, 31], isRemoved, { asked: 2n })]), untrue);
    assert.deepEqual(broken([...calls, told('remove', 3n, [31, 31], isRemoved, { asked: 2n })]), untrue);
  });

  it('for its quorum needs something that was left to do', () => {
    const refused = failed('QUORUM_WOULD_BE_LOST');
    assert.deepEqual(broken([...calls, told('remove', 1n, [31, 31], refused)]), []);
    assert.deepEqual(broken([...calls, told('remove', 2n, [31, 31], refused)]), untrue);
    assert.deepEqual(broken([...calls, told('join', 4n, [31, 31], refused)]), []);
    assert.deepEqual(broken([...calls, told('join', 3n, [31, 31], refused)]), untrue);
  });

  it('for its quorum needs voters that may be silent', () => {
    const refused = failed('QUORUM_WOULD_BE_LOST');
    // Beside a lone voter nobody is missed.
    assert.deepEqual(broken([...calls, told('remove', 2n, [10, 11], refused)]), untrue);
    assert.deepEqual(broken([...calls, told('join', 4n, [10, 11], refused)]), untrue);
    assert.deepEqual(broken([...calls, told('remove', 1n, [10, 11], refused)]), []);
    // Of two, the one that leads may miss the other, not itself.
    assert.deepEqual(broken([...calls, told('remove', 1n, [31, 31], refused)]), []);
    assert.deepEqual(broken([...calls, told('remove', 3n, [31, 31], refused)]), untrue);
    assert.deepEqual(broken([...calls, told('remove', 3n, [20, 21], refused)]), []);
  });

  it('for want of a leader takes all the time that there is', () => {
    const early = ['nobody gives up before the time is over'];
    const without = failed('NO_LEADER');
    assert.deepEqual(broken([...calls, told('remove', 3n, [31, 31], without)]), early);
    assert.deepEqual(broken([...calls, told('remove', 3n, [31, 32], without)]), []);
    assert.deepEqual(
      broken([...calls, told('remove', 3n, [31, 31.8], without)], {}, { clockRateMax: 1.3 }),
      [],
    );
  });

  it('as full needs a limit, and something that waits', () => {
    const full = failed('LIMIT_EXCEEDED');
    const unfounded = ['only what is full refuses as full'];
    assert.deepEqual(broken([...calls, told('remove', 3n, [31, 31], full)]), unfounded);
    assert.deepEqual(
      broken([...calls, told('remove', 3n, [31, 31], full)], {}, { readsUnlimited: false }),
      [],
    );
    const transfer = told('transfer', 3n, [31, 31], full);
    assert.deepEqual(broken([...calls, transfer], {}, { readsUnlimited: false }), unfounded);
  });

  it('by one that stops needs its end', () => {
    const stopping = told('remove', 3n, [31, 31], failed('MEMBER_STOPPING'));
    assert.deepEqual(broken([...calls, stopping], { servedUntilMs: new Map([['n1.1', 31_000]]) }), []);
    assert.deepEqual(broken([...calls, stopping], { servedUntilMs: new Map([['n1.1', 31_001]]) }), [
      'who says that it stops does so',
    ]);
  });

  it('has one of the codes that the call may have', () => {
    assert.deepEqual(broken([...calls, told('join', 4n, [31, 31], failed('MEMBER_NAME_TAKEN'))]), untrue);
    assert.deepEqual(broken([...calls, told('remove', 3n, [31, 31], failed('INVALID_REQUEST'))]), untrue);
  });
});

describe('the answer to a join', () => {
  const calls = [joins[1]!, removal];

  it('tells the members as they were at one moment of the call', () => {
    for (const members of [
      [1n, 2n],
      [1n, 2n, 3n],
    ]) {
      assert.deepEqual(broken([...calls, told('join', 2n, [9, 25], membersAre(...members))]), []);
    }
    assert.deepEqual(broken([...calls, told('join', 2n, [9, 15], membersAre(1n, 2n, 3n))]), untrue);
    assert.deepEqual(broken([...joins, removal, told('join', 3n, [30, 31], membersAre(1n, 2n, 3n))]), untrue);
  });

  it('names the member, unless that was removed meanwhile', () => {
    assert.deepEqual(broken([...calls, told('join', 2n, [9, 15], membersAre(1n))]), untrue);
    assert.deepEqual(broken([...calls, told('join', 2n, [9, 15], membersAre(2n))]), untrue);
    assert.deepEqual(broken([...calls, told('join', 2n, [9, 31], membersAre(1n, 3n))]), []);
  });
});

describe('the answer to a transfer of leadership', () => {
  const calls = [...joins, removal];
  const leads = (leader: bigint): MembershipOutcome => ok({ type: 'transfer', leader });

  it('names one that has led by then', () => {
    const leaders = [
      { id: 1n, term: 1 },
      { id: 3n, term: 2 },
    ];
    const call = told('transfer', noMember, [31, 31], leads(3n), { leaders: 2 });
    assert.deepEqual(broken([...calls, call], { leaders }), []);
    const early = told('transfer', noMember, [31, 31], leads(3n), { leaders: 1 });
    assert.deepEqual(broken([...calls, early], { leaders }), ['who is told to lead does so']);
  });

  it('names one that has begun to lead since, or whom the caller wanted', () => {
    const leaders = [
      { id: 1n, term: 1 },
      { id: 3n, term: 2 },
    ];
    const answer = (target: bigint, leader: bigint, known: bigint): string[] =>
      broken([...calls, told('transfer', target, [31, 31], leads(leader), { leaders: 2, leader: known })], {
        leaders,
      });
    assert.deepEqual(answer(noMember, 1n, 1n), ['who is told to lead has begun to']);
    assert.deepEqual(answer(3n, 1n, 1n), ['who is told to lead has begun to']);
    assert.deepEqual(answer(1n, 1n, 1n), []);
    // It led in the term that the one which was asked knew, and no more.
    assert.deepEqual(answer(noMember, 1n, 3n), ['who is told to lead does so']);
  });

  it('tells that there is no leader only if none was known', () => {
    const refusal = (leader: bigint): string[] =>
      broken([...calls, told('transfer', noMember, [31, 31], failed('NO_LEADER'), { leader })]);
    assert.deepEqual(refusal(noMember), []);
    assert.deepEqual(refusal(1n), untrue);
  });

  it('refuses whom the member that was asked may not have known as a voter', () => {
    const refusal = (target: bigint, applied: number, code: string): string[] =>
      broken([...calls, told('transfer', target, [31, 31], failed(code), { applied })]);
    assert.deepEqual(refusal(3n, 18, 'MEMBER_NOT_FOUND'), []);
    assert.deepEqual(refusal(3n, 21, 'MEMBER_NOT_FOUND'), untrue);
    assert.deepEqual(refusal(2n, 30, 'MEMBER_NOT_FOUND'), []);
    // What comes while it is under way is no reason.
    assert.deepEqual(refusal(2n, 29, 'MEMBER_NOT_FOUND'), untrue);
    assert.deepEqual(refusal(3n, 21, 'NOT_A_VOTER'), []);
    assert.deepEqual(refusal(3n, 22, 'NOT_A_VOTER'), untrue);
    assert.deepEqual(refusal(noMember, 11, 'NOT_A_VOTER'), []);
    assert.deepEqual(refusal(noMember, 12, 'NOT_A_VOTER'), untrue);
    assert.deepEqual(refusal(noMember, 11, 'MEMBER_NOT_FOUND'), untrue);
    assert.deepEqual(refusal(9n, 11, 'NOT_A_VOTER'), untrue);
  });
});

describe('the members as each has them in the end', () => {
  const right = { holder: 'n1', applied: 40, members: [1n, 3n], voters: [1n, 3n], removed: [2n] };
  const check = (copy: Partial<typeof right>): number =>
    checkMemberTables([{ ...right, ...copy }], { changes, leaders: [], servedUntilMs: new Map() }).length;

  it('are those of the index that it has applied', () => {
    assert.equal(check({}), 0);
    assert.equal(check({ applied: 21, members: [1n, 2n, 3n], voters: [1n, 2n], removed: [] }), 0);
    assert.equal(check({ applied: 0, members: [], voters: [], removed: [] }), 0);
  });

  it('are wrong where one is forgotten or made up', () => {
    assert.equal(check({ members: [1n] }), 1);
    assert.equal(check({ voters: [1n] }), 1);
    assert.equal(check({ removed: [] }), 1);
    assert.equal(check({ removed: [2n, 4n] }), 1);
    assert.equal(check({ applied: 29 }), 1);
  });
});

describe('the record of such calls', () => {
  it('takes one answer to each, of its kind', () => {
    const moment = { ms: 0, commit: 1, leaders: 1 };
    const asked = { id: 1n, life: 1, applied: 1, leader: 1n, term: 1 };
    const history = new MembershipHistory();
    const respond = history.invoke(asked, { type: 'remove', target: 2n }, 1000, moment);
    assert.throws(() => respond(membersAre(1n), moment), /answered as what it is/);
    respond(removed, moment);
    assert.throws(() => respond(removed, moment), /no response yet/);
  });
});
