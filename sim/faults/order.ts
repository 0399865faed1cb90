import type { MemberId } from '../../src/base/ids.js';
import type { RaftMember } from '../../src/member/raft-member.js';
import type { MembershipAnswer, MembershipCall } from '../checkers/membership-history.js';
import type { Cluster } from '../cluster.js';
import type { Machine } from '../machine.js';

/** A call to one member. What it comes to is looked at when the run ends; a process that has ended answers nobody. */
export function order(
  cluster: Cluster,
  machine: Machine,
  asked: MembershipCall,
  call: (member: RaftMember) => Promise<MembershipAnswer>,
): void {
  const { life } = machine;
  if (life?.member === undefined) return;
  const { process, member } = life;
  const caller = cluster.membershipCalls.invoke(machine, asked);
  process
    .call(() => call(member))
    .then(
      (answer) => {
        if (!process.ended) caller.answered(answer);
      },
      (error: unknown) => {
        if (!process.ended) caller.failed(error);
      },
    )
    .catch((error: unknown) => cluster.fail(error));
}

/** Leadership is to go to `target`; noMember: to whoever can. */
export function orderTransfer(cluster: Cluster, machine: Machine, target: MemberId): void {
  order(cluster, machine, { type: 'transfer', target }, async (member) => ({
    type: 'transfer',
    leader: await member.transferLeadership(target, { timeoutMs: 2000 }),
  }));
}

/** As its operator ends it. */
export function stop(cluster: Cluster, machine: Machine): void {
  const { life } = machine;
  if (life?.member === undefined) return;
  const { process, member } = life;
  process.call(() => member.stop()).catch((error: unknown) => cluster.fail(error));
}
