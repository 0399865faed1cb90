import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryAccount, MemoryBudget, type MemoryHolder } from './memory-budget.js';

const sizeBytesMax = 1000;

/** Connections that hold what they are told to, at times that the test sets. */
class Connections {
  readonly #holders = new Set<MemoryHolder>();
  readonly budget = new MemoryBudget(sizeBytesMax, this.#holders);
  readonly evicted: string[] = [];
  ms = performance.now() - 10_000;

  /** @param keeps what it holds when it ends, for handlers that go on */
  add(name: string, stalledMs = 0, keeps = false): MemoryAccount {
    const memory = new MemoryAccount(this.budget, { nowMs: () => this.ms });
    const evict = (): void => {
      this.evicted.push(name);
      memory.end();
      if (!keeps) memory.hold(-memory.heldBytes);
    };
    this.#holders.add({ memory, stalledMs: () => stalledMs, evict });
    return memory;
  }
}

/** Past the limit it is not acted in the middle of something. */
const afterwards = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('MemoryBudget', () => {
  it('lets those go that hold most, when it is exceeded', async () => {
    const connections = new Connections();
    const [small, large] = [connections.add('small'), connections.add('large')];
    small.hold(200);
    large.hold(800);
    await afterwards();
    assert.deepEqual(connections.evicted, []);
    small.hold(1);
    await afterwards();
    assert.deepEqual(connections.evicted, ['large']);
    assert.equal(connections.budget.heldBytes, 201);
  });

  it('lets nobody go for what others hold who are ending: their handlers have yet to hear of it', async () => {
    const connections = new Connections();
    const hoarder = connections.add('hoarder', 5000, true);
    const [small, other] = [connections.add('small', 5000), connections.add('other', 5000)];
    hoarder.hold(900);
    small.hold(200);
    await afterwards();
    assert.deepEqual(connections.evicted, ['hoarder']);
    other.hold(50);
    await afterwards();
    connections.budget.whenRoom(() => {});
    connections.budget.sweep(connections.ms);
    assert.deepEqual(connections.evicted, ['hoarder']);
    // It may stand beside what the others hold, up to a quarter.
    assert.equal(connections.budget.heldBytes, 1150);
    assert.ok(!connections.budget.exceeded);
    other.hold(100);
    assert.ok(!connections.budget.exceeded);
    other.hold(1);
    assert.ok(connections.budget.exceeded);
    other.hold(-101);
    // What is their own is bounded, too.
    other.hold(751);
    await afterwards();
    assert.deepEqual(connections.evicted, ['hoarder', 'other']);
    // It is theirs until it is let go of.
    hoarder.hold(-900);
    small.hold(750);
    await afterwards();
    assert.ok(!connections.evicted.includes('small'));
    small.hold(51);
    await afterwards();
    assert.ok(connections.evicted.includes('small'));
  });

  it('lets them go at once where it is asked to, and not twice', async () => {
    const connections = new Connections();
    const [one, other] = [connections.add('one'), connections.add('other')];
    one.hold(900);
    other.hold(200);
    assert.ok(connections.budget.exceeded);
    connections.budget.enforce();
    assert.deepEqual(connections.evicted, ['one']);
    assert.ok(!connections.budget.exceeded);
    await afterwards();
    assert.deepEqual(connections.evicted, ['one']);
  });

  it('lets those go that have held little for long, not those that hold much for a moment', async () => {
    const connections = new Connections();
    const hoarder = connections.add('hoarder');
    hoarder.hold(100);
    connections.ms += 5000;
    const worker = connections.add('worker');
    worker.hold(600);
    worker.hold(-600);
    connections.ms += 5000;
    worker.hold(901);
    await afterwards();
    assert.equal(connections.evicted[0], 'hoarder');
  });

  it('takes what is let go of for as old as all that is held', () => {
    const connections = new Connections();
    const memory = connections.add('one');
    memory.hold(100);
    connections.ms += 1000;
    memory.hold(100);
    const before = memory.weight(connections.ms);
    memory.hold(-100);
    assert.ok(Math.abs(memory.weight(connections.ms) - before / 2) < 1);
    memory.hold(-100);
    assert.ok(memory.weight(connections.ms + 1000) === 0);
  });

  it('is spent with three quarters, and tells when it is not any more', () => {
    const connections = new Connections();
    const memory = connections.add('one');
    memory.hold(750);
    assert.equal(memory.spent, false);
    memory.hold(1);
    assert.equal(memory.spent, true);
    let told = 0;
    connections.budget.whenRoom(() => told++);
    memory.hold(10);
    assert.equal(told, 0);
    memory.hold(-11);
    assert.equal(told, 1);
    memory.hold(-10);
    assert.equal(told, 1);
  });

  it('is not spent by what may stand beside it for those who end, and tells so', async () => {
    const connections = new Connections();
    const [ending, other] = [connections.add('ending'), connections.add('other')];
    ending.hold(300);
    other.hold(600);
    assert.ok(other.spent);
    let told = 0;
    connections.budget.whenRoom(() => told++);
    ending.end();
    await afterwards();
    assert.deepEqual([other.spent, told], [false, 1]);
    // Of what ends, no more than a quarter.
    other.hold(101);
    assert.ok(other.spent);
  });

  it('lets those go that take nothing, when it is spent and somebody waits', () => {
    const connections = new Connections();
    const [busy, stalled] = [connections.add('busy'), connections.add('stalled', 5000)];
    busy.hold(500);
    stalled.hold(300);
    connections.budget.sweep(connections.ms);
    assert.deepEqual(connections.evicted, []);
    connections.budget.whenRoom(() => {});
    connections.budget.sweep(connections.ms);
    assert.deepEqual(connections.evicted, ['stalled']);
  });

  it('lets those go that have held theirs for long, when not even those that take answers get any', () => {
    const connections = new Connections();
    const [trickling, working] = [connections.add('trickling'), connections.add('working')];
    trickling.hold(400);
    connections.ms += 3000;
    working.hold(475);
    connections.budget.whenRoom(() => {});
    connections.budget.sweep(connections.ms);
    assert.deepEqual(connections.evicted, []);
    working.hold(1);
    connections.budget.sweep(connections.ms);
    assert.deepEqual(connections.evicted, ['trickling']);
  });
});
