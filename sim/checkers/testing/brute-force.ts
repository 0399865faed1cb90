import { madeRevision, type Operation } from '../history.js';
import { absent, actionOn, applyAction, type KeyAction, type RegisterState } from '../register.js';

/**
 * The definition taken at its word, without any cleverness: tries every order, and of writes that do not tell
 * their revision every revision. For a few operations, and small revisions.
 */
export function canBeOrdered(operations: readonly Operation[], key: string): boolean {
  const actions = operations.flatMap((operation) => actionOn(operation, key) ?? []);
  const answers = operations.flatMap(({ outcome }) => (outcome.kind === 'ok' ? [outcome.answer] : []));
  const told = new Set(answers.filter(madeRevision).map(({ revision }) => revision));
  // Revisions that nobody speaks of are alike.
  const newest = Math.max(1, ...actions.flatMap(numbersOf));
  const free: number[] = [];
  for (let revision = 2; revision <= newest; revision++) if (!told.has(revision)) free.push(revision);
  return extend(actions, absent, 1, [...free, Infinity]);
}

function extend(
  left: readonly KeyAction[],
  state: RegisterState,
  store: number,
  free: readonly number[],
): boolean {
  if (left.every((action) => action.respondedAt === Infinity)) return true;
  return left.some((action) => {
    const others = left.filter((each) => each !== action);
    if (others.some((each) => each.respondedAt < action.invokedAt)) return false;
    const { told } = action;
    return (told > 0 ? [told] : [0, ...free]).some((revision) => {
      const applied = applyAction(state, action, revision);
      if (applied === undefined) return false;
      const writes = applied !== state || action.made;
      // Without one that is told: 0 where nothing changes, and otherwise its own.
      if (told === 0 && (applied !== state) !== revision > 0) return false;
      if (revision > 0 && writes && revision <= store && revision !== Infinity) return false;
      if (revision > 0 && revision < store) return false;
      return extend(others, applied, Math.max(store, revision), free);
    });
  });
}

function numbersOf({ told, before, effect }: KeyAction): number[] {
  const expected = 'expected' in effect ? [effect.expected.is, effect.found ?? 0] : [];
  return [told, typeof before === 'object' ? before.modRevision : 0, ...expected];
}
