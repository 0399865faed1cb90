import { joinAnewAdvice } from '../base/advice.js';
import { MalformedBytesError } from '../base/byte-stream.js';
import { KvorumError } from '../base/errors.js';
import { noMember } from '../base/ids.js';
import { applyConfigChange, decodeConfigChange, InvalidConfigChangeError } from './config-change.js';
import type { Core, MessageOf } from './core.js';
import { resendProposals } from './proposals.js';
import { becomeFollower } from './roles.js';
import type { ClusterConfig, Entry, Index, MemberId } from './types.js';

/**
 * A message of this term's leader came in. @returns false if it cannot be the leader (there is one per term,
 * paper figure 3): the message must be ignored
 */
function hearLeader(core: Core, from: MemberId): boolean {
  if (core.role === 'leader') return false;
  if (core.leader !== noMember && core.leader !== from) return false;
  if (core.role !== 'follower' || core.leader === noMember) {
    becomeFollower(core, core.term, from);
    resendProposals(core);
  }
  core.electionElapsed = 0;
  core.leaderTick = core.tickCount;
  core.hastyElections = 0;
  return true;
}

export function handleAppend(core: Core, message: MessageOf<'append'>): void {
  if (!isWellFormed(message) || !hearLeader(core, message.from)) return;
  const { previousIndex, entries } = message;
  const lastNew = previousIndex + entries.length;
  if (lastNew <= core.commit) {
    accept(core, message.from, core.commit);
    return;
  }
  // What is committed here is the leader's too: only what follows can differ.
  const committed = Math.max(0, core.commit - previousIndex);
  if (committed === 0 && !core.log.matches(previousIndex, message.previousTerm)) {
    reject(core, message);
    return;
  }
  if (core.config.config.voters.length === 0) {
    // The log cannot make sense without the first configuration: a snapshot must bring it.
    reject(core, message);
    return;
  }
  const start = firstNew(core, entries, committed);
  if (!configsFit(core, entries, start)) return;
  takeEntries(core, entries, start);
  core.commitTo(Math.min(message.commit, lastNew));
  accept(core, message.from, lastNew);
}

/** Entries follow each other and `previousIndex`, and no term falls. */
function isWellFormed(message: MessageOf<'append'>): boolean {
  let index = message.previousIndex;
  let term = message.previousTerm;
  if (!(index >= 0)) return false;
  for (const entry of message.entries) {
    index++;
    if (entry.index !== index || entry.term < term) return false;
    term = entry.term;
  }
  return term <= message.term;
}

/** From where on this log does not hold the entries: what stands before is there already. */
function firstNew(core: Core, entries: readonly Entry[], start: number): number {
  let at = start;
  while (at < entries.length && core.log.matches(entries[at]!.index, entries[at]!.term)) at++;
  return at;
}

/** Whether the changes of members from `start` on follow from the configuration before: a leader has checked that. */
function configsFit(core: Core, entries: readonly Entry[], start: number): boolean {
  let config: ClusterConfig | undefined;
  try {
    for (let at = start; at < entries.length; at++) {
      const { type, data } = entries[at]!;
      if (type !== 'config') continue;
      config ??= core.configs.at(entries[start]!.index - 1).config;
      config = applyConfigChange(config, decodeConfigChange(data));
    }
    return true;
  } catch (error) {
    if (error instanceof InvalidConfigChangeError || error instanceof MalformedBytesError) return false;
    throw error;
  }
}

/** Replaces from the first conflict on (paper figure 2, AppendEntries 3 and 4). */
function takeEntries(core: Core, entries: readonly Entry[], start: number): void {
  const first = entries[start];
  if (first === undefined) return;
  if (first.index <= core.log.lastIndex) core.truncateFrom(first.index);
  for (let at = start; at < entries.length; at++) core.append(entries[at]!);
}

function accept(core: Core, to: MemberId, index: Index): void {
  core.sendAfterPersist(acceptance(core, to, index));
}

function acceptance(core: Core, to: MemberId, index: Index): MessageOf<'append-response'> {
  return {
    type: 'append-response',
    from: core.id,
    to,
    term: core.term,
    index,
    rejected: false,
    hintIndex: 0,
    hintTerm: 0,
  };
}

function reject(core: Core, message: MessageOf<'append'>): void {
  const { previousIndex, previousTerm } = message;
  const hintIndex = core.log.lastIndexUpToTerm(previousIndex, previousTerm);
  core.sendAfterPersist({
    type: 'append-response',
    from: core.id,
    to: message.from,
    term: core.term,
    index: previousIndex,
    rejected: true,
    hintIndex,
    hintTerm: core.log.term(hintIndex) ?? 0,
  });
}

/** Tells a leader of an older term, or one that this member has left behind, the term it must catch up with. */
export function answerOldLeader(core: Core, to: MemberId): void {
  core.send(acceptance(core, to, 0));
}

export function handleHeartbeat(core: Core, message: MessageOf<'heartbeat'>): void {
  if (!hearLeader(core, message.from)) return;
  core.leaderServesLease = message.leaseReads;
  if (message.leaseReads) core.voteFreeTick = core.tickCount + core.options.electionTicks;
  requireAcknowledged(core, message.commit);
  core.commitTo(message.commit);
  core.send({
    type: 'heartbeat-response',
    from: core.id,
    to: message.from,
    term: core.term,
    readRound: message.readRound,
  });
}

/**
 * A leader tells no more than what this member has acknowledged in the same term: it was on this member's disk, and no
 * log loses what matches the leader's. So this one was put back, and has forgotten votes as well.
 *
 * @throws KvorumError DATA_DAMAGED: it must not take part any more
 */
function requireAcknowledged({ log, term }: Core, commit: Index): void {
  if (commit <= log.lastIndex) return;
  throw new KvorumError(
    'DATA_DAMAGED',
    `the log ends at entry ${log.lastIndex}, but this member has acknowledged entries up to ${commit} to the leader of term ${term}: it was started on an older copy of its data folder, or its disk has lost what it had taken; ${joinAnewAdvice}`,
  );
}

/**
 * The state has arrived in full. It is committed state, whatever the term of the message: one of an older term
 * is used all the same, but says nothing about who leads now. Term 0: whoever brought it does not know the
 * sender's term.
 */
export function handleSnapshot(core: Core, message: MessageOf<'snapshot'>): void {
  const { snapshot } = message;
  if (core.role === 'leader' || (message.term > 0 && snapshot.term > message.term)) return;
  if (snapshot.term > core.term) becomeFollower(core, snapshot.term, noMember);
  if (message.term === core.term && !hearLeader(core, message.from)) return;
  if (snapshot.index <= core.commit) {
    accept(core, message.from, core.commit);
    return;
  }
  if (core.log.matches(snapshot.index, snapshot.term)) {
    // The log came faster than the snapshot.
    core.commitTo(snapshot.index);
    accept(core, message.from, core.commit);
    return;
  }
  if (core.role !== 'follower') becomeFollower(core, core.term, noMember);
  core.restore(snapshot);
  accept(core, message.from, snapshot.index);
}
