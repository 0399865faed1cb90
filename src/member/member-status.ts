import type { MemberId } from '../base/ids.js';
import { isLearner, isVoter } from '../raft/config-change.js';
import type { MemberParts } from './parts.js';
import { publishedLevels } from './publication.js';
import type { Reach } from './reachability.js';
import type { Progress } from './transfer-progress.js';
import type { MemberStatus, PeerStatus } from './types.js';

export function memberStatus(parts: MemberParts): MemberStatus {
  const { clusterId, id, name, version, raft, machine, backend, wal } = parts;
  return {
    clusterId,
    id,
    name,
    version,
    role: raft.role,
    learner: isLearner(machine.config, id),
    leader: raft.leader,
    term: raft.term,
    lastIndex: raft.lastIndex,
    commitIndex: raft.commit,
    appliedIndex: machine.applied.index,
    flushedIndex: backend.flushed.index,
    revision: machine.revision,
    compactRevision: machine.compactRevision,
    featureLevel: machine.featureLevel,
    levels: publishedLevels(parts),
    databaseSizeBytes: backend.sizeBytes(),
    logSizeBytes: wal.sizeBytes,
    logMemorySizeBytes: raft.logMemorySizeBytes,
  };
}

/** The others, as of what is applied here. */
export function peerStatuses(
  { machine, raft, id }: MemberParts,
  reachOf: (id: MemberId) => Reach | undefined,
  snapshots: { progressTo(id: MemberId): Progress | undefined; failureTo(id: MemberId): string },
): readonly PeerStatus[] {
  const { progress } = raft.status();
  return machine
    .members()
    .filter((each) => each.id !== id)
    .map((each) => ({
      id: each.id,
      name: each.name,
      peerAddress: each.peerAddress,
      voter: isVoter(machine.config, each.id),
      levels: each.levels,
      reach: reachOf(each.id),
      matchIndex: progress.get(each.id)?.match,
      snapshot: snapshots.progressTo(each.id),
      snapshotFailure: snapshots.failureTo(each.id),
    }));
}
