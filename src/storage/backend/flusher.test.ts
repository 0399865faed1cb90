import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { promised, type Completion } from '../../base/completion.js';
import { encodeUtf8 } from '../../base/bytes.js';
import { VirtualClock } from '../../ports/virtual-clock.js';
import { Flusher } from './flusher.js';
import { MemoryRows } from './memory-rows.js';

/** Over rows in memory; time passes when the test says so. */
class Flushing {
  readonly clock = new VirtualClock();
  /** Changes of each transaction that is on disk. */
  readonly handedOver: number[] = [];
  readonly #waiting: { readonly index: number; readonly completion: Completion<void> }[] = [];
  #index = 0;
  readonly flusher = new Flusher(
    new MemoryRows(Infinity, { index: 0, term: 0 }),
    { clock: this.clock, flushIntervalMs: 1000, flushKeysMax: 20, flushSizeBytesMax: 1e6 },
    {
      requireWritable: () => Promise.resolve(),
      errorOf: () => Promise.reject(new Error('nothing fails here')),
      committed: (changes) => this.handedOver.push(changes.length),
      flushed: () => {
        for (const { index, completion } of this.#waiting) {
          if (this.flusher.flushed.index >= index) completion.resolve();
        }
      },
    },
  );

  write(count = 10): void {
    for (let at = 0; at < count; at++) {
      this.flusher.backlog.set('current', encodeUtf8(`key ${this.#index}-${at}`), encodeUtf8('value'));
    }
  }

  commit(count = 10): void {
    this.write(count);
    this.flusher.commit({ index: ++this.#index, term: 1 });
  }

  async whenFlushed(index: number): Promise<void> {
    if (this.flusher.flushed.index >= index) return;
    await promised((completion: Completion<void>) => this.#waiting.push({ index, completion }));
  }

  async hold(): Promise<void> {
    await this.flusher.hold(async () => {
      for (let batch = 0; batch < 10; batch++) this.commit();
      await Promise.resolve();
      assert.deepEqual(this.handedOver, []);
    });
  }
}

describe('flushing', () => {
  it('hands over a bounded number of changes at once, also what gathered while it was held', async () => {
    const flushing = new Flushing();
    await flushing.hold();
    await flushing.flusher.flush();
    assert.deepEqual(flushing.handedOver, [20, 20, 20, 20, 20]);
  });

  it('goes on by itself behind a hold', async () => {
    const flushing = new Flushing();
    await flushing.hold();
    await flushing.whenFlushed(10);
    assert.deepEqual(flushing.handedOver, [20, 20, 20, 20, 20]);
  });

  it('begins when it is much, or has waited', async () => {
    const flushing = new Flushing();
    flushing.commit();
    await flushing.clock.advanceAsync(999);
    assert.deepEqual(flushing.handedOver, []);
    await flushing.clock.advanceAsync(1);
    await flushing.whenFlushed(1);
    flushing.commit();
    flushing.commit();
    await flushing.whenFlushed(3);
    assert.deepEqual(flushing.handedOver, [10, 20]);
  });

  it('that is asked for in the middle of a batch ends with the batch, and holds what was committed before', async () => {
    const flushing = new Flushing();
    flushing.commit(2);
    flushing.write(2);
    const asked = flushing.flusher.flush();
    let ended = false;
    void asked.then(() => (ended = true));
    await flushing.clock.advanceAsync(5000);
    assert.ok(!ended);
    flushing.commit(2);
    await asked;
    assert.equal(flushing.flusher.flushed.index, 2);
  });
});
