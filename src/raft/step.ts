import { noMember } from '../base/ids.js';
import type { Core } from './core.js';
import { answerVote, handleVoteRequest, handleVoteResponse, holdsLease } from './election.js';
import { answerOldLeader, handleAppend, handleHeartbeat, handleSnapshot } from './follower.js';
import { handlePropose, handleProposeResponse } from './proposals.js';
import { confirmRound, handleReadIndex, handleReadIndexResponse } from './read-index.js';
import { handleAppendResponse, nudge } from './replication.js';
import { becomeFollower } from './roles.js';
import { beginTransfer, continueTransfer, handleTimeoutNow } from './transfer.js';
import type { Message } from './types.js';

/** One message of another member. Its term decides first (paper figure 2, rules for all servers). */
export function step(core: Core, message: Message): void {
  if (message.to !== core.id || message.from === core.id) return;
  if (message.term < core.term) {
    stepOlderTerm(core, message);
  } else if (message.term === core.term || admitNewerTerm(core, message)) {
    dispatch(core, message);
  }
}

/** @returns false if the message must be ignored. A pre-vote never changes the term. */
function admitNewerTerm(core: Core, message: Message): boolean {
  switch (message.type) {
    case 'vote-request':
      if (!message.transfer && (holdsLease(core, message.preVote) || core.tickCount < core.voteFreeTick)) {
        return false;
      }
      if (!message.preVote) becomeFollower(core, message.term, noMember);
      return true;
    case 'vote-response':
      if (!(message.preVote && message.granted)) becomeFollower(core, message.term, noMember);
      return true;
    case 'append':
    case 'heartbeat':
    case 'snapshot':
    case 'timeout-now':
      becomeFollower(core, message.term, message.from);
      return true;
    default:
      becomeFollower(core, message.term, noMember);
      return true;
  }
}

function stepOlderTerm(core: Core, message: Message): void {
  switch (message.type) {
    case 'append':
    case 'heartbeat':
      // Without an answer it would go on for ever, and this member, that was cut off and raised its term, would
      // never hear a leader again: its vote requests are ignored while there is one.
      answerOldLeader(core, message.from);
      return;
    case 'vote-request':
      answerVote(core, message, false);
      return;
    case 'snapshot':
      handleSnapshot(core, message);
      return;
    case 'read-index':
      handleReadIndex(core, message);
      return;
    case 'read-index-response':
      handleReadIndexResponse(core, message);
      return;
    case 'propose':
      handlePropose(core, message);
      return;
    case 'propose-response':
      handleProposeResponse(core, message);
      return;
    default:
  }
}

function dispatch(core: Core, message: Message): void {
  switch (message.type) {
    case 'append':
      handleAppend(core, message);
      return;
    case 'append-response':
      handleAppendResponse(core, message);
      if (core.transferTarget !== noMember) continueTransfer(core, message.from);
      return;
    case 'heartbeat':
      handleHeartbeat(core, message);
      return;
    case 'heartbeat-response': {
      const progress = core.tracker.others.get(message.from);
      if (core.role !== 'leader' || progress === undefined) return;
      progress.heard(core.tickCount);
      confirmRound(core, message);
      nudge(core, progress);
      return;
    }
    case 'propose':
      handlePropose(core, message);
      return;
    case 'propose-response':
      handleProposeResponse(core, message);
      return;
    case 'read-index':
      handleReadIndex(core, message);
      return;
    case 'read-index-response':
      handleReadIndexResponse(core, message);
      return;
    case 'vote-request':
      handleVoteRequest(core, message);
      return;
    case 'vote-response':
      handleVoteResponse(core, message);
      return;
    case 'snapshot':
      handleSnapshot(core, message);
      return;
    case 'timeout-now':
      handleTimeoutNow(core, message);
      return;
    case 'transfer-leader':
      if (core.role === 'leader') beginTransfer(core, message.target);
  }
}
