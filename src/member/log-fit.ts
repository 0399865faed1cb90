import { joinAnewAdvice } from '../base/advice.js';
import { KvorumError } from '../base/errors.js';
import { TermRuns } from '../base/term-runs.js';
import type { AppliedPosition } from '../ports/backend.js';
import type { Entry } from '../raft/types.js';

/** A log as it stands on disk. */
interface StoredLog {
  readonly terms: TermRuns;
  /** The newest, or all. */
  readonly entries: readonly Entry[];
}

export function emptyBehind({ index, term }: AppliedPosition): StoredLog {
  return { terms: new TermRuns(index, term), entries: [] };
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
  if (log.terms.term(applied.index) === applied.term) return log;
  return (await holds(applied)) ? { ...log, ...emptyBehind(applied) } : undefined;
}

export function logEndMissingError({ terms }: StoredLog, applied: AppliedPosition): KvorumError {
  return new KvorumError(
    'DATA_DAMAGED',
    `the state stands at index ${applied.index} of term ${applied.term}, which the log does not hold (it ends at ${terms.lastIndex}): the end of the log is missing; ${joinAnewAdvice}`,
  );
}
