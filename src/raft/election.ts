import { randomInt } from '../base/prng.js';
import { noMember } from '../base/ids.js';
import type { Core, MessageOf } from './core.js';
import { becomeCandidate, becomeFollower, becomeLeader, becomePreCandidate } from './roles.js';
import { configVote } from './tracker.js';
import type { MemberId } from './types.js';

/** After the leader's process is gone, this many elections need not wait a full timeout for the next. */
export const hastyElectionsMax = 3;
/** The first of them starts within so many ticks, different from member to member. */
const hastyStaggerTicks = 3;
/** The wait between them: long enough for votes to be written and answered. */
const hastyRetryTicks = 2;

/** Stands for election if it may. `transfer`: the leader asked for it, so its lease does not count. */
export function startElection(core: Core, transfer: boolean): void {
  if (core.role === 'leader' || !core.electable) return;
  if (!transfer && core.tickCount < core.voteFreeTick) return;
  core.electionElapsed = 0;
  drawRetry(core);
  if (core.options.preVote && !transfer) {
    becomePreCandidate(core);
    requestVotes(core, true, false);
    tally(core);
  } else {
    stand(core, transfer);
  }
}

function drawRetry(core: Core): void {
  if (core.hastyElections === 0) {
    core.drawElectionTimeout();
    return;
  }
  core.hastyElections--;
  core.electionTimeout = hastyRetryTicks + randomInt(core.options.random, hastyStaggerTicks);
}

function stand(core: Core, transfer: boolean): void {
  becomeCandidate(core);
  requestVotes(core, false, transfer);
}

function requestVotes(core: Core, preVote: boolean, transfer: boolean): void {
  const { voters, votersOutgoing } = core.config.config;
  for (const to of new Set([...voters, ...votersOutgoing])) {
    if (to === core.id) continue;
    // A real one says: this member voted for itself and will not stand in this term again. So it waits for the disk.
    core.send({
      type: 'vote-request',
      from: core.id,
      to,
      term: preVote ? core.term + 1 : core.term,
      preVote,
      lastIndex: core.log.lastIndex,
      lastTerm: core.log.lastTerm,
      transfer,
    });
  }
}

/**
 * The leader of the current term may still be at work, so nobody is helped to replace it (thesis sections
 * 4.2.3 and 9.6).
 */
export function holdsLease(core: Core, preVote: boolean): boolean {
  if (core.role === 'leader') return core.options.checkQuorum;
  return (
    (core.options.checkQuorum || preVote) &&
    core.leader !== noMember &&
    core.electionElapsed < core.options.electionTicks
  );
}

export function handleVoteRequest(core: Core, message: MessageOf<'vote-request'>): void {
  const { from, preVote } = message;
  if (!message.transfer && core.tickCount < core.voteFreeTick) return;
  const free =
    core.vote === from ||
    (core.vote === noMember && core.leader === noMember) ||
    (preVote && message.term > core.term);
  const granted = free && isUpToDate(core, message);
  if (granted && !preVote) {
    if (core.role !== 'follower') becomeFollower(core, core.term, noMember);
    core.vote = from;
    core.electionElapsed = 0;
  }
  answerVote(core, message, granted);
}

/** The election restriction (paper section 5.4.1). */
function isUpToDate(core: Core, message: MessageOf<'vote-request'>): boolean {
  const { lastTerm, lastIndex } = core.log;
  return message.lastTerm > lastTerm || (message.lastTerm === lastTerm && message.lastIndex >= lastIndex);
}

/**
 * A granted pre-vote answers in the term asked for; a rejection in this member's own, so that one that is
 * behind learns the term and can take part again. Either promises a term and a vote: what the log holds was compared,
 * and what of it is durable was told with its acknowledgement, if at all.
 */
export function answerVote(core: Core, message: MessageOf<'vote-request'>, granted: boolean): void {
  core.send({
    type: 'vote-response',
    from: core.id,
    to: message.from,
    term: granted ? message.term : core.term,
    preVote: message.preVote,
    granted,
  });
}

export function handleVoteResponse(core: Core, message: MessageOf<'vote-response'>): void {
  const { preVote, granted, from } = message;
  if (core.role !== (preVote ? 'pre-candidate' : 'candidate')) return;
  if (message.term !== (preVote && granted ? core.term + 1 : core.term)) return;
  if (core.votes.has(from)) return;
  core.votes.set(from, granted);
  tally(core);
}

/** The disk holds this member's vote for itself. */
export function ownVotePersisted(core: Core): void {
  if (core.role !== 'candidate' || core.votes.has(core.id)) return;
  if (core.persistence.term !== core.term || core.persistence.vote !== core.id) return;
  core.votes.set(core.id, true);
  tally(core);
}

function tally(core: Core): void {
  const result = configVote(core.config.config, (id) => core.votes.get(id));
  if (result === 'lost') becomeFollower(core, core.term, noMember);
  if (result !== 'won') return;
  if (core.role === 'pre-candidate') stand(core, false);
  else becomeLeader(core);
}

/**
 * The connection to `id` closed: its process probably died. If it led, the members that notice ask for
 * pre-votes after a few ticks, each after another number of them, instead of an election timeout. Should it
 * live on, its next message restores everything. A leader that serves lease reads is waited for in full.
 */
export function leaderConnectionLost(core: Core, id: MemberId): void {
  if (core.role !== 'follower' || core.leader !== id || id === noMember) return;
  if (core.leaderServesLease || !core.options.preVote) return;
  core.leader = noMember;
  core.hastyElections = hastyElectionsMax;
  core.electionTimeout = core.electionElapsed + 1 + randomInt(core.options.random, hastyStaggerTicks);
}
