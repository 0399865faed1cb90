import type { Call, Operation, Violation } from './history.js';
import { answerOf, type WriteOrder } from './write-order.js';

type Compact = Operation & { readonly call: Extract<Call, { type: 'compact' }> };

/**
 * What is compacted stays compacted, and nothing else is refused as compacted. Of a compaction that another member
 * answered, a serializable read may not know yet.
 */
export function checkCompaction(operations: readonly Operation[], order: WriteOrder): Violation[] {
  const compactions = operations.filter(
    (operation): operation is Compact =>
      operation.call.type === 'compact' && operation.outcome.kind !== 'failed',
  );
  const done = compactions.filter(({ outcome }) => outcome.kind === 'ok');
  const readsAndRefusals = operations.flatMap((operation): Violation[] => {
    const { call, outcome } = operation;
    if (outcome.kind === 'failed' && outcome.code === 'REVISION_COMPACTED') {
      const cause = compactions.find(
        (each) =>
          mayRefuse(each, operation) && order.lastInvokedAt(revisionOf(each)) <= operation.respondedAt,
      );
      if (cause !== undefined) return [];
      const detail = 'no compaction reached its revision';
      return [{ rule: 'only what is compacted is refused as that', detail, operations: [operation] }];
    }
    if (call.type !== 'range' || call.revision === 0 || outcome.kind !== 'ok') return [];
    const before = done.find(
      (each) =>
        each.call.revision > call.revision &&
        each.respondedAt < operation.invokedAt &&
        (!call.serializable || each.server === operation.server),
    );
    if (before === undefined) return [];
    const detail = `revision ${call.revision} was compacted, and is read`;
    return [{ rule: 'what is compacted stays compacted', detail, operations: [before, operation] }];
  });
  return [...readsAndRefusals, ...checkOrder(done)];
}

/** A compaction to what is compacted already is refused. */
function checkOrder(done: readonly Compact[]): Violation[] {
  return done.flatMap((late): Violation[] => {
    const early = done.find(
      (each) =>
        each.call.revision >= late.call.revision &&
        (each.respondedAt < late.invokedAt || revisionOf(each) < revisionOf(late)),
    );
    if (early === undefined) return [];
    const detail = `revision ${late.call.revision} was compacted, and is compacted again`;
    return [{ rule: 'what is compacted stays compacted', detail, operations: [early, late] }];
  });
}

/** Of the store when it was compacted; 0: not known. */
function revisionOf(compaction: Compact): number {
  return answerOf(compaction)?.revision ?? 0;
}

function mayRefuse(compaction: Compact, refused: Operation): boolean {
  const { call } = refused;
  if (compaction === refused || compaction.invokedAt > refused.respondedAt) return false;
  if (call.type === 'range') return compaction.call.revision > call.revision;
  return call.type === 'compact' && compaction.call.revision >= call.revision;
}
