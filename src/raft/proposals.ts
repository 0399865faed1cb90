import { noMember } from '../base/ids.js';
import { MalformedBytesError } from '../base/byte-stream.js';
import type { Core, MessageOf } from './core.js';
import {
  InvalidConfigChangeError,
  applyConfigChange,
  decodeConfigChange,
  isJoint,
  isLearner,
} from './config-change.js';
import { appendAsLeader, isActive } from './replication.js';
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
  if (core.role === 'leader' || core.leader === noMember) {
    const outcome = decide(core, entryType, data, configIndex);
    core.outbox.proposalResults.push({ proposalId, outcome });
  } else {
    core.send({
      type: 'propose',
      from: core.id,
      to: core.leader,
      term: core.term,
      proposalId,
      entryType,
      data,
      configIndex,
    });
  }
  return proposalId;
}

/**
 * Accepted only in the term that the proposer knew: it may conclude from a later term that its proposal is
 * lost. "Dropped" is said only when it is certain, so a term that this run of the member did not lead gets no
 * answer: a copy of the message may have been accepted before a restart.
 */
export function handlePropose(core: Core, message: MessageOf<'propose'>): void {
  if (message.term !== core.ledger.term || !core.ledger.record(message.from, message.proposalId)) return;
  const leads = core.role === 'leader' && core.term === message.term;
  core.send({
    type: 'propose-response',
    from: core.id,
    to: message.from,
    term: core.term,
    proposalId: message.proposalId,
    outcome: leads
      ? decide(core, message.entryType, message.data, message.configIndex)
      : { kind: 'dropped', reason: 'no-leader' },
  });
}

export function handleProposeResponse(core: Core, message: MessageOf<'propose-response'>): void {
  const { proposalId, outcome } = message;
  if (core.ownsId(proposalId)) core.outbox.proposalResults.push({ proposalId, outcome });
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
  const active = configVote(config, (id) => {
    const progress = core.tracker.others.get(id);
    return id === core.id || (progress !== undefined && isActive(core, progress));
  });
  if (active !== 'won') return 'quorum-would-be-lost';
  return hasEmptyVoter(core, config) ? 'learner-behind' : undefined;
}

/** A voter that holds nothing cannot help to elect anyone, should it be needed, and may not even find the others. */
function hasEmptyVoter(core: Core, config: ClusterConfig): boolean {
  return config.voters.some(
    (id) => isLearner(core.config.config, id) && core.tracker.others.get(id)?.match === 0,
  );
}
