import { checkArrivalOrder } from './checkers/arrival-order.js';
import { describeViolation, type Operation } from './checkers/history.js';
import { checkLinearizability } from './checkers/linearizability.js';
import { checkRevisions } from './checkers/revisions.js';

export interface HistoryVerdict {
  /** What is wrong with what the clients saw; undefined: nothing. */
  readonly wrong: string | undefined;
  /** Keys whose operations could not be ordered in the time that a search is given. */
  readonly undecided: number;
}

export function checkHistory(operations: readonly Operation[]): HistoryVerdict {
  const { violations, undecided } = checkLinearizability(operations);
  const [violation] = [...checkRevisions(operations), ...checkArrivalOrder(operations), ...violations];
  return {
    wrong: violation === undefined ? undefined : describeViolation(violation),
    undecided: undecided.length,
  };
}
