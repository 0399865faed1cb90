import { noMember, type MemberId } from '../base/ids.js';
import { MalformedBytesError } from '../base/byte-stream.js';
import type { Core, MessageOf } from './core.js';
import {
  InvalidConfigChangeError,
  applyConfigChange,
  decodeConfigChange,
  isJoint,
  isLearner,
} from './config-change.js';
import { appendAsLeader, isActive, lacksState } from './replication.js';
import { configVote } from './tracker.js';
import type { ClusterConfig, DropReason, Index, ProposalOutcome } from './types.js';

/** Decides at once at the leader; elsewhere the leader is asked. @returns the proposal's id */
export function propose(
  core: Core,
  entryType: 'normal' | 'config',
  data: Uint8Array,
  configIndex: Index,
): number {
  const proposalId = core.nextId();
  if (core.role === 'leader' || core.leader === noMember || core.forwarded.full(core.term)) {
    const outcome = core.role === 'leader' ? decide(core, entryType, data, configIndex) : noLeader;
    core.outbox.proposalResults.push({ proposalId, outcome });
    return proposalId;
  }
  const message = {
    type: 'propose' as const,
    from: core.id,
    to: core.leader,
    term: core.term,
    proposalId,
    entryType,
    data,
    configIndex,
    behindId: entryType === 'normal' ? core.forwarded.newestId(core.term) : 0,
  };
  core.forwarded.add(message, core.tickCount);
  core.send(message);
  return proposalId;
}

/** What is on its way to the leader may be lost, or its answer: messages go there again. */
export function resendProposals(core: Core): void {
  if (core.role !== 'follower' || core.leader === noMember) return;
  for (const message of core.forwarded.again(core.term, core.tickCount)) core.send(message);
}

/** As resendProposals, where no answer has come for a while. */
export function resendOverdueProposals(core: Core): void {
  if (core.role !== 'follower' || core.leader === noMember) return;
  for (const message of core.forwarded.overdue(core.term, core.tickCount)) core.send(message);
}

/**
 * Accepted only in the term that the proposer knew: it may conclude from a later term that its proposal is
 * lost. "Dropped" is said only when it is certain, so a term that this run of the member did not lead gets no
 * answer: a copy of the message may have been accepted before a restart.
 */
export function handlePropose(core: Core, message: MessageOf<'propose'>): void {
  if (message.term !== core.ledger.term) return;
  let next: MessageOf<'propose'> | undefined = message;
  while (next !== undefined && answerOnce(core, next)) next = core.ledger.takeBehind(next);
}

/** @returns whether it is decided on */
function answerOnce(core: Core, message: MessageOf<'propose'>): boolean {
  const { from, proposalId } = message;
  let outcome = core.ledger.outcome(from, proposalId);
  if (outcome === undefined) {
    if (core.ledger.isForgotten(from, proposalId)) return true;
    outcome = decideForwarded(core, message);
    if (outcome === undefined) {
      core.ledger.hold(message);
      return false;
    }
    core.ledger.record(from, proposalId, outcome);
  }
  core.send({ type: 'propose-response', from: core.id, to: from, term: core.term, proposalId, outcome });
  return true;
}

/**
 * What one member proposes keeps its order: nothing is decided before what it goes behind, and behind one that was
 * turned down nothing is appended. Its proposer may never hear of that, and propose it again in a later term.
 *
 * @returns undefined: what it goes behind has not come yet
 */
function decideForwarded(core: Core, message: MessageOf<'propose'>): ProposalOutcome | undefined {
  if (core.role !== 'leader' || core.term !== message.term) return noLeader;
  if (message.entryType === 'normal' && message.behindId > 0) {
    const before = core.ledger.outcome(message.from, message.behindId);
    if (before === undefined) return undefined;
    if (before.kind === 'dropped') return before;
  }
  return decide(core, message.entryType, message.data, message.configIndex);
}

const noLeader: ProposalOutcome = { kind: 'dropped', reason: 'no-leader' };

export function handleProposeResponse(core: Core, message: MessageOf<'propose-response'>): void {
  const { proposalId, outcome } = message;
  if (!core.ownsId(proposalId)) return;
  const isAppended = outcome.kind === 'appended';
  for (const overtaken of core.forwarded.settled(proposalId, isAppended, core.tickCount))
    core.send(overtaken);
  core.outbox.proposalResults.push({ proposalId, outcome });
}

function decide(
  core: Core,
  entryType: 'normal' | 'config',
  data: Uint8Array,
  configIndex: Index,
): ProposalOutcome {
  const reason =
    core.role !== 'leader' || core.transferTarget !== noMember
      ? 'no-leader'
      : entryType === 'config'
        ? objectionToConfig(core, data, configIndex)
        : objectionToData(core, data);
  if (reason !== undefined) return { kind: 'dropped', reason };
  return { kind: 'appended', term: core.term, index: appendAsLeader(core, entryType, data) };
}

/** One proposal is always let through, whatever its size; so are those without bytes. */
function objectionToData(core: Core, data: Uint8Array): DropReason | undefined {
  const before = core.unappliedSizeBytes;
  const room = core.options.uncommittedSizeBytesMax - before;
  return before > 0 && data.length > room && data.length > 0 ? 'overloaded' : undefined;
}

/**
 * One change at a time, and only once the leader's own term has a committed entry: otherwise two leaders could
 * each commit a change that the other's quorum does not overlap (Ongaro's correction of July 2015 to the
 * single-server change of thesis section 4.1).
 */
function objectionToConfig(core: Core, data: Uint8Array, basedOn: Index): DropReason | undefined {
  const newest = core.config;
  if (newest.index > core.commit || !core.committedInTerm || basedOn !== newest.index) {
    return 'config-conflict';
  }
  let config: ClusterConfig;
  try {
    const change = decodeConfigChange(data);
    if (isJoint(newest.config) && change.changes.length > 0) return 'config-conflict';
    config = applyConfigChange(newest.config, change);
  } catch (error) {
    if (error instanceof InvalidConfigChangeError || error instanceof MalformedBytesError) {
      return 'invalid-config';
    }
    throw error;
  }
  if (configVote(config, (id) => canAcknowledge(core, id)) !== 'won') return 'quorum-would-be-lost';
  return hasEmptyVoter(core, config) ? 'learner-behind' : undefined;
}

/** One that needs a snapshot answers, and acknowledges no entry before it has it: minutes, if it is large. */
function canAcknowledge(core: Core, id: MemberId): boolean {
  if (id === core.id) return true;
  const progress = core.tracker.others.get(id);
  return progress !== undefined && !lacksState(core, progress) && isActive(core, progress);
}

/** A voter that holds nothing cannot help to elect anyone, should it be needed, and may not even find the others. */
function hasEmptyVoter(core: Core, config: ClusterConfig): boolean {
  return config.voters.some(
    (id) => isLearner(core.config.config, id) && core.tracker.others.get(id)?.match === 0,
  );
}
