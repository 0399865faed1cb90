import { madeRevision, rangeHolds, type Expectation, type Item, type Operation } from './history.js';

/** What one key holds. */
export interface RegisterState {
  /** undefined: there is no such key. */
  readonly value: string | undefined;
  /** Puts since creation; 0: there is no such key. */
  readonly version: number;
  /** Of the last put; 0: there is no such key. */
  readonly modRevision: number;
}

export const absent: RegisterState = { value: undefined, version: 0, modRevision: 0 };

/** A put or a delete that happens only if the comparison says so. */
export interface ConditionalEffect {
  readonly type: 'compare-and-set' | 'compare-and-delete';
  readonly expected: Expectation;
  /** undefined: it deletes. */
  readonly value: string | undefined;
  /** undefined: not known. */
  readonly done: boolean | undefined;
  /** The mod revision that it was told; 0: there was no such key; undefined: not told. */
  readonly found: number | undefined;
}

/** What an operation does to one key, and what its answer tells of it. */
export interface KeyAction {
  readonly operation: Operation;
  readonly effect:
    | { readonly type: 'read' }
    | { readonly type: 'put'; readonly value: string }
    | { readonly type: 'delete' }
    | ConditionalEffect
    | { readonly type: 'append'; readonly value: string };
  /** The store's once it has happened; 0: not told. */
  readonly told: number;
  /** Whether that is its own, on this key or on others. */
  readonly made: boolean;
  /** The pair that was there before; undefined: not known. */
  readonly before: Item | 'absent' | 'present' | undefined;
  readonly invokedAt: number;
  /** Infinity: it need not take effect at all. */
  readonly respondedAt: number;
}

/**
 * One step of the sequential register.
 * @param revision that it makes if it changes something
 * @returns what the key holds then: the same object if nothing changed; undefined if the answer does not fit
 */
export function applyAction(
  state: RegisterState,
  { effect, before }: KeyAction,
  revision: number,
): RegisterState | undefined {
  if (!fits(state, before)) return undefined;
  switch (effect.type) {
    case 'read':
      return state;
    case 'put':
      return written(state, effect.value, revision);
    case 'delete':
      return state.value === undefined ? state : absent;
    case 'append':
      return written(state, (state.value ?? '') + effect.value, revision);
    case 'compare-and-set':
    case 'compare-and-delete':
      return writtenIfEqual(state, effect, revision);
  }
}

function written(state: RegisterState, value: string, modRevision: number): RegisterState {
  return { value, version: state.version + 1, modRevision };
}

function fits(state: RegisterState, before: KeyAction['before']): boolean {
  if (before === undefined) return true;
  if (before === 'absent') return state.value === undefined;
  if (before === 'present') return state.value !== undefined;
  const { value, version, modRevision } = before;
  return (
    state.value === value &&
    (version === 0 || version === state.version) &&
    (modRevision === 0 || modRevision === state.modRevision)
  );
}

function writtenIfEqual(
  state: RegisterState,
  { expected, value, done, found }: ConditionalEffect,
  revision: number,
): RegisterState | undefined {
  if (found !== undefined && found !== state.modRevision) return undefined;
  const equal = (expected.by === 'version' ? state.version : state.modRevision) === expected.is;
  if (done !== undefined && done !== equal) return undefined;
  if (!equal) return state;
  if (value !== undefined) return written(state, value, revision);
  return state.value === undefined ? state : absent;
}

/**
 * What `operation` does to `key`; undefined if nothing that this key's order must respect: it failed, is of
 * another key, or is allowed to be old.
 */
export function actionOn(operation: Operation, key: string): KeyAction | undefined {
  const { call, outcome, invokedAt } = operation;
  if (outcome.kind === 'failed' || call.type === 'compact') return undefined;
  if (
    !rangeHolds(
      call.type === 'delete' || call.type === 'range' ? call : { key: call.key, end: undefined },
      key,
    )
  ) {
    return undefined;
  }
  const answer = outcome.kind === 'ok' ? outcome.answer : undefined;
  const respondedAt = outcome.kind === 'ok' ? operation.respondedAt : Infinity;
  const told = answer?.revision ?? 0;
  const made = answer !== undefined && madeRevision(answer);
  const common = { operation, invokedAt, respondedAt, told, made };
  switch (call.type) {
    case 'put':
      return { ...common, effect: { type: 'put', value: call.value }, before: beforePut(operation) };
    case 'append':
      return { ...common, effect: { type: 'append', value: call.value }, before: undefined };
    case 'delete':
      return { ...common, effect: { type: 'delete' }, before: beforeDelete(operation, key) };
    case 'range': {
      const before = seenByRange(operation, key);
      return before === undefined ? undefined : { ...common, effect: { type: 'read' }, before };
    }
    case 'compare-and-set':
    case 'compare-and-delete': {
      const { done, found } = toldByComparison(operation);
      const value = call.type === 'compare-and-set' ? call.value : undefined;
      const effect = { type: call.type, expected: call.expected, value, done, found };
      return { ...common, effect, before: undefined };
    }
  }
}

function toldByComparison({ outcome }: Operation): Pick<ConditionalEffect, 'done' | 'found'> {
  const answer = outcome.kind === 'ok' ? outcome.answer : undefined;
  const isTold = answer?.type === 'compare-and-set' || answer?.type === 'compare-and-delete';
  return isTold ? answer : { done: undefined, found: undefined };
}

function beforePut({ call, outcome }: Operation): KeyAction['before'] {
  if (call.type !== 'put' || !call.previous) return undefined;
  if (outcome.kind !== 'ok' || outcome.answer.type !== 'put') return undefined;
  return outcome.answer.previous ?? 'absent';
}

function beforeDelete({ call, outcome }: Operation, key: string): KeyAction['before'] {
  if (call.type !== 'delete' || outcome.kind !== 'ok' || outcome.answer.type !== 'delete') return undefined;
  const { deletedCount, previous } = outcome.answer;
  if (call.previous) return previous.find((item) => item.key === key) ?? 'absent';
  if (deletedCount === 0) return 'absent';
  return call.end === undefined && deletedCount === 1 ? 'present' : undefined;
}

function seenByRange({ call, outcome }: Operation, key: string): Item | 'absent' | undefined {
  if (call.type !== 'range' || outcome.kind !== 'ok' || outcome.answer.type !== 'range') return undefined;
  if (call.serializable || call.revision !== 0) return undefined;
  const { items, count } = outcome.answer;
  const item = items.find((each) => each.key === key);
  if (item !== undefined) return item;
  const last = items.at(-1);
  const isCut = count > items.length;
  return isCut && (last === undefined || key > last.key) ? undefined : 'absent';
}
