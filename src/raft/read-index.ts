import { noMember } from '../base/ids.js';
import type { Core, MessageOf } from './core.js';
import type { PendingRead } from './read-queue.js';
import type { Index } from './types.js';

/**
 * A lease ends so many ticks before a follower may help to elect another leader: one for the phase of the
 * ticks at each end, the rest for clocks that run at different rates.
 */
export const leaseMarginTicks = 3;

/** Asks for an index that is safe to read at (thesis section 6.4). */
export function readIndex(core: Core, context: number): void {
  if (core.role === 'leader') {
    take(core, { from: core.id, context });
  } else if (core.leader !== noMember) {
    const wireContext = core.nextId();
    core.reads.ask(wireContext, context);
    core.send({
      type: 'read-index',
      from: core.id,
      to: core.leader,
      term: core.term,
      context: wireContext,
    });
  }
}

/** From a member of any term: the index is good whoever asks. */
export function handleReadIndex(core: Core, message: MessageOf<'read-index'>): void {
  const read = { from: message.from, context: message.context };
  if (core.role === 'leader') take(core, read);
  else answer(core, read, 0);
}

export function handleReadIndexResponse(core: Core, message: MessageOf<'read-index-response'>): void {
  const context = core.reads.asked.get(message.context);
  if (context === undefined) return;
  core.reads.asked.delete(message.context);
  if (message.index > 0) core.outbox.readStates.push({ context, index: message.index });
}

function take(core: Core, read: PendingRead): void {
  if (core.reads.full) answer(core, read, 0);
  else if (!core.committedInTerm) core.reads.addEarly(read);
  else if (core.tracker.soleVoter || holdsReadLease(core)) answer(core, read, core.commit);
  else core.reads.gather(read, core.commit);
}

/** Commit is now the cluster's: the reads that came too early may go on. */
export function releaseEarlyReads(core: Core): void {
  for (const read of core.reads.takeEarly()) take(core, read);
}

/**
 * A quorum heard this leader so lately that none of it can have helped to elect another one yet. Counted from
 * when the confirmed heartbeats were sent, not from when the answers came.
 */
export function holdsReadLease(core: Core): boolean {
  return (
    core.options.leaseReads &&
    !core.leaseRevoked &&
    core.reads.confirmedTick >= core.reads.leaseFromTick &&
    core.tickCount - core.reads.confirmedTick <= core.options.electionTicks - leaseMarginTicks
  );
}

/** Ticks no longer tell how long ago a round was sent: only rounds sent after this one give a lease. */
export function leaseLost(core: Core): void {
  core.reads.leaseFromTick = core.tickCount + 1;
}

/** A heartbeat was answered; a quorum of answers confirms the round and all before it. */
export function confirmRound(core: Core, message: MessageOf<'heartbeat-response'>): void {
  const progress = core.tracker.others.get(message.from);
  if (progress === undefined || message.readRound > core.reads.round) return;
  if (message.readRound <= progress.readRound) return;
  progress.readRound = message.readRound;
  for (const { index, reads } of core.reads.confirm(core.tracker.quorumReadRound())) {
    for (const read of reads) answer(core, read, index);
  }
}

function answer(core: Core, read: PendingRead, index: Index): void {
  if (read.from !== core.id) {
    core.send({
      type: 'read-index-response',
      from: core.id,
      to: read.from,
      term: core.term,
      context: read.context,
      index,
    });
  } else if (index > 0) {
    core.outbox.readStates.push({ context: read.context, index });
  }
}
