import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makePlan, type Plan } from './plan.js';
import { shrink, type Play } from './shrink.js';

/** A seed with many faults. */
const seed = 2005;
const needed = makePlan(seed)
  .faults.filter((_, at) => at === 3 || at === 11)
  .map(({ id }) => id);

async function shrunk(
  failure: (plan: Plan) => string | undefined,
): Promise<{ lines: string[]; ok: boolean }> {
  const play: Play = (plan) =>
    Promise.resolve({ failure: failure(plan), operations: Math.min(plan.clients.callsMax, 100) });
  const lines: string[] = [];
  const ok = await shrink(seed, {}, (line) => lines.push(line), play);
  return { lines, ok };
}

function has(plan: Plan, ids: readonly string[]): boolean {
  return ids.every((id) => plan.faults.some((fault) => fault.id === id));
}

describe('shrinking', () => {
  it('leaves what the failure needs, and nothing else', async () => {
    assert.equal(needed.length, 2);
    const { lines, ok } = await shrunk((plan) =>
      has(plan, needed) && plan.members >= 2 && plan.clients.callsMax >= 7 && plan.durationMs >= 1500
        ? 'Error: two leaders in term 5'
        : undefined,
    );
    assert.equal(ok, false);
    const { count } = makePlan(seed).clients;
    assert.ok(count >= 1);
    assert.match(lines.at(-1)!, /two leaders in term 5/);
    assert.match(
      lines.at(-1)!,
      new RegExp(`--members 2 --clients 0 --calls 7 --duration 15\\d\\d --faults ${needed.join(',')}$`),
    );
  });

  it('does not take another failure for the same', async () => {
    const { lines } = await shrunk((plan) =>
      has(plan, needed) ? `Error: n${plan.members} votes: twice in term ${plan.members}` : 'Error: another',
    );
    assert.match(lines.at(-1)!, new RegExp(`--faults ${needed.join(',')}$`));
    assert.match(lines.at(-1)!, /n1 votes: twice in term 1/);
  });

  it('says so when nothing fails', async () => {
    const { lines, ok } = await shrunk(() => undefined);
    assert.deepEqual({ lines, ok }, { lines: [`seed ${seed} does not fail`], ok: true });
  });
});
