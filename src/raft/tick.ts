import { noMember } from '../base/ids.js';
import type { Core } from './core.js';
import { startElection } from './election.js';
import { termMarkTicks } from './plausible.js';
import { resendOverdueProposals } from './proposals.js';
import { becomeFollower } from './roles.js';

/** Time passes by one tick. */
export function tick(core: Core): void {
  core.tickCount++;
  if (core.tickCount - core.termMarkTick >= termMarkTicks) {
    core.termMark = core.term;
    core.termMarkTick = core.tickCount;
  }
  if (core.role === 'leader') tickLeader(core);
  else tickElection(core);
}

function tickElection(core: Core): void {
  core.electionElapsed++;
  resendOverdueProposals(core);
  if (core.electionElapsed >= core.electionTimeout && core.electable) startElection(core, false);
}

function tickLeader(core: Core): void {
  const { electionTicks, heartbeatTicks, checkQuorum } = core.options;
  if (++core.heartbeatElapsed >= heartbeatTicks) {
    core.heartbeatElapsed = 0;
    core.heartbeatDue = true;
    for (const progress of core.tracker.list) progress.nudgeDue = true;
  }
  if (core.transferTarget !== noMember && ++core.transferElapsed >= electionTicks) {
    core.giveUpTransfer();
  }
  const heardTick = Math.max(core.tracker.quorumActiveTick(), core.leaderSinceTick);
  if (checkQuorum && core.tickCount - heardTick >= electionTicks) {
    becomeFollower(core, core.term, noMember);
  }
}
