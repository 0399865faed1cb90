import { KvorumError } from '../src/base/errors.js';
import type { MemberRecord } from '../src/fsm/members/membership.js';
import type { RaftMember } from '../src/member/raft-member.js';
import type { JoinAnswer } from '../src/member/types.js';
import type { VirtualClock } from '../src/ports/virtual-clock.js';
import type { Dice } from './dice.js';
import type { Machine } from './machine.js';
import type { MembershipCalls } from './membership-calls.js';
import type { Process } from './process.js';
import type { TraceEvent } from './trace.js';

/** How long a new member waits for the cluster's state. */
export const joinTimeoutMs = 10_000;

/** Of one attempt to be let in. */
const askTimeoutMs = 3000;

/** The cluster, as one sees it who wants to be let in. */
interface Surroundings {
  readonly clock: VirtualClock;
  readonly dice: Dice;
  readonly membershipCalls: MembershipCalls;
  running(): Machine[];
  trace(where: string, event: TraceEvent['event'], text: string): void;
}

/**
 * Asks whoever runs to be let in, again and again; the id stays. One that holds a state goes on without an answer
 * after a while: it may be what the others lack to have a leader.
 */
export async function join(
  around: Surroundings,
  machine: Machine,
  process: Process,
): Promise<readonly MemberRecord[]> {
  const { clock, dice, membershipCalls } = around;
  const { id, name, address, levels } = machine;
  const beganMs = clock.monotonicMs();
  for (;;) {
    if (machine.knowsCluster && clock.monotonicMs() - beganMs > joinTimeoutMs / 2) return [];
    await new Promise<void>((resolve) => process.setTimer(dice.ms(1, 100), resolve));
    const through = around.running().filter((each) => each !== machine);
    if (through.length === 0) continue;
    const contact = dice.pick(through);
    const caller = membershipCalls.invoke(contact, { type: 'join', target: id }, askTimeoutMs);
    let answer: JoinAnswer;
    try {
      answer = await callAt(contact, (member) =>
        member.join({ id, name, peerAddress: address, levels }, { timeoutMs: askTimeoutMs }),
      );
      caller.answered({ type: 'join', members: answer.members.map((each) => each.id) });
      around.trace(name, 'log', `was let in by ${contact.name}`);
    } catch (error) {
      caller.failed(error);
      if (error instanceof KvorumError && /^(MEMBER_REMOVED|VERSION_MISMATCH)$/.test(error.code)) throw error;
      continue;
    }
    machine.learnSecret(answer.secret);
    return answer.members;
  }
}

/** A call to another machine: rejects when it ends meanwhile. */
function callAt<T>(machine: Machine, call: (member: RaftMember) => Promise<T>): Promise<T> {
  const { life } = machine;
  return new Promise((resolve, reject) => {
    const lost = (): void => reject(new KvorumError('OUTCOME_UNKNOWN', 'the connection was lost'));
    life!.ended.add(lost);
    life!.process
      .call(() => call(life!.member!))
      .then(resolve, reject)
      .finally(() => life!.ended.delete(lost));
  });
}
