import { mutant, type Mutant } from './mutant.js';

/** Faults of a log whose older part is on disk alone. */
export const logMemoryMutants: readonly Mutant[] = [
  mutant(
    'read-back-once',
    'a second part of the log is never read for a follower',
    'src/raft/log-reads.ts',
    '  progress.readingFrom = undefined;\n',
    '',
  ),
  mutant(
    'read-ahead-of-before-kept',
    'what was read for a follower is sent though it needs others by now',
    'src/raft/log-reads.ts',
    'if (at >= 0 && at < readAhead.length) {\n    return firstEntries(readAhead, at,',
    'if (readAhead.length > 0) {\n    return firstEntries(readAhead, Math.max(0, Math.min(at, readAhead.length - 1)),',
  ),
  mutant(
    'replaced-entries-stay-in-extents',
    'entries that were replaced are read back in place of those that replaced them',
    'src/storage/wal/extents.ts',
    'if (last !== undefined && index <= last.lastIndex) this.truncateFrom(index);\n    else if',
    'if',
  ),
];
