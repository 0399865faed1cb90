import {
  describeItem,
  itemsOf,
  madeRevision,
  mayDelete,
  type Answer,
  type Item,
  type Operation,
  type Violation,
} from './history.js';

/** A write whose revision is known: from its answer, or because its pair was seen. */
export interface KnownWrite {
  readonly revision: number;
  readonly operation: Operation;
}

interface KeyChange {
  readonly revision: number;
  readonly deleted: boolean;
}

/** A pair that an answer told. */
interface Sighting {
  readonly item: Item;
  readonly operation: Operation;
}

/**
 * All writes in the order of their revisions, as far as the answers tell it. A revision that nobody is known to
 * have made is a gap: some write without a response made it. Times: linear in the history, but for sorting.
 */
export class WriteOrder {
  readonly violations: Violation[] = [];
  /** Ascending. */
  readonly writes: readonly KnownWrite[];
  /** The newest revision that anybody was told. */
  readonly newest: number;
  /** Keys that are named or were seen, sorted. */
  readonly keys: readonly string[];
  readonly #byRevision = new Map<number, KnownWrite>();
  readonly #assigned = new Set<Operation>();
  readonly #changes = new Map<string, KeyChange[]>();
  readonly #revisions: readonly number[];
  /** By index in `writes`: the latest invocation up to there. */
  readonly #lastInvokedAt: readonly number[];

  constructor(operations: readonly Operation[]) {
    let newest = 1;
    for (const operation of operations) {
      const answer = answerOf(operation);
      if (answer === undefined) continue;
      newest = Math.max(newest, answer.revision);
      if (madeRevision(answer)) this.#take({ revision: answer.revision, operation });
    }
    this.newest = newest;
    this.#takeSightings(operations);
    this.writes = [...this.#byRevision.values()].sort((left, right) => left.revision - right.revision);
    this.#revisions = this.writes.map((write) => write.revision);
    let lastInvokedAt = 0;
    this.#lastInvokedAt = this.writes.map(
      ({ operation }) => (lastInvokedAt = Math.max(lastInvokedAt, operation.invokedAt)),
    );
    this.keys = keysOf(operations);
    for (const write of this.writes) this.#noteChange(write);
  }

  #take(write: KnownWrite): void {
    const other = this.#byRevision.get(write.revision);
    if (other !== undefined) {
      this.#report('each write makes its own revision', `revision ${write.revision} was made twice`, [
        other.operation,
        write.operation,
      ]);
      return;
    }
    this.#byRevision.set(write.revision, write);
    this.#assigned.add(write.operation);
  }

  #report(rule: string, detail: string, operations: readonly Operation[]): void {
    this.violations.push({ rule, detail, operations });
  }

  #takeSightings(operations: readonly Operation[]): void {
    const writers = new Map<string, Operation[]>();
    const appends: Operation[] = [];
    for (const operation of operations) {
      const { call } = operation;
      if (call.type === 'append') appends.push(operation);
      if (call.type !== 'put' && call.type !== 'compare-and-set') continue;
      const name = pairName(call.key, call.value);
      const known = writers.get(name);
      if (known === undefined) writers.set(name, [operation]);
      else known.push(operation);
    }
    const told = new Map<string, Sighting>();
    const byResponse = [...operations].sort((left, right) => left.respondedAt - right.respondedAt);
    for (const operation of byResponse) {
      for (const item of numberedItemsOf(operation)) {
        const name = `${item.key}@${item.modRevision}`;
        const first = told.get(name);
        // The same pair again: whoever saw it first says most.
        if (first === undefined) told.set(name, { item, operation });
        else if (describeItem(first.item) !== describeItem(item)) {
          this.#report(
            'a pair is the same whoever sees it',
            `${describeItem(first.item)}, ${describeItem(item)}`,
            [first.operation, operation],
          );
        }
      }
    }
    for (const sighting of told.values()) {
      const { key, value } = sighting.item;
      const byAppend = appends.filter(
        ({ call }) => call.type === 'append' && call.key === key && value.endsWith(call.value),
      );
      this.#takeSighting(sighting, [...(writers.get(pairName(key, value)) ?? []), ...byAppend]);
    }
  }

  #takeSighting({ item, operation }: Sighting, writers: readonly Operation[]): void {
    const tell = (rule: string, detail: string, others: readonly Operation[]): void =>
      this.#report(rule, `${describeItem(item)}: ${detail}`, [operation, ...others]);
    if (
      item.createRevision > item.modRevision ||
      (item.version === 1) !== (item.createRevision === item.modRevision)
    ) {
      tell('a pair tells of itself what can be', 'its revisions and its version do not go together', []);
    }
    const known = this.#byRevision.get(item.modRevision);
    if (known !== undefined) {
      if (!writers.includes(known.operation)) {
        tell('a pair is what the write of its revision made it', 'that write wrote something else', [
          known.operation,
        ]);
      }
      return;
    }
    const possible = writers.filter((each) => each.outcome.kind === 'unknown' && !this.#assigned.has(each));
    const writer = possible.find((each) => each.invokedAt <= operation.respondedAt) ?? possible[0];
    if (writer !== undefined) {
      if (writer.invokedAt > operation.respondedAt) {
        tell('nothing is seen before it is asked for', 'it was seen first', [writer]);
      }
      this.#take({ revision: item.modRevision, operation: writer });
      return;
    }
    if (writers.length === 0) tell('no value comes from nowhere', 'nobody wrote it', []);
    else if (writers.every(({ outcome }) => outcome.kind === 'failed')) {
      tell('what failed has no effect', 'its write was answered as failed', writers);
    } else tell('a write takes effect once', 'its write made another revision', writers);
  }

  #noteChange({ revision, operation: { call } }: KnownWrite): void {
    if ('value' in call) this.#push(call.key, { revision, deleted: false });
    // Which of the keys it deleted is not known, but that none of them is left.
    else for (const key of this.keys) if (mayDelete(call, key)) this.#push(key, { revision, deleted: true });
  }

  #push(key: string, change: KeyChange): void {
    const changes = this.#changes.get(key);
    if (changes === undefined) this.#changes.set(key, [change]);
    else changes.push(change);
  }

  /** The newest known change of `key` up to `revision`. */
  lastChange(key: string, revision: number): KeyChange | undefined {
    const changes = this.#changes.get(key) ?? [];
    return changes[countUpTo(changes.length, (at) => changes[at]!.revision <= revision) - 1];
  }

  /** Known changes of `key` in [from, to]. */
  changesWithin(key: string, from: number, to: number): readonly KeyChange[] {
    const changes = this.#changes.get(key) ?? [];
    const start = countUpTo(changes.length, (at) => changes[at]!.revision < from);
    const end = countUpTo(changes.length, (at) => changes[at]!.revision <= to);
    return changes.slice(start, end);
  }

  /** Revisions in (after, upTo] that nobody is known to have made. */
  gaps(after: number, upTo: number): number {
    const made = (revision: number): number =>
      countUpTo(this.#revisions.length, (at) => this.#revisions[at]! <= revision);
    return Math.max(0, upTo - Math.max(after, 1) - (made(upTo) - made(after)));
  }

  /** When the last of the known writes up to `revision` was asked for: the store was not there before. */
  lastInvokedAt(revision: number): number {
    const count = countUpTo(this.#revisions.length, (at) => this.#revisions[at]! <= revision);
    return count === 0 ? 0 : this.#lastInvokedAt[count - 1]!;
  }

  writeAt(revision: number): KnownWrite | undefined {
    return this.#byRevision.get(revision);
  }

  /** Whether `operation` may have made one of the gaps. */
  mayFillGap(operation: Operation): boolean {
    const { type } = operation.call;
    return (
      operation.outcome.kind === 'unknown' &&
      type !== 'range' &&
      type !== 'compact' &&
      !this.#assigned.has(operation)
    );
  }
}

/** The answer, if it tells a revision. */
export function answerOf({ outcome }: Operation): Answer | undefined {
  return outcome.kind === 'ok' && outcome.answer.revision > 0 ? outcome.answer : undefined;
}

/** Pairs that an answer tells, with all their numbers. */
function numberedItemsOf(operation: Operation): readonly Item[] {
  return answerOf(operation) === undefined ? [] : itemsOf(operation);
}

function keysOf(operations: readonly Operation[]): string[] {
  const keys = new Set<string>();
  for (const operation of operations) {
    if (operation.call.type !== 'compact') keys.add(operation.call.key);
    for (const item of numberedItemsOf(operation)) keys.add(item.key);
  }
  return [...keys].sort();
}

function pairName(key: string, value: string): string {
  return `${key}\0${value}`;
}

/** How many of the first `length` numbers `holds` is true for; it is true for the first ones alone. */
function countUpTo(length: number, holds: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
