import { joinAnewAdvice } from '../base/advice.js';
import { KvorumError } from '../base/errors.js';
import { TermRuns } from '../base/term-runs.js';
import type { AppliedPosition, Backend } from '../ports/backend.js';
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
 * @param state of the backend
 * @returns undefined: the log does not hold the state's own entry, and no snapshot explains that
 */
export function logFor<Log extends StoredLog>(
  log: Log,
  { applied, installedAt }: Pick<Backend, 'applied' | 'installedAt'>,
): Log | undefined {
  if (log.terms.term(applied.index) === applied.term) return log;
  const isInstalled = installedAt?.index === applied.index && installedAt.term === applied.term;
  return isInstalled ? { ...log, ...emptyBehind(applied) } : undefined;
}

export function logEndMissingError({ terms }: StoredLog, applied: AppliedPosition): KvorumError {
  return new KvorumError(
    'DATA_DAMAGED',
    `the state stands at index ${applied.index} of term ${applied.term}, which the log does not hold (it ends at ${terms.lastIndex}): the end of the log is missing; ${joinAnewAdvice}`,
  );
}
