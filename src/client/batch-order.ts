import { isWrite, type PendingOperation } from './operation.js';

interface KeyStage {
  stage: number;
  hasWrite: boolean;
}

/**
 * Orders a batch so that the server replicates as few groups of writes as the order within each key allows: a
 * server takes the operations one after the other, and only writes that stand together enter the log together.
 *
 * Each key walks through stages of its own, reads in even and writes in odd ones. Gets of keys that are not
 * written here come last, where they cost nothing: after a write of the batch the server's state is fresh.
 */
export function orderBatch(operations: readonly PendingOperation[]): readonly PendingOperation[] {
  const writeCount = operations.reduce((count, operation) => count + (isWrite(operation) ? 1 : 0), 0);
  if (writeCount === 0 || writeCount === operations.length) return operations;
  const keys = new Map<string, KeyStage>();
  const placed = operations.map((operation) => {
    const written = isWrite(operation);
    let key = keys.get(operation.keyId);
    if (key === undefined) keys.set(operation.keyId, (key = { stage: 0, hasWrite: false }));
    if ((key.stage % 2 === 1) !== written) key.stage += 1;
    key.hasWrite ||= written;
    return { operation, key, stage: key.stage };
  });
  const stages: PendingOperation[][] = [];
  const last: PendingOperation[] = [];
  for (const { operation, key, stage } of placed) {
    if (key.hasWrite) (stages[stage] ??= []).push(operation);
    else last.push(operation);
  }
  return [...stages.flat(), ...last];
}
