import { describeItem, itemsOf, type Operation, type Violation } from './history.js';
import { KnownRevisions } from './known-revisions.js';
import { OrderingSearch, type SearchResult } from './ordering-search.js';
import { actionOn, type KeyAction, type RegisterState } from './register.js';

export interface LinearizabilityResult {
  /** One for each key whose operations cannot be ordered. */
  readonly violations: readonly Violation[];
  /** Keys whose search was given up: nothing is known about them. */
  readonly undecided: readonly string[];
}

/**
 * Whether each key behaves like one register that all operations reach one after the other, each between its
 * invocation and its response (Herlihy and Wing, "Linearizability", 1990). The property is local: keys are
 * checked one by one. An operation over a range counts as one on each of its keys; that its keys are seen at
 * one moment is for checkRevisions. Serializable reads and reads of the past are not looked at.
 */
export function checkLinearizability(operations: readonly Operation[]): LinearizabilityResult {
  const violations: Violation[] = [];
  const undecided: string[] = [];
  const revisions = new KnownRevisions(operations);
  for (const key of keysOf(operations)) {
    const actions = operations.flatMap((operation) => actionOn(operation, key) ?? []);
    const result = new OrderingSearch(actions, revisions).run();
    if (result.kind === 'impossible') violations.push(toViolation(key, result));
    if (result.kind !== 'gave-up') continue;
    // Values alone allow more orders, but are decided sooner.
    const byValue = new OrderingSearch(actions.map(withoutVersion), revisions).run();
    if (byValue.kind === 'impossible') violations.push(toViolation(key, byValue));
    else undecided.push(key);
  }
  return { violations, undecided };
}

function withoutVersion(action: KeyAction): KeyAction {
  if (typeof action.before !== 'object') return action;
  return { ...action, before: { ...action.before, version: 0 } };
}

/** Every key that is named or was seen, sorted. */
function keysOf(operations: readonly Operation[]): string[] {
  const keys = new Set<string>();
  for (const operation of operations) {
    const { call } = operation;
    if ('key' in call) keys.add(call.key);
    for (const item of itemsOf(operation)) keys.add(item.key);
  }
  return [...keys].sort();
}

function toViolation(key: string, result: Extract<SearchResult, { kind: 'impossible' }>): Violation {
  const { stuck, open, spare, states } = result;
  const held = states.map((state) => describeState(key, state)).join(' or ');
  const others = [...open.filter((action) => action !== stuck), ...spare.slice(-8)];
  const operationOf = (action: KeyAction): Operation => action.operation;
  return {
    rule: 'operations on a key can be ordered',
    detail:
      `no order explains the first one below: before it ${held} was there, ` +
      `and the others below could still take effect (${spare.length} without a response)`,
    operations: [stuck, ...others].map(operationOf),
  };
}

function describeState(key: string, state: RegisterState): string {
  if (state.value === undefined) return `no ${key}`;
  const { value, version, modRevision } = state;
  return describeItem({ key, value, version, modRevision, createRevision: 0 });
}
