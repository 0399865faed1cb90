import type { Core } from './core.js';
import { clusterMembersMax, memberIds } from './config-change.js';
import type { Index, Message, SnapshotMeta, Term } from './types.js';

/**
 * A message may be so many terms ahead of this member. A member that was away for a year, in a cluster that elected a
 * leader ten times a second, is behind by less than a tenth of it.
 */
export const termJumpMax = 2 ** 32;

/**
 * So often the term is noted from which it may rise by `termJumpMax`: some sixteen minutes. Were it the term of the
 * moment, one frame could hold a jump behind the other, all the way to the end of numbers.
 */
export const termMarkTicks = 10_000;

/** Terms and indexes beyond are nobody's: numbers end at 2^53, and whoever is there can go no further. */
export const termMax: Term = 2 ** 52;
export const indexMax: Index = 2 ** 52;

/** @returns what is wrong with a message that no member of a cluster like ours sends; it must change nothing */
export function objectionTo(core: Core, message: Message): string | undefined {
  const { term } = message;
  if (term > core.termMark + termJumpMax || term > termMax) return objectionToTerm(core, term);
  switch (message.type) {
    case 'append':
      return objectionToIndex(Math.max(message.previousIndex + message.entries.length, message.commit));
    case 'heartbeat':
      return objectionToIndex(message.commit);
    case 'vote-request':
      return objectionToIndex(message.lastIndex);
    case 'read-index-response':
      return objectionToIndex(message.index);
    case 'snapshot':
      return objectionToSnapshot(core, message.snapshot);
    default:
      return undefined;
  }
}

/** As objectionTo, of a snapshot that is offered. */
export function objectionToSnapshot(core: Core, meta: SnapshotMeta): string | undefined {
  const { index, term, configIndex, config } = meta;
  if (term > core.termMark + termJumpMax || term > termMax) return objectionToTerm(core, term);
  if (index < 1 || configIndex > index) return `a snapshot at index ${index}, configured at ${configIndex}`;
  const ids = memberIds(config);
  if (config.voters.length === 0 || ids.length > clusterMembersMax || ids.includes(0n)) {
    return `a snapshot of a cluster of ${config.voters.length} voters and ${ids.length} members`;
  }
  return objectionToIndex(index);
}

function objectionToTerm(core: Core, term: Term): string {
  return `term ${term}, and this member is in term ${core.term}, of late in ${core.termMark}: more than ${termJumpMax} ahead, or beyond ${termMax}`;
}

function objectionToIndex(index: Index): string | undefined {
  return index > indexMax ? `index ${index}, beyond ${indexMax}` : undefined;
}
