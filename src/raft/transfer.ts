import { noMember } from '../base/ids.js';
import type { Core, MessageOf } from './core.js';
import { startElection } from './election.js';
import type { Progress } from './progress.js';
import { isActive } from './replication.js';
import type { MemberId } from './types.js';

/** Thesis section 3.10. While it is under way no proposal is taken; after an election timeout it is given up. */
export function transferLeadership(core: Core, target: MemberId): void {
  if (core.role === 'leader') {
    beginTransfer(core, target);
  } else if (core.leader !== noMember) {
    core.send({ type: 'transfer-leader', from: core.id, to: core.leader, term: core.term, target });
  }
}

export function beginTransfer(core: Core, wanted: MemberId): void {
  const target = wanted === noMember ? bestVoter(core) : wanted;
  if (target === core.id || target === core.transferTarget) return;
  const progress = core.tracker.others.get(target);
  if (progress === undefined || !core.config.config.voters.includes(target)) return;
  core.transferTarget = target;
  core.transferElapsed = 0;
  if (progress.match === core.log.lastIndex) {
    sendTimeoutNow(core, target);
  } else {
    progress.sendDue = true;
    core.replicationDue = true;
  }
}

/** `id` acknowledged something: when the target holds the whole log, it is told to stand. */
export function continueTransfer(core: Core, id: MemberId): void {
  if (id !== core.transferTarget || core.tracker.others.get(id)?.match !== core.log.lastIndex) return;
  sendTimeoutNow(core, id);
}

/** From here on an election may override the lease of this leader: reads ask a quorum again. */
export function sendTimeoutNow(core: Core, to: MemberId): void {
  core.leaseRevoked = true;
  core.send({ type: 'timeout-now', from: core.id, to, term: core.term });
}

/** The most caught-up of the other voters, after those that are silent: one that has just died may hold all. */
export function bestVoter(core: Core): MemberId {
  let best: Progress | undefined;
  for (const id of core.config.config.voters) {
    const progress = core.tracker.others.get(id);
    if (progress === undefined) continue;
    if (best === undefined || compareSuccessors(core, progress, best) > 0) best = progress;
  }
  return best?.id ?? noMember;
}

function compareSuccessors(core: Core, one: Progress, other: Progress): number {
  return liveness(core, one) - liveness(core, other) || one.match - other.match;
}

/** 2: answered the latest heartbeats. 1: within the election timeout. 0: counts as dead. */
function liveness(core: Core, progress: Progress): number {
  if (!isActive(core, progress)) return 0;
  return core.tickCount - progress.activeTick <= 2 * core.options.heartbeatTicks ? 2 : 1;
}

export function handleTimeoutNow(core: Core, message: MessageOf<'timeout-now'>): void {
  if (core.role !== 'follower' || (core.leader !== noMember && core.leader !== message.from)) return;
  startElection(core, true);
}
