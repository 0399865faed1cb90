import { assert } from '../base/assert.js';
import { noMember } from '../base/ids.js';
import { emptyBytes } from '../base/bytes.js';
import type { Core } from './core.js';
import { appendAsLeader } from './replication.js';
import type { MemberId, Term } from './types.js';

/**
 * @param leader of `term` if known. Only then the wait for the next election begins anew: a message of a
 * higher term alone must not put off the election of a better candidate.
 */
export function becomeFollower(core: Core, term: Term, leader: MemberId): void {
  assert(term >= core.term, `term must not fall from ${core.term} to ${term}`);
  if (term > core.term) {
    core.term = term;
    core.vote = noMember;
    core.leaderServesLease = false;
  }
  if (core.role === 'leader') endLeadership(core);
  if (core.role === 'leader' || leader !== noMember) {
    core.electionElapsed = 0;
    core.drawElectionTimeout();
  }
  core.role = 'follower';
  core.leader = leader;
  core.votes.clear();
}

function endLeadership(core: Core): void {
  core.reads.reset();
  core.ledger.end();
  core.heartbeatDue = false;
  core.replicationDue = false;
  core.transferTarget = noMember;
}

/** Asks whether it would be elected, without a change of term (thesis section 9.6). */
export function becomePreCandidate(core: Core): void {
  assert(core.role !== 'leader', 'a leader does not stand for election');
  core.role = 'pre-candidate';
  core.leader = noMember;
  core.votes.clear();
  core.votes.set(core.id, true);
}

/** Its own vote counts when it is on disk, see ownVotePersisted in election.ts. */
export function becomeCandidate(core: Core): void {
  assert(core.role !== 'leader', 'a leader does not stand for election');
  core.role = 'candidate';
  core.term++;
  core.vote = core.id;
  core.leader = noMember;
  core.leaderServesLease = false;
  core.votes.clear();
}

export function becomeLeader(core: Core): void {
  assert(core.role === 'candidate', `a ${core.role} cannot become leader`);
  core.role = 'leader';
  core.leader = core.id;
  core.votes.clear();
  core.leaderSinceTick = core.tickCount;
  core.heartbeatElapsed = 0;
  core.hastyElections = 0;
  core.transferTarget = noMember;
  core.leaseRevoked = false;
  core.reads.reset();
  core.ledger.begin(core.term);
  core.termStartIndex = core.log.lastIndex + 1;
  core.unappliedSizeBytes = 0;
  for (let index = core.firstUnappliedIndex; index <= core.log.lastIndex; index++) {
    core.unappliedSizeBytes += core.log.entry(index).data.length;
  }
  core.tracker.reset(core.config.config, core.termStartIndex);
  core.tracker.self.match = core.persistence.index;
  appendAsLeader(core, 'empty', emptyBytes);
}
