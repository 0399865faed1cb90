import type { Member } from '../member/types.js';
import { noMember } from '../base/ids.js';
import { gauge, type Metric } from './http/metrics.js';

/** What a member knows of itself, for /metrics. */
export function memberMetrics(member: Pick<Member, 'status'>): readonly Metric[] {
  const status = member.status();
  return [
    gauge('kvorum_has_leader', 'Whether this member knows a leader.', Number(status.leader !== noMember)),
    gauge('kvorum_is_leader', 'Whether this member leads.', Number(status.leader === status.id)),
    gauge('kvorum_term', 'Raft term.', status.term),
    gauge('kvorum_commit_index', 'Newest entry known to be committed.', status.commitIndex),
    gauge('kvorum_applied_index', 'Newest entry applied to the state.', status.appliedIndex),
    gauge('kvorum_flushed_index', 'Newest entry whose effect the database has on disk.', status.flushedIndex),
    gauge('kvorum_revision', 'Revision of the newest write.', status.revision),
    gauge('kvorum_database_size_bytes', 'Size of the database file.', status.databaseSizeBytes),
    gauge('kvorum_log_size_bytes', 'Size of the Raft log.', status.logSizeBytes),
  ];
}
