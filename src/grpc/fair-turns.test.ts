import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairTurns, turnMsMax } from './fair-turns.js';

function busy(ms: number): void {
  for (const endMs = performance.now() + ms; performance.now() < endMs;);
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

void test('clients come one after the other, whatever they have to do', async () => {
  const turns = new FairTurns({ isAccepting: false });
  const ran: string[] = [];
  const schedule = (client: object, name: string): void =>
    turns.schedule(client, { turn: () => ran.push(name), failed: assert.ifError });
  const [one, other] = [{}, {}];
  for (const name of ['a1', 'a2', 'a3']) schedule(one, name);
  for (const name of ['b1', 'b2']) schedule(other, name);
  while (ran.length < 5) await nextTurn();
  assert.deepEqual(ran, ['a1', 'b1', 'a2', 'b2', 'a3']);
});

void test('turnMsMax: what would take longer waits for the next turn', async () => {
  const turns = new FairTurns({ isAccepting: false });
  let [ran, turnRan] = [0, 0];
  const task = {
    turn: () => {
      busy(turnMsMax);
      ran++;
      turnRan++;
      if (ran < 20) turns.schedule(task, task);
    },
    failed: assert.ifError,
  };
  for (let client = 0; client < 10; client++) turns.schedule({}, task);
  while (ran < 20) {
    turnRan = 0;
    await nextTurn();
    assert.ok(turnRan <= 1, `${turnRan} in one turn`);
  }
});

void test('one that throws fails alone', async () => {
  const turns = new FairTurns({ isAccepting: false });
  const errors: unknown[] = [];
  let ran = 0;
  const broken = new Error('broken');
  turns.schedule(turns, {
    turn: () => {
      throw broken;
    },
    failed: (error) => errors.push(error),
  });
  turns.schedule(turns, { turn: () => ran++, failed: assert.ifError });
  while (ran === 0) await nextTurn();
  assert.deepEqual(errors, [broken]);
});

void test('nothing runs in a turn that is for accepting connections', async () => {
  const accepting = { isAccepting: true };
  const turns = new FairTurns(accepting);
  let ran = 0;
  turns.schedule(turns, { turn: () => ran++, failed: assert.ifError });
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.equal(ran, 0);
  accepting.isAccepting = false;
  await nextTurn();
  assert.equal(ran, 1);
});
