import type { Member } from '../member/types.js';
import { noMember } from '../base/ids.js';
import type { HostStatus } from './host-status.js';
import { gauge, type Metric } from './http/metrics.js';

/** What a member knows of itself and of the others, for /metrics. */
export function memberMetrics(member: Pick<Member, 'status' | 'peers'>): readonly Metric[] {
  const status = member.status();
  const peers = member.peers();
  return [
    gauge('kvorum_has_leader', 'Whether this member knows a leader.', Number(status.leader !== noMember)),
    gauge('kvorum_is_leader', 'Whether this member leads.', Number(status.leader === status.id)),
    gauge('kvorum_term', 'Raft term.', status.term),
    gauge('kvorum_commit_index', 'Newest entry known to be committed.', status.commitIndex),
    gauge('kvorum_applied_index', 'Newest entry applied to the state.', status.appliedIndex),
    gauge('kvorum_flushed_index', 'Newest entry whose effect the database has on disk.', status.flushedIndex),
    gauge('kvorum_revision', 'Revision of the newest write.', status.revision),
    gauge(
      'kvorum_compact_revision',
      'Oldest revision that can be read.',
      Math.max(0, status.compactRevision),
    ),
    gauge(
      'kvorum_feature_level',
      'Feature level of the cluster, as of what is applied.',
      status.featureLevel,
    ),
    gauge('kvorum_database_size_bytes', 'Size of the database file.', status.databaseSizeBytes),
    gauge('kvorum_log_size_bytes', 'Size of the Raft log.', status.logSizeBytes),
    gauge('kvorum_log_memory_bytes', 'Size of its entries in memory.', status.logMemorySizeBytes),
    {
      name: 'kvorum_member_reachable',
      help: 'Whether messages reach another member.',
      type: 'gauge',
      samples: peers.map(({ name, reach }) => ({
        labels: { member: name },
        value: Number(reach?.reachable === true),
      })),
    },
    {
      name: 'kvorum_member_behind_entries',
      help: 'Entries that another member is not known to have; of the leader.',
      type: 'gauge',
      samples: peers.flatMap(({ name, matchIndex }) =>
        matchIndex === undefined
          ? []
          : [{ labels: { member: name }, value: Math.max(0, status.lastIndex - matchIndex) }],
      ),
    },
  ];
}

/** What a member has of its machine, for /metrics, as far as it is known. */
export function hostMetrics(host: HostStatus): readonly Metric[] {
  const metrics: readonly [string, string, number | undefined][] = [
    ['kvorum_disk_free_bytes', 'Free on the file system of the data folder.', host.diskFreeBytes],
    ['kvorum_disk_size_bytes', 'Size of the file system of the data folder.', host.diskSizeBytes],
    ['process_open_fds', 'Open file descriptors.', host.openFiles],
    ['process_max_fds', 'File descriptors that may be open.', host.openFilesMax],
  ];
  return metrics.flatMap(([name, help, value]) => (value === undefined ? [] : [gauge(name, help, value)]));
}
