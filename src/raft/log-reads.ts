import type { Core } from './core.js';
import { firstEntries } from './log.js';
import type { Progress } from './progress.js';
import type { Entry, Index, MemberId } from './types.js';

/**
 * What a follower is sent next, from memory or from what was read of the log on disk; none while that is being read. Where
 * it is not known yet whether the logs match, nothing is read: an empty append finds out as well.
 */
export function nextEntries(core: Core, progress: Progress): readonly Entry[] {
  const { log, options } = core;
  const { next } = progress;
  if (next > log.lastIndex) return [];
  if (log.holds(next)) {
    progress.readAhead = [];
    return log.slice(next, log.lastIndex, options.messageEntriesSizeBytesMax);
  }
  if (progress.state === 'probe' || progress.readFailed) return [];
  const { readAhead } = progress;
  const at = readAhead.length === 0 ? -1 : next - readAhead[0]!.index;
  if (at >= 0 && at < readAhead.length) {
    return firstEntries(readAhead, at, readAhead.length, options.messageEntriesSizeBytesMax);
  }
  progress.readAhead = [];
  if (progress.readingFrom === undefined) {
    progress.readingFrom = next;
    core.outbox.logReads.push({ for: progress.id, from: next });
  }
  return [];
}

export function entriesRead(
  core: Core,
  id: MemberId,
  from: Index,
  entries: readonly Entry[] | undefined,
): void {
  const progress = core.tracker.others.get(id);
  if (core.role !== 'leader' || progress?.readingFrom !== from) return;
  progress.readingFrom = undefined;
  // The same index and term is the same entry (log matching, paper section 5.3). What replaces one may not be on disk yet.
  const others = entries?.findIndex((entry) => core.log.term(entry.index) !== entry.term) ?? 0;
  progress.readAhead = (others < 0 ? entries : entries?.slice(0, others)) ?? [];
  // Asked for again at once, it would be no other.
  progress.readFailed = progress.readAhead.length === 0;
  core.replicationDue = true;
}
