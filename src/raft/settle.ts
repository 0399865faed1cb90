import { noMember } from '../base/ids.js';
import { emptyBytes } from '../base/bytes.js';
import { encodeConfigChange, isVoter } from './config-change.js';
import type { Core } from './core.js';
import { releaseEarlyReads } from './read-index.js';
import { appendAsLeader, replicate } from './replication.js';
import { becomeFollower } from './roles.js';
import { bestVoter, sendTimeoutNow } from './transfer.js';

const leaveJointBytes = encodeConfigChange({ changes: [], context: emptyBytes });

/** What follows from a commit index that moved. Run at the end of every input. */
export function settle(core: Core): void {
  while (core.commitMoved) {
    core.commitMoved = false;
    if (core.role !== 'leader' || !core.committedInTerm) continue;
    releaseEarlyReads(core);
    const { index, config } = core.config;
    if (index > core.commit) continue;
    if (config.autoLeave) appendAsLeader(core, 'config', leaveJointBytes);
    else if (!isVoter(config, core.id)) abdicate(core);
  }
}

/** The configuration without this leader is committed: its work is done (thesis section 4.2.2). */
function abdicate(core: Core): void {
  replicate(core);
  const successor = bestVoter(core);
  if (successor !== noMember) sendTimeoutNow(core, successor);
  becomeFollower(core, core.term, noMember);
}
