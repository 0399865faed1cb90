import type { Core } from './core.js';
import type { MemberId, Term } from './types.js';

/**
 * So many election timeouts bytes alone count for life: messages go between the parts of long ones, so one of Raft must
 * have come meanwhile. A process whose Raft is dead may go on sending what was queued.
 */
export const bytesTrustedElections = 10;

/**
 * Bytes from or to `id` have arrived, of a long message of `term`. Those of this term's leader put off the election as its
 * heartbeats do, and those of a follower keep it among the ones that the leader is heard by. Nothing else: they confirm
 * no read and no lease.
 */
export function heardPart(core: Core, id: MemberId, term: Term): void {
  if (term !== core.term) return;
  if (core.role === 'leader') {
    const progress = core.tracker.others.get(id);
    if (progress !== undefined && isRecent(core, progress.messageTick)) progress.activeTick = core.tickCount;
  } else if (core.role === 'follower' && core.leader === id && isRecent(core, core.leaderTick)) {
    core.electionElapsed = 0;
    core.forwarded.moving(core.tickCount);
  }
}

function isRecent(core: Core, tick: number): boolean {
  return core.tickCount - tick < bytesTrustedElections * core.options.electionTicks;
}
