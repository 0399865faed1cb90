import { describeViolation, type Operation } from './checkers/history.js';
import { checkLinearizability } from './checkers/linearizability.js';
import { checkRevisions } from './checkers/revisions.js';

/** @returns what is wrong with what the clients saw; undefined: nothing */
export function checkHistory(operations: readonly Operation[]): string | undefined {
  const [violation] = [...checkRevisions(operations), ...checkLinearizability(operations).violations];
  return violation === undefined ? undefined : describeViolation(violation);
}
