import { isVoter } from '../raft/config-change.js';
import type { MembershipChanges } from './membership-changes.js';
import type { MemberParts } from './parts.js';

/** At the leader: learners that are up and have caught up become voters without being asked for, one at a time. */
export function promoteLearners({ raft, machine, options }: MemberParts, changes: MembershipChanges): void {
  if (machine.config.learners.length === 0) return;
  const status = raft.status();
  if (status.configIndex > machine.applied.index) return;
  for (const record of machine.members()) {
    if (!record.promoteWhenReady || isVoter(machine.config, record.id)) continue;
    if (record.clientAddress === '') continue;
    const progress = status.progress.get(record.id);
    // Who has taken nothing yet is behind, however short the log is.
    if (progress?.recentActive !== true || progress.state === 'snapshot' || progress.match === 0) continue;
    if (progress.match + options.promotionLagEntriesMax < status.lastIndex) continue;
    changes.promoteNow(record.id, status.configIndex);
    return;
  }
}
