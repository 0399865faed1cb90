import { rangeHolds, type Answer, type Call, type Item, type Operation, type Outcome } from '../history.js';
import { failed, ok } from './scripted-history.js';

type ConditionalCall = Extract<Call, { readonly expected: unknown }>;

/** The revisioned store as its documentation says it, every state kept. Nothing changes an object: a call makes a new one. */
export class StoreModel {
  /** By revision, the pairs by key; an empty store is at revision 1. */
  readonly #states: readonly (readonly Item[])[];
  readonly #compacted: number;

  constructor(states: readonly (readonly Item[])[] = [[], []], compacted = -1) {
    this.#states = states;
    this.#compacted = compacted;
  }

  get revision(): number {
    return this.#states.length - 1;
  }

  at(revision: number): readonly Item[] {
    return this.#states[revision]!;
  }

  /** @returns the store after the call, and what it answers */
  apply(call: Call): [StoreModel, Outcome] {
    const now = this.at(this.revision);
    const found = (key: string): Item | undefined => now.find((item) => item.key === key);
    switch (call.type) {
      case 'put': {
        const previous = call.previous ? found(call.key) : undefined;
        return this.#put(call.key, call.value, (revision) => ({ type: 'put', revision, previous }));
      }
      case 'append': {
        const value = (found(call.key)?.value ?? '') + call.value;
        return this.#put(call.key, value, (revision) => ({ type: 'append', revision }));
      }
      case 'compare-and-set': {
        const compared = this.#compare(call);
        if (!compared.done) return [this, ok({ ...compared, revision: this.revision })];
        return this.#put(call.key, call.value, (revision) => ({ ...compared, revision }));
      }
      case 'compare-and-delete': {
        const compared = this.#compare(call);
        const gone = compared.done && compared.found > 0;
        const kept = now.filter((item) => item.key !== call.key);
        const after = gone ? new StoreModel([...this.#states, kept], this.#compacted) : this;
        return [after, ok({ ...compared, revision: after.revision })];
      }
      case 'delete': {
        const gone = now.filter((item) => rangeHolds(call, item.key));
        const kept = now.filter((item) => !rangeHolds(call, item.key));
        const after = gone.length === 0 ? this : new StoreModel([...this.#states, kept], this.#compacted);
        const previous = call.previous ? gone : [];
        return [after, ok({ type: 'delete', revision: after.revision, deletedCount: gone.length, previous })];
      }
      case 'compact':
        if (call.revision > this.revision) return [this, failed('REVISION_IN_FUTURE')];
        if (call.revision <= this.#compacted) return [this, failed('REVISION_COMPACTED')];
        return [
          new StoreModel(this.#states, call.revision),
          ok({ type: 'compact', revision: this.revision }),
        ];
      case 'range':
        return [this, this.#range(call)];
    }
  }

  #compare(call: ConditionalCall) {
    const item = this.at(this.revision).find(({ key }) => key === call.key);
    const is = (call.expected.by === 'version' ? item?.version : item?.modRevision) ?? 0;
    return { type: call.type, done: is === call.expected.is, found: item?.modRevision ?? 0 };
  }

  #put(key: string, value: string, answer: (revision: number) => Answer): [StoreModel, Outcome] {
    const now = this.at(this.revision);
    const before = now.find((item) => item.key === key);
    const revision = this.revision + 1;
    const item = {
      key,
      value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
    };
    const next = [...now.filter((each) => each !== before), item];
    next.sort((left, right) => (left.key < right.key ? -1 : 1));
    return [new StoreModel([...this.#states, next], this.#compacted), ok(answer(revision))];
  }

  #range(call: Extract<Call, { type: 'range' }>): Outcome {
    if (call.revision > this.revision) return failed('REVISION_IN_FUTURE');
    if (call.revision > 0 && call.revision < this.#compacted) return failed('REVISION_COMPACTED');
    const all = this.at(call.revision === 0 ? this.revision : call.revision);
    const found = all.filter((item) => rangeHolds(call, item.key));
    const items = call.limit === 0 ? found : found.slice(0, call.limit);
    return ok({ type: 'range', revision: this.revision, items, count: found.length });
  }
}

/** The definition taken at its word: tries every order on the whole store. For a few operations, no serializable reads. */
export function storeExplains(operations: readonly Operation[]): boolean {
  return extend(operations, new StoreModel());
}

function extend(left: readonly Operation[], store: StoreModel): boolean {
  const mustHappen = (operation: Operation): boolean =>
    isRefusal(operation) || operation.outcome.kind === 'ok';
  if (!left.some(mustHappen)) return true;
  return left.some((operation) => {
    if (operation.outcome.kind === 'failed' && !isRefusal(operation)) return false;
    const others = left.filter((each) => each !== operation);
    if (others.some((each) => mustHappen(each) && each.respondedAt < operation.invokedAt)) return false;
    const [after, outcome] = store.apply(operation.call);
    if (mustHappen(operation) && !isSame(outcome, operation.outcome)) return false;
    return extend(others, after);
  });
}

function isRefusal({ outcome }: Operation): boolean {
  return outcome.kind === 'failed' && outcome.code.startsWith('REVISION_');
}

function isSame(left: Outcome, right: Outcome): boolean {
  return JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
}

/** With its fields in the order of their names. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, each]) => [name, sorted(each)]),
  );
}
