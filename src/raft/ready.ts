import type { Core } from './core.js';
import { broadcastHeartbeat, replicate } from './replication.js';
import { Outbox } from './outbox.js';
import type { Entry, HardState, Index, Ready } from './types.js';

const none: readonly never[] = [];

export function hasReady(core: Core): boolean {
  const { outbox, persistence, log, reads } = core;
  return (
    !outbox.empty ||
    core.heartbeatDue ||
    core.replicationDue ||
    reads.gathering.length > 0 ||
    log.lastIndex > persistence.emittedIndex ||
    persistence.snapshotDue !== undefined ||
    core.term !== persistence.emitted.term ||
    core.vote !== persistence.emitted.vote ||
    committableIndex(core) > core.handedOut
  );
}

/** Everything that is to be done since the last call. Earlier ones need not be persisted yet. */
export function takeReady(core: Core): Ready {
  if (core.role === 'leader') speakAsLeader(core);
  const { persistence, outbox } = core;
  const snapshot = persistence.snapshotDue;
  const entries = unpersistedEntries(core);
  const hardState = hardStateDue(core, entries.length > 0 || snapshot !== undefined);
  let persistMark: number | undefined;
  if (snapshot !== undefined || entries.length > 0 || hardState !== undefined) {
    persistMark = persistence.handOut(
      core.log.lastIndex,
      hardState ?? persistence.emitted,
      snapshot?.index ?? 0,
    );
  }
  const { messages, messagesAfterHardState, messagesAfterPersist } = outbox;
  const { readStates, proposalResults, logReads } = outbox;
  core.outbox = new Outbox();
  return {
    snapshot,
    hardState,
    entries,
    persistMark,
    messages,
    messagesAfterHardState,
    messagesAfterPersist,
    committed: takeCommitted(core),
    readStates,
    proposalResults,
    logReads,
  };
}

/** What was gathered since the last Ready leaves in as few messages as can be. */
function speakAsLeader(core: Core): void {
  const { reads } = core;
  if (reads.gathering.length > 0 || (core.heartbeatDue && core.options.leaseReads)) {
    reads.openRound(core.tickCount);
    core.heartbeatDue = true;
  }
  if (core.heartbeatDue) broadcastHeartbeat(core);
  if (core.replicationDue) replicate(core);
}

function unpersistedEntries(core: Core): readonly Entry[] {
  const from = core.persistence.emittedIndex + 1;
  return core.log.slice(from, core.log.lastIndex, Infinity);
}

/** Commit rides along with other writes; alone it is not worth one. */
function hardStateDue(core: Core, writes: boolean): HardState | undefined {
  const { emitted } = core.persistence;
  const changed = core.term !== emitted.term || core.vote !== emitted.vote;
  if (!changed && !(writes && core.commit !== emitted.commit)) return undefined;
  return { term: core.term, vote: core.vote, commit: core.commit };
}

/** Committed and on this member's disk. Nothing while a snapshot is being installed. */
function committableIndex(core: Core): Index {
  if (core.installing > 0) return core.handedOut;
  return Math.min(core.commit, core.persistence.index);
}

function takeCommitted(core: Core): readonly Entry[] {
  const limit = committableIndex(core);
  if (limit <= core.handedOut) return none;
  const entries = core.log.slice(core.handedOut + 1, limit, core.options.committedSizeBytesMax);
  core.handedOut += entries.length;
  return entries;
}
