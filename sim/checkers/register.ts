import { madeRevision, rangeHolds, type Item, type Operation } from './history.js';

/** What one key holds. */
export interface RegisterState {
  /** undefined: there is no such key. */
  readonly value: string | undefined;
  /** Puts since creation; 0: there is no such key. */
  readonly version: number;
  /** Of the last put; 0: not known, or there is no such key. */
  readonly modRevision: number;
}

export const absent: RegisterState = { value: undefined, version: 0, modRevision: 0 };

/** What an operation does to one key, and what its answer tells of it. */
export interface KeyAction {
  readonly operation: Operation;
  readonly effect:
    | { readonly type: 'read' }
    | { readonly type: 'put'; readonly value: string }
    | { readonly type: 'delete' }
    | {
        readonly type: 'compare-and-set';
        readonly by: 'version' | 'revision';
        readonly is: number;
        readonly value: string;
        /** undefined: not known. */
        readonly done: boolean | undefined;
      }
    | { readonly type: 'append'; readonly value: string };
  /** That the write made; 0: not known, or it made none. */
  readonly revision: number;
  /** The pair that was there before; undefined: not known. */
  readonly before: Item | 'absent' | 'present' | undefined;
  readonly invokedAt: number;
  /** Infinity: it need not take effect at all. */
  readonly respondedAt: number;
}

/**
 * One step of the sequential register.
 * @returns what the key holds then: the same object if nothing changed; undefined if the answer does not fit
 */
export function applyAction(state: RegisterState, action: KeyAction): RegisterState | undefined {
  const seen = observe(state, action.before);
  if (seen === undefined) return undefined;
  const { effect, revision } = action;
  switch (effect.type) {
    case 'read':
      return seen;
    case 'put':
      return written(seen, effect.value, revision);
    case 'delete':
      return seen.value === undefined ? seen : absent;
    case 'append':
      return written(seen, (seen.value ?? '') + effect.value, revision);
    case 'compare-and-set':
      return compareAndSet(seen, effect, revision);
  }
}

function written(state: RegisterState, value: string, modRevision: number): RegisterState {
  return { value, version: state.version + 1, modRevision };
}

function observe(state: RegisterState, before: KeyAction['before']): RegisterState | undefined {
  if (before === undefined) return state;
  if (before === 'absent') return state.value === undefined ? state : undefined;
  if (before === 'present') return state.value === undefined ? undefined : state;
  if (state.value !== before.value) return undefined;
  if (before.version !== 0 && before.version !== state.version) return undefined;
  if (before.modRevision === 0 || before.modRevision === state.modRevision) return state;
  return state.modRevision === 0 ? { ...state, modRevision: before.modRevision } : undefined;
}

function compareAndSet(
  state: RegisterState,
  effect: Extract<KeyAction['effect'], { type: 'compare-and-set' }>,
  revision: number,
): RegisterState | undefined {
  const isUnknown = effect.by === 'revision' && state.value !== undefined && state.modRevision === 0;
  const equal = (effect.by === 'version' ? state.version : state.modRevision) === effect.is;
  if (isUnknown ? effect.is === 0 : !equal) return effect.done === true ? undefined : state;
  if (effect.done === false) return isUnknown ? state : undefined;
  return written(state, effect.value, revision);
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
  const revision = answer !== undefined && madeRevision(answer) ? answer.revision : 0;
  const common = { operation, invokedAt, respondedAt, revision };
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
    case 'compare-and-set': {
      const done = answer?.type === 'compare-and-set' ? answer.done : undefined;
      const { by, is } = call.expected;
      return { ...common, effect: { type: call.type, by, is, value: call.value, done }, before: undefined };
    }
  }
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
