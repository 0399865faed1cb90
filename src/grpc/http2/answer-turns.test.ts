import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AnswerLine, AnswerTurns, type WaitingAnswer } from './answer-turns.js';
import { Turns } from './turns.js';
import { MemoryAccount, MemoryBudget, type MemoryHolder } from './memory-budget.js';

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Takes longer than answers may take in a turn. */
function work(): void {
  for (const began = performance.now(); performance.now() - began < 10;);
}

class Server {
  readonly budget = new MemoryBudget(1000, new Set());
  readonly memory = new MemoryAccount(this.budget, { nowMs: () => performance.now() });
  readonly #turns = new Turns();
  readonly turns = new AnswerTurns(this.budget, this.#turns);
  readonly made: string[] = [];

  /** Something was written, so the turn ends like that of a server. */
  wrote(): void {
    this.#turns.schedule({ turn: () => {}, failed: (error) => assert.fail(String(error)) });
  }

  line(): AnswerLine {
    return new AnswerLine(this.turns, 100);
  }

  answer(name: string, more: Partial<WaitingAnswer> & { readonly during?: () => void } = {}): WaitingAnswer {
    return {
      over: false,
      makeAnswer: () => {
        this.made.push(name);
        more.during?.();
        return true;
      },
      failed: (error) => assert.fail(String(error)),
      ...more,
    };
  }

  async untilMade(count: number): Promise<void> {
    while (this.made.length < count) await nextTurn();
  }
}

describe('AnswerTurns', () => {
  it('lets answers be made at once while there is time', async () => {
    const server = new Server();
    const line = server.line();
    for (let count = 0; count < 15; count++) assert.equal(line.take(), true);
    server.wrote();
    await nextTurn();
    assert.equal(line.take(), true);
    work();
    let taken = 0;
    while (line.take()) taken++;
    assert.ok(taken <= 16, `${taken} more in a turn whose time was over`);
    server.wrote();
    await nextTurn();
    assert.equal(line.take(), true);
  });

  it('looks at the time behind each large answer', () => {
    const server = new Server();
    const line = server.line();
    assert.equal(line.take(), true);
    work();
    line.unsent(20_000);
    line.unsent(-20_000);
    assert.equal(line.take(), false);
  });

  it('makes those that wait in their order, connections in turn', async () => {
    const server = new Server();
    const [one, other] = [server.line(), server.line()];
    for (const name of ['a1', 'a2', 'a3']) one.add(server.answer(name));
    one.add(server.answer('nobody waits', { over: true }));
    other.add(server.answer('b1'));
    await server.untilMade(4);
    assert.deepEqual(server.made, ['a1', 'b1', 'a2', 'a3']);
    await nextTurn();
    assert.equal(server.made.length, 4);
    assert.equal(one.take(), true);
  });

  it('goes on in the next turn when the time is over', async () => {
    const server = new Server();
    const line = server.line();
    const made: number[] = [];
    for (let count = 0; count < 4; count++) {
      const during = (): void => {
        work();
        line.unsent(20_000);
        line.unsent(-20_000);
      };
      line.add(server.answer(String(count), { during }));
    }
    while (server.made.length < 4) {
      await nextTurn();
      made.push(server.made.length);
    }
    // One at most in each.
    for (let at = 1; at < made.length; at++) assert.ok(made[at]! - made[at - 1]! <= 1, made.join(' '));
  });

  it('makes nothing for a peer that does not take what it was sent', async () => {
    const server = new Server();
    const [full, other] = [server.line(), server.line()];
    full.unsent(100);
    assert.equal(full.full, true);
    assert.equal(full.take(), false);
    full.add(server.answer('full'));
    other.add(server.answer('other'));
    await server.untilMade(1);
    await nextTurn();
    assert.deepEqual(server.made, ['other']);
    full.unsent(-1);
    await server.untilMade(2);
  });

  it('serves those that take their answers while too much is held, the others when it is let go of', async () => {
    const server = new Server();
    const [holder, fresh] = [server.line(), server.line()];
    holder.unsent(10);
    server.memory.hold(800);
    assert.equal(holder.take(), false);
    assert.equal(fresh.take(), true);
    holder.add(server.answer('holder'));
    fresh.add(server.answer('fresh'));
    await server.untilMade(1);
    await nextTurn();
    assert.deepEqual(server.made, ['fresh']);
    server.memory.hold(75);
    assert.equal(fresh.take(), true);
    server.memory.hold(1);
    assert.equal(fresh.take(), false);
    server.memory.hold(-800);
    await server.untilMade(2);
  });

  it('goes on for a peer that has taken all while it waited for memory, though others still hold it', async () => {
    const server = new Server();
    const line = server.line();
    line.unsent(10);
    server.memory.hold(800);
    for (const name of ['1', '2']) line.add(server.answer(name, { during: () => line.unsent(10) }));
    await nextTurn();
    await nextTurn();
    assert.deepEqual(server.made, []);
    line.unsent(-10);
    await server.untilMade(1);
    await nextTurn();
    await nextTurn();
    assert.deepEqual(server.made, ['1']);
    line.unsent(-10);
    await server.untilMade(2);
  });

  it('lets those wait that take their answers, rather than cut one of them off', async () => {
    const holders = new Set<MemoryHolder>();
    const budget = new MemoryBudget(1000, holders);
    const turns = new AnswerTurns(budget, new Turns());
    const making: (() => void)[] = [];
    for (let at = 0; at < 40; at++) {
      const memory = new MemoryAccount(budget, { nowMs: () => performance.now() });
      holders.add({ memory, stalledMs: () => 0, evict: () => assert.fail('cut off') });
      const line = new AnswerLine(turns, 100);
      const makeAnswer = (): boolean => {
        memory.hold(100);
        line.unsent(100);
        making.push(() => {
          memory.hold(-100);
          line.unsent(-100);
        });
        return true;
      };
      line.add({ over: false, makeAnswer, failed: (error) => assert.fail(String(error)) });
    }
    let sent = 0;
    while (sent < 40) {
      await nextTurn();
      assert.ok(budget.heldBytes <= 1000);
      for (const taken of making.splice(0)) {
        taken();
        sent++;
      }
    }
  });

  it('waits a turn where nobody knows yet how large the answer gets', async () => {
    const server = new Server();
    const line = server.line();
    for (const name of ['1', '2']) {
      const making = server.answer(name);
      line.add({
        over: false,
        makeAnswer: () => {
          making.makeAnswer();
          return false;
        },
        failed: (error) => making.failed(error),
      });
    }
    await server.untilMade(1);
    assert.deepEqual(server.made, ['1']);
    await server.untilMade(2);
  });

  it('makes the others when one of them throws, and tells that one', async () => {
    const server = new Server();
    const lines = [server.line(), server.line()];
    const told: string[] = [];
    for (const name of ['bad', 'good', 'bad', 'last']) {
      const during = (): void => {
        if (name === 'bad') throw new Error('of bad');
      };
      const failed = (error: unknown): void => void told.push((error as Error).message);
      lines[name === 'bad' ? 0 : 1]!.add(server.answer(name, { during, failed }));
    }
    await server.untilMade(4);
    assert.deepEqual(server.made, ['bad', 'good', 'bad', 'last']);
    assert.deepEqual(told, ['of bad', 'of bad']);
  });
});
