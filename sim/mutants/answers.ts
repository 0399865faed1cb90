import { mutant, type Mutant } from './mutant.js';

const member = (file: string): string => `src/member/${file}.ts`;

/** Faults of what callers are told, where the cluster itself does right. */
export const answerMutants: readonly Mutant[] = [
  mutant(
    'transfer-told-before-it-happens',
    'a transfer is told as done at the next change of anything, with the leader that was there before',
    member('leadership'),
    'if (now === noMember || now === before) return;',
    'if (now === noMember) return;',
  ),
  mutant(
    'learner-kept-for-the-quorum',
    'beside a lone voter nobody can be removed: the quorum would be lost',
    member('membership-changes'),
    'if (voters.length === 1 && voters[0] === id) {',
    'if (voters.length === 1) {',
  ),
  mutant(
    'change-given-up-early',
    'a change of members that the leader does not take at once is given up for want of a leader',
    member('membership-changes'),
    `throw this.#unfitError(change);
        }
        return 'not-applied';`,
    `throw this.#unfitError(change);
        }
        throw noLeaderForWriteError();`,
  ),
  mutant(
    'unknown-without-need',
    'a write that is certainly lost, and could be proposed again, is told as unknown',
    member('proposals'),
    `      this.#remove(group);
      this.#putBack(group);`,
    `      this.#remove(group);
      this.#waitingCount -= group.calls.length;
      rejectUnknown(group, 'the leader changed');`,
  ),
  mutant(
    'no-leader-told-at-once',
    'a write is refused as soon as its leader is gone, though there is time to wait for the next',
    member('proposals'),
    `    this.#putBack(group);
    this.#stalled = true;`,
    `    this.#waitingCount -= group.calls.length;
    for (const call of group.calls) call.waiter.reject(noLeaderForWriteError());
    this.#stalled = true;`,
  ),
  mutant(
    'stopping-told-by-one-that-goes-on',
    'a new leader makes a member refuse its reads as if it were stopping',
    member('reads'),
    'if (this.#inRound.length > 0) this.#ask();\n  }',
    "this.close(new KvorumError('MEMBER_STOPPING', 'the leader changed'));\n  }",
  ),
  mutant(
    'read-after-the-end',
    'a member that is stopping still reads single keys from its state, which may be closed (it was so once)',
    member('raft-member'),
    `    assert(!isKeyRange(query), 'a range is read in slices');
    this.#checkRunning();`,
    "    assert(!isKeyRange(query), 'a range is read in slices');",
  ),
  mutant(
    'removal-of-another-taken-for-its-own',
    'a learner that hears of any removal takes itself for removed',
    member('raft-member'),
    'if (removed.has(id)) this.#removed(',
    'if (removed.has(id) || (removed.size > 0 && isLearner(machine.config, id))) this.#removed(',
  ),
];
