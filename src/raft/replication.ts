import type { Core, MessageOf } from './core.js';
import { entriesSizeBytes } from './log.js';
import { nextEntries } from './log-reads.js';
import type { Progress } from './progress.js';
import { memberIds } from './config-change.js';
import type { EntryType, Index, MemberId, SnapshotMeta, Term } from './types.js';

/** Takes an entry into the leader's log. It is sent with the next Ready, together with its neighbours. */
export function appendAsLeader(core: Core, type: EntryType, data: Uint8Array): Index {
  const index = core.log.lastIndex + 1;
  core.append({ term: core.term, index, type, data });
  core.unappliedSizeBytes += data.length;
  core.replicationDue = true;
  if (type === 'config') {
    core.tracker.setConfig(core.config.config, index);
    if (core.transferTarget !== 0n && !core.tracker.others.has(core.transferTarget)) core.giveUpTransfer();
    advanceCommit(core);
  }
  return index;
}

/**
 * An entry is committed when a quorum holds it on disk and it is of the leader's own term; with it all before
 * it (paper section 5.4.2 and figure 8).
 */
export function advanceCommit(core: Core): void {
  core.tracker.self.match = core.persistence.index;
  const index = core.tracker.quorumMatch();
  if (index <= core.commit || core.log.term(index) !== core.term) return;
  core.commitTo(index);
  core.replicationDue = true;
}

/** Sends everyone what he lacks and has room for. */
export function replicate(core: Core): void {
  core.replicationDue = false;
  for (const progress of core.tracker.list) sendAppends(core, progress);
}

function sendAppends(core: Core, progress: Progress): void {
  while (!progress.paused || progress.sendDue) {
    if (progress.state === 'snapshot') return;
    const previousIndex = progress.next - 1;
    const previousTerm = termBefore(core, progress);
    if (previousTerm === undefined) {
      sendSnapshot(core, progress);
      return;
    }
    // To one that is paused an empty one goes: whether what was sent has arrived is all that is asked.
    const entries = progress.paused ? [] : nextEntries(core, progress);
    const due = progress.sendDue || progress.state === 'probe' || progress.commitSent < core.commit;
    if (entries.length === 0 && !due) return;
    core.send({
      type: 'append',
      from: core.id,
      to: progress.id,
      term: core.term,
      previousIndex,
      previousTerm,
      entries,
      commit: core.commit,
    });
    progress.sendDue = false;
    progress.commitSent = core.commit;
    if (progress.state === 'probe') progress.probeSent = true;
    if (entries.length === 0) return;
    if (progress.state === 'replicate') {
      progress.next += entries.length;
      progress.inflights.add(progress.next - 1, entriesSizeBytes(entries));
    }
  }
}

/** As far as is known, it acknowledges no entry before it has been brought a snapshot. */
export function lacksState(core: Core, progress: Progress): boolean {
  return progress.state === 'snapshot' || termBefore(core, progress) === undefined;
}

/** Of the entry behind which it is sent the next one; undefined: it must be brought a snapshot first. */
function termBefore(core: Core, { id, next }: Progress): Term | undefined {
  return next === 1 && !isFounder(core, id) ? undefined : core.log.term(next - 1);
}

/**
 * The first configuration is not in the log: only those who were in it know it. Anyone else must be given a
 * snapshot, though the log goes back to its first entry.
 */
function isFounder(core: Core, id: MemberId): boolean {
  return memberIds(core.configs.base.config).includes(id);
}

function sendSnapshot(core: Core, progress: Progress): void {
  if (!isActive(core, progress)) return;
  const snapshot = snapshotMetaAt(core, core.applied);
  if (snapshot === undefined || snapshot.index <= progress.match) return;
  progress.becomeSnapshot(snapshot.index);
  core.send({ type: 'snapshot', from: core.id, to: progress.id, term: core.term, snapshot });
}

/** Undefined when the log no longer, or not yet, holds `index`; and for index 0, where there is no state. */
export function snapshotMetaAt(core: Core, index: Index): SnapshotMeta | undefined {
  const term = core.log.term(index);
  if (term === undefined || index === 0) return undefined;
  const { config, index: configIndex } = core.configs.at(index);
  return { index, term, config, configIndex };
}

/** Heard within the election timeout, and its connection not lost since. */
export function isActive(core: Core, progress: Progress): boolean {
  return progress.reachable && core.tickCount - progress.activeTick < core.options.electionTicks;
}

/** Also confirms leadership for all reads gathered so far. */
export function broadcastHeartbeat(core: Core): void {
  core.heartbeatDue = false;
  for (const progress of core.tracker.list) {
    core.send({
      type: 'heartbeat',
      from: core.id,
      to: progress.id,
      term: core.term,
      commit: Math.min(progress.match, core.commit),
      readRound: core.reads.round,
      leaseReads: core.options.leaseReads,
    });
  }
}

export function handleAppendResponse(core: Core, message: MessageOf<'append-response'>): void {
  const progress = core.tracker.others.get(message.from);
  if (core.role !== 'leader' || progress === undefined) return;
  progress.heard(core.tickCount);
  if (message.index > core.log.lastIndex) return;
  if (message.rejected) handleRejection(core, progress, message);
  else handleAcceptance(core, progress, message.index);
  progress.check(core.log.lastIndex);
}

/** Skips a whole term of conflicting entries per round trip, not one entry (paper section 5.3, end). */
function handleRejection(core: Core, progress: Progress, message: MessageOf<'append-response'>): void {
  const { index, hintIndex, hintTerm } = message;
  const hint = hintTerm > 0 ? core.log.lastIndexUpToTerm(hintIndex, hintTerm) : hintIndex;
  if (progress.backOff(index, hint)) core.replicationDue = true;
}

function handleAcceptance(core: Core, progress: Progress, index: Index): void {
  const news = progress.acknowledge(index);
  if (!news && !(progress.state === 'probe' && index === progress.match)) return;
  switch (progress.state) {
    case 'probe':
      progress.becomeReplicate();
      break;
    case 'replicate':
      progress.inflights.freeThrough(index);
      break;
    case 'snapshot':
      if (index + 1 >= core.log.firstIndex || index >= progress.pendingSnapshot) progress.becomeReplicate();
      break;
  }
  if (news) advanceCommit(core);
  if (progress.next <= core.log.lastIndex || progress.commitSent < core.commit) core.replicationDue = true;
}

/**
 * Once per heartbeat interval a follower that lacks something is asked whether it has what it was sent, which may be lost:
 * by an append, that is empty where it may be sent no more. On a slow link entries are on their way for many intervals,
 * and must not be sent again in each. Answers to further read rounds in the same interval ask nothing, or reads would
 * multiply the appends.
 */
export function nudge(core: Core, progress: Progress): void {
  if (!progress.nudgeDue) return;
  progress.nudgeDue = false;
  progress.readFailed = false;
  if (progress.state === 'snapshot') return;
  progress.awaitsSign = false;
  if (progress.match < core.log.lastIndex || progress.state === 'probe') {
    progress.sendDue = true;
    core.replicationDue = true;
  }
}

export function reportUnreachable(core: Core, id: MemberId): void {
  const progress = core.tracker.others.get(id);
  if (core.role !== 'leader' || progress === undefined) return;
  progress.reachable = false;
  if (progress.state === 'replicate') progress.becomeProbe();
}

/**
 * Arrived: its acknowledgement is on the way, or lost; the next probe finds out. Failed: begin again. Both
 * wait for the next sign of life, so that a transfer that fails at once is not repeated at once.
 */
export function reportSnapshot(core: Core, id: MemberId, ok: boolean): void {
  const progress = core.tracker.others.get(id);
  if (core.role !== 'leader' || progress?.state !== 'snapshot') return;
  progress.becomeProbe(ok ? progress.pendingSnapshot + 1 : progress.match + 1);
  progress.awaitsSign = true;
}
