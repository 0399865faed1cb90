import { KvorumError } from '../base/errors.js';
import { formatId, noMember, type MemberId } from '../base/ids.js';
import { isVoter } from '../raft/config-change.js';
import type { MemberParts } from './parts.js';
import { noLeaderForWriteError } from './proposals.js';
import type { CallOptions } from './types.js';

interface Hooks {
  readonly schedule: () => void;
  readonly onChange: (listener: () => void) => () => void;
}

/**
 * Hands leadership over (thesis section 3.10); resolves with the new leader once this member knows it.
 * @param target noMember: whichever other voter is most caught up
 */
export function transferLeadership(
  parts: MemberParts,
  target: MemberId,
  options: CallOptions | undefined,
  hooks: Hooks,
): Promise<MemberId> {
  const { raft, machine, clock } = parts;
  if (target !== noMember && !machine.members().some((each) => each.id === target)) {
    throw new KvorumError('MEMBER_NOT_FOUND', `no member has the id ${formatId(target)}`);
  }
  if (target !== noMember && !isVoter(machine.config, target)) {
    throw new KvorumError('NOT_A_VOTER', `member ${formatId(target)} is a learner and cannot lead`);
  }
  if (machine.config.voters.length === 1) {
    throw new KvorumError('NOT_A_VOTER', 'there is no other voter to lead');
  }
  const before = raft.leader;
  if (before === noMember) throw noLeaderForWriteError();
  if (before === target) return Promise.resolve(target);
  raft.transferLeadership(target);
  hooks.schedule();
  return new Promise((resolve, reject) => {
    const timeoutMs = Math.min(options?.timeoutMs ?? Infinity, parts.options.requestTimeoutMs);
    const timer = clock.setTimer(timeoutMs, () => {
      end();
      reject(new KvorumError('OUTCOME_UNKNOWN', `leadership did not move within ${timeoutMs} ms`));
    });
    const end = hooks.onChange(() => {
      const now = raft.leader;
      if (now === noMember || now === before) return;
      timer.cancel();
      end();
      resolve(now);
    });
  });
}
