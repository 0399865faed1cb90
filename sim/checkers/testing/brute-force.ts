import type { Operation } from '../history.js';
import { absent, actionOn, applyAction, type KeyAction, type RegisterState } from '../register.js';

/** The definition taken at its word, without any cleverness: tries every order. For a few operations. */
export function canBeOrdered(operations: readonly Operation[], key: string): boolean {
  const actions = operations.flatMap((operation) => actionOn(operation, key) ?? []);
  return extend(actions, absent);
}

function extend(left: readonly KeyAction[], state: RegisterState): boolean {
  if (left.every((action) => action.respondedAt === Infinity)) return true;
  return left.some((action) => {
    const others = left.filter((each) => each !== action);
    if (others.some((each) => each.respondedAt < action.invokedAt)) return false;
    const applied = applyAction(state, action);
    return applied !== undefined && extend(others, applied);
  });
}
