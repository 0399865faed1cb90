import {
  describeItem,
  madeRevision,
  mayDelete,
  rangeHolds,
  type Item,
  type Operation,
  type Violation,
} from './history.js';
import { checkCompaction } from './compaction.js';
import { checkRealTime } from './real-time.js';
import { answerOf, WriteOrder } from './write-order.js';

/**
 * Holds a history of the revisioned store against its revisions: the writes in the order of their revisions are
 * the one order that is possible; every answer must be what the store holds at its revision, and revisions must
 * agree with real time. No search: the time is linear in the history, times the keys. Where writes without a
 * response leave gaps among the revisions, what may have happened there is taken into account, never to an
 * answer's disadvantage. Needs answers that tell revisions; others are not looked at.
 */
export function checkRevisions(operations: readonly Operation[]): Violation[] {
  const order = new WriteOrder(operations);
  const states = new StateCheck(operations, order);
  return [
    ...order.violations,
    ...checkRealTime(operations, order),
    ...states.run(),
    ...checkReached(operations),
    ...checkGaps(operations, order),
    ...checkCompaction(operations, order),
  ];
}

/** What an answer tells of the store at a revision: the pairs in a range, all of them up to a key. */
interface View {
  readonly operation: Operation;
  readonly revision: number;
  readonly range: { readonly key: string; readonly end: string | undefined };
  readonly items: readonly Item[];
  /** Keys in the whole range. */
  readonly count: number;
  /** Pairs behind this key are not told; undefined: none is left out. */
  readonly last: string | undefined;
}

class StateCheck {
  readonly #operations: readonly Operation[];
  readonly #order: WriteOrder;
  readonly #violations: Violation[] = [];
  readonly #lostWrites: readonly Operation[];

  constructor(operations: readonly Operation[], order: WriteOrder) {
    this.#operations = operations;
    this.#order = order;
    this.#lostWrites = operations.filter((operation) => order.mayFillGap(operation));
  }

  run(): Violation[] {
    for (const operation of this.#operations) {
      const view = viewOf(operation);
      if (view !== undefined) this.#check(view);
      this.#checkComparison(operation);
    }
    return this.#violations;
  }

  #check(view: View): void {
    this.#checkShape(view);
    for (const item of view.items) this.#checkPresent(view, item);
    const told = new Set(view.items.map((item) => item.key));
    const held = this.#order.keys.filter((key) => rangeHolds(view.range, key));
    for (const key of held) {
      const isTold = view.last === undefined || key <= view.last;
      if (isTold && !told.has(key)) this.#checkAbsent(view, key);
    }
    if (this.#order.gaps(1, view.revision) > 0) return;
    const live = held.filter((key) => this.#order.lastChange(key, view.revision)?.deleted === false);
    if (live.length !== view.count)
      this.#report(view, `${live.length} keys were there, and it counts ${view.count}`);
  }

  #report(view: View, detail: string, others: readonly (Operation | undefined)[] = []): void {
    this.#violations.push({
      rule: 'an answer is what the store holds at its revision',
      detail: `at revision ${view.revision} ${detail}`,
      operations: [view.operation, ...others.filter((each) => each !== undefined)],
    });
  }

  #checkShape({ operation, items, count, range }: View): void {
    const { call } = operation;
    const tellsAll = call.type === 'range' || (call.type === 'delete' && call.previous);
    if (!tellsAll) return;
    const limit = call.type === 'range' ? call.limit : 0;
    const isSorted = items.every((item, at) => at === 0 || items[at - 1]!.key < item.key);
    const isCut = count > items.length;
    const fits = limit === 0 ? !isCut : isCut ? items.length === limit : items.length <= limit;
    if (isSorted && fits && count >= items.length && items.every((item) => rangeHolds(range, item.key)))
      return;
    const detail = 'keys are out of range or order, or not as many as were asked for';
    this.#violations.push({ rule: 'an answer is what was asked for', detail, operations: [operation] });
  }

  #checkPresent(view: View, item: Item): void {
    const { key, createRevision, modRevision, version } = item;
    const later = this.#order.changesWithin(key, modRevision + 1, view.revision).at(-1);
    if (modRevision > view.revision || later !== undefined) {
      const detail =
        later === undefined ? 'cannot be there yet' : `is not there any more: changed at ${later.revision}`;
      this.#report(view, `${describeItem(item)} ${detail}`, [
        later === undefined ? undefined : this.#order.writeAt(later.revision)?.operation,
      ]);
      return;
    }
    const life = this.#order.changesWithin(key, createRevision, modRevision);
    const puts = life.filter((change) => !change.deleted).length;
    // Its creation and its last put may not be known.
    const unknownPutsMax = this.#order.gaps(createRevision - 1, modRevision);
    if (life.length !== puts || puts > version || version - puts > unknownPutsMax) {
      this.#report(view, `${describeItem(item)} has another past: ${puts} puts are known since its creation`);
    }
    this.#checkCreation(view, item);
  }

  #checkCreation(view: View, item: Item): void {
    const { key, createRevision } = item;
    const creator = this.#order.writeAt(createRevision)?.operation;
    if (creator !== undefined && (!('value' in creator.call) || creator.call.key !== key)) {
      this.#report(view, `${describeItem(item)} was not created then`, [creator]);
    }
    const before = this.#order.lastChange(key, createRevision - 1);
    if (before === undefined || before.deleted) return;
    if (this.#order.gaps(before.revision, createRevision - 1) > 0 && this.#mayBeDeleted(view, key)) return;
    const earlier = this.#order.writeAt(before.revision)?.operation;
    this.#report(view, `${describeItem(item)} was there before its creation, and nothing deleted it`, [
      earlier,
    ]);
  }

  #checkAbsent(view: View, key: string): void {
    const last = this.#order.lastChange(key, view.revision);
    if (last === undefined || last.deleted) return;
    const deleted = this.#order.gaps(last.revision, view.revision) > 0 && this.#mayBeDeleted(view, key);
    if (deleted) return;
    this.#report(view, `there is no ${key}, but nothing deleted it`, [
      this.#order.writeAt(last.revision)?.operation,
    ]);
  }

  #mayBeDeleted(view: View, key: string): boolean {
    const { respondedAt } = view.operation;
    return this.#lostWrites.some(({ call, invokedAt }) => mayDelete(call, key) && invokedAt <= respondedAt);
  }

  /** The mod revision that a comparison was made with is the key's. */
  #checkComparison(operation: Operation): void {
    const { call } = operation;
    const answer = answerOf(operation);
    if (answer === undefined || !('expected' in call) || !('found' in answer)) return;
    const { done, found } = answer;
    if (found === undefined) return;
    const { by, is } = call.expected;
    // A version of 0 is a revision of 0 as well: there is no such key.
    const isComparable = by === 'revision' || is === 0 || found === 0;
    if (isComparable && done !== (found === is)) {
      const detail = 'it wrote though it did not find what it expected, or found it and did not write';
      this.#violations.push({ rule: 'a comparison decides', detail, operations: [operation] });
    }
    const { key } = call;
    const revision = answer.revision - (madeRevision(answer) ? 1 : 0);
    const view = {
      operation,
      revision,
      range: { key, end: undefined },
      items: [],
      count: 0,
      last: undefined,
    };
    if (found === 0) this.#checkAbsent(view, key);
    else this.#checkModRevision(view, key, found);
  }

  #checkModRevision(view: View, key: string, modRevision: number): void {
    const writer = this.#order.writeAt(modRevision)?.operation;
    const later = this.#order.changesWithin(key, modRevision + 1, view.revision).at(-1);
    const mayWrite = ({ call }: Operation): boolean => 'value' in call && call.key === key;
    const { respondedAt } = view.operation;
    const isLost = this.#lostWrites.some((each) => mayWrite(each) && each.invokedAt <= respondedAt);
    if (modRevision > view.revision || !(writer === undefined ? isLost : mayWrite(writer))) {
      this.#report(view, `${key} was not written at revision ${modRevision}`, [writer]);
    } else if (later !== undefined) {
      const changer = this.#order.writeAt(later.revision)?.operation;
      this.#report(view, `${key} was not of revision ${modRevision} any more`, [changer]);
    }
  }
}

function viewOf(operation: Operation): View | undefined {
  const { call } = operation;
  const answer = answerOf(operation);
  if (answer === undefined) return undefined;
  const before = answer.revision - (madeRevision(answer) ? 1 : 0);
  if (call.type === 'range' && answer.type === 'range') {
    const { items, count } = answer;
    const last = count > items.length ? (items.at(-1)?.key ?? '') : undefined;
    const revision = call.revision === 0 ? answer.revision : call.revision;
    return { operation, revision, range: call, items, count, last };
  }
  if (call.type === 'delete' && answer.type === 'delete') {
    const items = answer.previous;
    const count = answer.deletedCount ?? items.length;
    const last = call.previous || count === 0 ? undefined : '';
    return { operation, revision: before, range: call, items, count, last };
  }
  if (call.type === 'put' && answer.type === 'put' && call.previous) {
    const items = answer.previous === undefined ? [] : [answer.previous];
    const range = { key: call.key, end: undefined };
    return { operation, revision: before, range, items, count: items.length, last: undefined };
  }
  return undefined;
}

/** No answer is given for a revision that the store has not reached; the first write makes revision 2. */
function checkReached(operations: readonly Operation[]): Violation[] {
  return operations.flatMap((operation): Violation[] => {
    const answer = answerOf(operation);
    if (answer === undefined) return [];
    const { call } = operation;
    const least = madeRevision(answer) ? 2 : 'revision' in call ? call.revision : 1;
    if (answer.revision >= least) return [];
    const detail = `the store is at ${answer.revision}, it takes ${least}`;
    return [{ rule: 'only a revision that was reached is answered for', detail, operations: [operation] }];
  });
}

/**
 * Every gap has a write without a response that was asked for before an answer told of the gap. A gap must be
 * made before the first answer from its revision on; gaps are taken from the newest, whose time is the longest.
 */
function checkGaps(operations: readonly Operation[], order: WriteOrder): Violation[] {
  const tellers = operations
    .filter((operation) => answerOf(operation) !== undefined)
    .sort((left, right) => answerOf(left)!.revision - answerOf(right)!.revision);
  const fillers = operations.filter((operation) => order.mayFillGap(operation));
  fillers.sort((left, right) => left.invokedAt - right.invokedAt);
  let first: Operation | undefined;
  const deadlines: { readonly revision: number; readonly first: Operation }[] = [];
  for (const teller of tellers.reverse()) {
    if (first === undefined || teller.respondedAt < first.respondedAt) first = teller;
    deadlines.push({ revision: answerOf(teller)!.revision, first });
  }
  let asked = 0;
  for (const { revision, first: teller } of deadlines.reverse()) {
    while (asked < fillers.length && fillers[asked]!.invokedAt <= teller.respondedAt) asked++;
    const gaps = order.gaps(1, revision);
    if (gaps <= asked) continue;
    const detail = `${gaps} revisions up to ${revision} have no known write, ${asked} writes without a response could have made them`;
    return [{ rule: 'every revision is made by a write', detail, operations: [teller] }];
  }
  return [];
}
