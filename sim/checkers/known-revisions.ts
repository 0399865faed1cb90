import { itemsOf, madeRevision, type Operation } from './history.js';

/**
 * Which write made which revision, as far as it is certain: its answer tells it, or its pair was seen and nobody
 * else was to write that value. Nothing else has made such a revision. Time: linear in the history.
 */
export class KnownRevisions {
  readonly #byOperation = new Map<Operation, number>();
  readonly #taken = new Set<number>();
  /** By taken revision: the next that is not. */
  readonly #gapAfter = new Map<number, number>();

  constructor(operations: readonly Operation[]) {
    const writers = uniqueWriters(operations);
    for (const operation of operations) {
      if (operation.outcome.kind !== 'ok') continue;
      const { answer } = operation.outcome;
      if (answer.revision > 0 && madeRevision(answer)) this.#take(operation, answer.revision);
    }
    for (const operation of operations) {
      for (const { key, value, modRevision } of itemsOf(operation)) {
        const writer = writers.get(pairName(key, value));
        if (writer === undefined || this.#byOperation.has(writer)) continue;
        if (modRevision > 0 && !this.#taken.has(modRevision)) this.#take(writer, modRevision);
      }
    }
    for (const revision of [...this.#taken].sort((left, right) => right - left)) {
      this.#gapAfter.set(revision, this.#gapAfter.get(revision + 1) ?? revision + 1);
    }
  }

  #take(operation: Operation, revision: number): void {
    this.#byOperation.set(operation, revision);
    this.#taken.add(revision);
  }

  /** 0: not known. */
  of(operation: Operation): number {
    return this.#byOperation.get(operation) ?? 0;
  }

  /** The least revision behind `revision` that nobody is known to have made. */
  gapAfter(revision: number): number {
    return this.#gapAfter.get(revision + 1) ?? revision + 1;
  }

  isTaken(revision: number): boolean {
    return this.#taken.has(revision);
  }
}

/** By key and value: the only write that may have put it there. */
function uniqueWriters(operations: readonly Operation[]): ReadonlyMap<string, Operation> {
  const writers = new Map<string, Operation>();
  const others = new Set<string>();
  const appended = new Set<string>();
  for (const operation of operations) {
    const { call, outcome } = operation;
    if (outcome.kind === 'failed' || !('value' in call)) continue;
    if (call.type === 'append') appended.add(call.key);
    if (outcome.kind === 'ok' && 'done' in outcome.answer && !outcome.answer.done) continue;
    const name = pairName(call.key, call.value);
    if (writers.has(name)) others.add(name);
    writers.set(name, operation);
  }
  return new Map(
    [...writers].filter(([name, { call }]) => 'key' in call && !appended.has(call.key) && !others.has(name)),
  );
}

function pairName(key: string, value: string): string {
  return `${key}\0${value}`;
}
