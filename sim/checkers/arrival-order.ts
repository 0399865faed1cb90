import { madeRevision, type Operation, type Violation } from './history.js';
import { answerOf } from './write-order.js';

/**
 * Writes that one member is asked for, in one of its lives, are made in the order in which they came. Of those whose
 * answers are known: where a write's outcome is unknown, so is its place.
 */
export function checkArrivalOrder(operations: readonly Operation[]): Violation[] {
  const violations: Violation[] = [];
  const newest = new Map<string, { readonly revision: number; readonly operation: Operation }>();
  const arrived = operations.filter(({ arrivedAt }) => arrivedAt < Infinity);
  arrived.sort((left, right) => left.arrivedAt - right.arrivedAt);
  for (const operation of arrived) {
    const answer = answerOf(operation);
    if (answer === undefined || !madeRevision(answer)) continue;
    const { revision } = answer;
    const before = newest.get(operation.server);
    if (before !== undefined && revision <= before.revision) {
      violations.push({
        rule: 'writes through one member keep their order',
        detail: `revision ${revision} was asked for after revision ${before.revision}`,
        operations: [before.operation, operation],
      });
    } else {
      newest.set(operation.server, { revision, operation });
    }
  }
  return violations;
}
