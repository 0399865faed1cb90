import { joinAnewAdvice } from '../base/advice.js';
import { KvorumError } from '../base/errors.js';
import type { AppliedPosition } from '../ports/backend.js';
import type { Entry } from '../raft/types.js';

/** A log as it stands on disk. */
interface StoredLog {
  readonly base: AppliedPosition;
  readonly entries: readonly Entry[];
}

/**
 * What of the log goes on from the state. Where a snapshot's state was switched in and the log was not emptied yet, it is
 * nothing: what the log holds there was never this state's.
 *
 * @param holds whether the file of a snapshot that arrived is of exactly this position
 * @returns undefined: the log does not hold the state's own entry, and no snapshot explains that
 */
export async function logFor<Log extends StoredLog>(
  log: Log,
  applied: AppliedPosition,
  holds: (position: AppliedPosition) => Promise<boolean>,
): Promise<Log | undefined> {
  const { base, entries } = log;
  const at = applied.index - base.index;
  const termInLog = at === 0 ? base.term : entries[at - 1]?.term;
  if (termInLog === applied.term) return log;
  return (await holds(applied)) ? { ...log, base: applied, entries: [] } : undefined;
}

export function logEndMissingError({ base, entries }: StoredLog, applied: AppliedPosition): KvorumError {
  return new KvorumError(
    'DATA_DAMAGED',
    `the state stands at index ${applied.index} of term ${applied.term}, which the log does not hold (it ends at ${base.index + entries.length}): the end of the log is missing; ${joinAnewAdvice}`,
  );
}
