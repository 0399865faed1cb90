import { madeRevision, type Operation, type Violation } from './history.js';
import { answerOf, type WriteOrder } from './write-order.js';

interface Floor {
  revision: number;
  operation: Operation | undefined;
}

/**
 * Revisions agree with real time: what begins after an answer sees at least that answer's revision, and a write
 * makes a newer one. Serializable reads are held to less: they go back within no session (one client at one life
 * of one member), and see nothing that is not yet asked for.
 */
export function checkRealTime(operations: readonly Operation[], order: WriteOrder): Violation[] {
  const violations: Violation[] = [];
  const made = new Map(order.writes.map((write) => [write.operation, write.revision]));
  const known: Floor = { revision: 0, operation: undefined };
  const sessions = new Map<string, Floor>();
  /** Per operation: what it must not be older than. */
  const report = (rule: string, detail: string, involved: (Operation | undefined)[]): void => {
    violations.push({ rule, detail, operations: involved.filter((each) => each !== undefined) });
  };
  for (const { operation, begins } of eventsOf(operations)) {
    const revision = made.get(operation) ?? answerOf(operation)?.revision;
    const session = sessionOf(sessions, operation);
    const isOld = operation.call.type === 'range' && operation.call.serializable;
    if (!begins) {
      if (revision === undefined || answerOf(operation) === undefined) continue;
      raise(session, revision, operation);
      if (!isOld) raise(known, revision, operation);
      continue;
    }
    const seen = isOld ? session : known;
    if (isInFuture(operation) && refusedRevision(operation) <= seen.revision) {
      report('the future is newer than what was answered', `revision ${seen.revision} was known`, [
        seen.operation,
        operation,
      ]);
    }
    if (revision === undefined) continue;
    const answer = answerOf(operation);
    const isWrite = made.has(operation) || (answer !== undefined && madeRevision(answer));
    if (revision < seen.revision || (isWrite && revision === seen.revision)) {
      const rule = isOld ? 'a session does not go back' : 'revisions agree with real time';
      report(rule, `revision ${revision} came after ${seen.revision}`, [seen.operation, operation]);
    }
  }
  return [...violations, ...checkFuture(operations, order)];
}

function sessionOf(sessions: Map<string, Floor>, { client, server }: Operation): Floor {
  const name = `${client} ${server}`;
  let session = sessions.get(name);
  if (session === undefined) sessions.set(name, (session = { revision: 0, operation: undefined }));
  return session;
}

function raise(floor: Floor, revision: number, operation: Operation): void {
  if (revision <= floor.revision) return;
  floor.revision = revision;
  floor.operation = operation;
}

/** All invocations and responses; of those at one time the invocations first, for they are concurrent. */
function eventsOf(operations: readonly Operation[]): { operation: Operation; begins: boolean }[] {
  const begins = operations.map((operation) => ({ operation, begins: true, at: operation.invokedAt }));
  const ends = operations
    .filter((operation) => operation.respondedAt !== Infinity)
    .map((operation) => ({ operation, begins: false, at: operation.respondedAt }));
  return [...begins, ...ends].sort(
    (left, right) => left.at - right.at || Number(right.begins) - Number(left.begins),
  );
}

function isInFuture({ outcome }: Operation): boolean {
  return outcome.kind === 'failed' && outcome.code === 'REVISION_IN_FUTURE';
}

function refusedRevision({ call }: Operation): number {
  return 'revision' in call ? call.revision : Infinity;
}

/** No answer tells a revision that is made by what was asked for later. */
function checkFuture(operations: readonly Operation[], order: WriteOrder): Violation[] {
  const violations: Violation[] = [];
  const { writes } = order;
  const byRevision = operations
    .filter((operation) => answerOf(operation) !== undefined)
    .sort((left, right) => answerOf(left)!.revision - answerOf(right)!.revision);
  let at = 0;
  let latest: Operation | undefined;
  for (const operation of byRevision) {
    const { revision } = answerOf(operation)!;
    for (; at < writes.length && writes[at]!.revision <= revision; at++) {
      const write = writes[at]!.operation;
      if (latest === undefined || write.invokedAt > latest.invokedAt) latest = write;
    }
    if (latest === undefined || latest.invokedAt <= operation.respondedAt) continue;
    violations.push({
      rule: 'nothing is seen before it is asked for',
      detail: `revision ${revision} holds it`,
      operations: [operation, latest],
    });
  }
  return violations;
}
