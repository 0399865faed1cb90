import type { MemberId } from '../../src/base/ids.js';
import type { RaftMember } from '../../src/member/raft-member.js';
import type { CallOptions } from '../../src/member/types.js';
import type { MembershipAnswer, MembershipCall } from '../checkers/membership-history.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';

/**
 * A call to one member, given so much time. What it comes to is looked at when the run ends; a process that has ended
 * answers nobody.
 */
export function order(
  cluster: Cluster,
  machine: Machine,
  asked: MembershipCall,
  timeoutMs: number,
  call: (member: RaftMember, options: CallOptions) => Promise<MembershipAnswer>,
): void {
  const { life } = machine;
  if (life?.member === undefined) return;
  const { process, member } = life;
  const ask = async (): Promise<void> => {
    // Asked when the process comes to it: that is when it decides.
    const caller = cluster.membershipCalls.invoke(machine, asked, timeoutMs);
    try {
      const answer = await call(member, { timeoutMs });
      if (!process.ended) caller.answered(answer);
    } catch (error) {
      if (!process.ended) caller.failed(error);
    }
  };
  process.call(ask).catch((error: unknown) => cluster.fail(error));
}

const transferTimeoutMs = 2000;

/** Leadership is to go to `target`; noMember: to whoever can. */
export function orderTransfer(cluster: Cluster, machine: Machine, target: MemberId): void {
  order(cluster, machine, { type: 'transfer', target }, transferTimeoutMs, async (member, options) => ({
    type: 'transfer',
    leader: await member.transferLeadership(target, options),
  }));
}

/** As its operator ends it. */
export function stop(cluster: Cluster, machine: Machine): void {
  const { life } = machine;
  if (life?.member === undefined) return;
  const { process, member } = life;
  process.call(() => member.stop()).catch((error: unknown) => cluster.fail(error));
}
