import assert from 'node:assert/strict';
import { findViolation, type Model, type Operation } from './linearizability.js';

/** A call on one key. Undefined as a value: there is no such key. */
export type RegisterInput =
  { readonly type: 'read' } | { readonly type: 'write'; readonly value: string | undefined };

export interface RegisterOutput {
  /** What a read saw. */
  readonly value: string | undefined;
}

export interface RegisterOperation extends Operation<RegisterInput, RegisterOutput> {
  readonly key: string;
  /** Who called, and through which member. */
  readonly caller: string;
}

const register: Model<string | undefined, RegisterInput, RegisterOutput> = {
  initial: undefined,
  stateKey: (state) => state ?? '',
  step(state, { input, output }) {
    if (input.type === 'write') return { state: input.value };
    return output?.value === state ? { state } : undefined;
  },
};

/** Of the history that an error shows, on each side of the operation that does not fit. */
const shownOperations = 12;

/**
 * Throws if the history is not linearizable: each key is a register of its own (linearizability is local, Herlihy
 * and Wing 1990, section 3.1). Values must be written once each.
 */
export function checkRegisters(operations: readonly RegisterOperation[]): void {
  const byKey = new Map<string, RegisterOperation[]>();
  for (const operation of operations) {
    const same = byKey.get(operation.key);
    if (same === undefined) byKey.set(operation.key, [operation]);
    else same.push(operation);
  }
  for (const [key, ofKey] of byKey) {
    const history = withoutUnseen(ofKey);
    const stuck = findViolation(register, history) as RegisterOperation | undefined;
    if (stuck !== undefined) assert.fail(`${key} is not linearizable at\n${around(history, stuck)}`);
  }
}

/** A write of unknown outcome that nobody saw need not have happened: it only makes the search longer. */
function withoutUnseen(operations: readonly RegisterOperation[]): RegisterOperation[] {
  const seen = new Set(
    operations.flatMap(({ input, output }) => (input.type === 'read' ? [output?.value] : [])),
  );
  return operations.filter(
    ({ input, output }) => output !== undefined || (input.type === 'write' && seen.has(input.value)),
  );
}

function around(history: readonly RegisterOperation[], stuck: RegisterOperation): string {
  const sorted = [...history].sort((left, right) => left.startMs - right.startMs);
  const at = sorted.indexOf(stuck);
  return sorted
    .slice(Math.max(0, at - shownOperations), at + shownOperations)
    .map((operation) => `${operation === stuck ? '>' : ' '} ${line(operation)}`)
    .join('\n');
}

function line({ input, output, startMs, endMs, caller }: RegisterOperation): string {
  const what =
    input.type === 'read'
      ? `read  ${output?.value ?? 'nothing'}`
      : `write ${input.value ?? 'nothing'}${output === undefined ? ', outcome unknown' : ''}`;
  return `${startMs.toFixed(1)}..${endMs === Infinity ? '?' : endMs.toFixed(1)} ${caller}: ${what}`;
}
