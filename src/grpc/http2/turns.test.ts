import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acceptingTurnsMax, intakeMsMax, Turns, type Reader, type TurnTask } from './turns.js';

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('Turns', () => {
  it('gives all their turn, whatever one of them throws', async () => {
    const turns = new Turns();
    const said: string[] = [];
    const task = (name: string): TurnTask => ({
      turn: () => {
        said.push(name);
        if (name === 'bad') throw new Error('of bad');
      },
      failed: (error) => void said.push((error as Error).message),
    });
    for (const name of ['first', 'bad', 'last']) turns.schedule(task(name));
    await nextTurn();
    turns.schedule(task('later'));
    await nextTurn();
    assert.deepEqual(said, ['first', 'bad', 'of bad', 'last', 'later']);
  });

  it('takes input in for a while, and what waits in the order of its owners, before the tasks', async () => {
    let nowMs = 0;
    let tookIn = 0;
    const turns = new Turns(
      () => nowMs,
      () => tookIn++,
    );
    const said: string[] = [];
    const [many, few] = [{}, {}];
    const reader = (name: string): Reader => ({
      takeIn: () => {
        said.push(name);
        nowMs += intakeMsMax / 2;
      },
      failed: () => assert.fail(),
    });
    for (const name of ['a', 'b', 'c']) turns.defer(many, reader(name));
    turns.defer(few, reader('z'));
    turns.schedule({ turn: () => void said.push('task'), failed: () => assert.fail() });
    await nextTurn();
    assert.deepEqual(said, ['a', 'z', 'task']);
    // Who waits comes before whatever comes now.
    assert.equal(turns.mayTakeIn(), false);
    await nextTurn();
    assert.deepEqual(said.slice(3), ['b', 'c']);
    assert.equal(tookIn, 4);
    assert.equal(turns.mayTakeIn(), true);
    nowMs += intakeMsMax;
    assert.equal(turns.mayTakeIn(), false);
  });

  it('gives owners the same time, not the same number of turns', async () => {
    let nowMs = 0;
    const turns = new Turns(() => nowMs);
    const said: string[] = [];
    const reader = (name: string, takesMs: number): Reader => ({
      takeIn: () => {
        said.push(name);
        nowMs += takesMs;
      },
      failed: () => assert.fail(),
    });
    const [dear, cheap] = [{}, {}];
    for (const name of ['A', 'B', 'C', 'D']) turns.defer(dear, reader(name, 2));
    for (let at = 1; at <= 6; at++) turns.defer(cheap, reader(String(at), 0.125));
    await nextTurn();
    assert.equal(said.join(''), 'A1234B56C');
    await nextTurn();
    assert.equal(said.join(''), 'A1234B56CD');
  });

  it('lets who waits again wait for a later turn, and goes on behind one that fails', async () => {
    const turns = new Turns(() => 0);
    const said: string[] = [];
    let left = 3;
    const again: Reader = {
      takeIn: () => {
        said.push(`again ${turns.count}`);
        if (--left > 0) turns.defer(again, again);
      },
      failed: () => assert.fail(),
    };
    const bad: Reader = {
      takeIn: () => assert.fail('of bad'),
      failed: (error) => void said.push(`${(error as Error).message} ${turns.count}`),
    };
    turns.defer(bad, bad);
    turns.defer(again, again);
    while (left > 0) await nextTurn();
    assert.deepEqual(said, ['of bad 1', 'again 1', 'again 2', 'again 3']);
  });

  it('does nothing but accept while connections come, for so many turns in a row', async () => {
    const turns = new Turns(() => 0);
    const ran: string[] = [];
    const reader: Reader = { takeIn: () => void ran.push('input'), failed: () => assert.fail() };
    assert.equal(turns.mayTakeIn(), true);
    turns.schedule({ turn: () => void ran.push('task'), failed: () => assert.fail() });
    for (let turn = 0; turn < acceptingTurnsMax; turn++) {
      turns.connected();
      assert.equal(turns.mayTakeIn(), false);
      if (turn === 0) turns.defer(turns, reader);
      await nextTurn();
      assert.deepEqual(ran, []);
    }
    turns.connected();
    assert.equal(turns.mayTakeIn(), true);
    await nextTurn();
    assert.deepEqual(ran, ['input', 'task']);
    assert.equal(turns.mayTakeIn(), true);
  });

  it('goes on as soon as a turn has brought no connection', async () => {
    const turns = new Turns(() => 0);
    let ran = 0;
    turns.connected();
    assert.equal(turns.isAccepting, true);
    turns.schedule({ turn: () => ran++, failed: () => assert.fail() });
    await nextTurn();
    assert.deepEqual([ran, turns.isAccepting], [0, true]);
    await nextTurn();
    assert.deepEqual([ran, turns.isAccepting], [1, false]);
  });

  it('does so much of what there is to do, and the rest in its order in the turns that follow', async () => {
    let nowMs = 0;
    const turns = new Turns(() => nowMs);
    const said: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      turns.schedule({
        turn: () => {
          said.push(name);
          nowMs += 2;
        },
        failed: () => assert.fail(),
      });
    }
    await nextTurn();
    assert.deepEqual(said, ['a', 'b', 'c']);
    while (said.length < 5) await nextTurn();
    assert.deepEqual(said, ['a', 'b', 'c', 'd', 'e']);
  });
});
