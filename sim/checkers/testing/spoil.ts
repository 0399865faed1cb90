import { randomInt, type RandomSource } from '../../../src/base/prng.js';
import type { Answer, Item, Operation } from '../history.js';
import { ok } from './scripted-history.js';

/** One answer changed a little. */
export function spoil(random: RandomSource, operations: readonly Operation[]): Operation[] {
  const answered = operations.filter((each) => each.outcome.kind === 'ok');
  if (answered.length === 0) return [...operations];
  const victim = answered[randomInt(random, answered.length)]!;
  const outcome = ok(spoilAnswer(random, (victim.outcome as { answer: Answer }).answer, operations));
  return operations.map((each) => (each === victim ? { ...each, outcome } : each));
}

function spoilAnswer(random: RandomSource, answer: Answer, operations: readonly Operation[]): Answer {
  const nudge = (value: number): number => Math.max(1, value + randomInt(random, 3) - 1);
  const revision = nudge(answer.revision);
  if ('found' in answer && randomInt(random, 2) === 0) {
    const told = { ...answer, revision: answer.revision };
    if (randomInt(random, 3) === 0) return { ...told, done: !answer.done };
    return { ...told, found: [0, nudge(answer.found ?? 0)][randomInt(random, 2)] };
  }
  if (answer.type !== 'range' || randomInt(random, 3) === 0) return { ...answer, revision };
  const others = operations.flatMap(({ outcome }) =>
    outcome.kind === 'ok' && outcome.answer.type === 'range' ? [outcome.answer] : [],
  );
  const other = others[randomInt(random, others.length)]!;
  if (randomInt(random, 2) === 0) return { ...answer, items: other.items, count: other.count };
  const change = (each: Item): Item => ({
    ...each,
    version: nudge(each.version),
    modRevision: nudge(each.modRevision),
  });
  return { ...answer, items: answer.items.map(change) };
}
