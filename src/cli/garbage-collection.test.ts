import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collectWhatIsLeft, GarbageWatch, type MemoryUsed } from './garbage-collection.js';

const mebibyte = 1024 * 1024;

const buffers = (sizeBytes: number): MemoryUsed => ({ heapUsed: 0, external: sizeBytes });

describe('GarbageWatch', () => {
  it('has what clients held and let go of collected, once', () => {
    const watch = new GarbageWatch(256 * mebibyte);
    assert.equal(watch.look(0, 0, buffers(100 * mebibyte)), false);
    assert.equal(watch.look(1000, 200 * mebibyte, buffers(300 * mebibyte)), false);
    assert.equal(watch.look(2000, 0, buffers(300 * mebibyte)), true);
    assert.equal(watch.look(10_000, 0, buffers(100 * mebibyte)), false);
  });

  it('has garbage collected when there is much of it', () => {
    const watch = new GarbageWatch(100 * mebibyte);
    assert.equal(watch.look(0, 0, buffers(50 * mebibyte)), false);
    assert.equal(watch.look(1000, 0, buffers(149 * mebibyte)), false);
    assert.equal(watch.look(2000, 0, buffers(150 * mebibyte)), true);
  });

  it('takes what stays for alive', () => {
    const watch = new GarbageWatch(100 * mebibyte);
    watch.look(0, 0, buffers(50 * mebibyte));
    assert.equal(watch.look(1000, 0, buffers(500 * mebibyte)), true);
    for (let nowMs = 2000; nowMs < 60_000; nowMs += 1000) {
      assert.equal(watch.look(nowMs, 0, buffers(500 * mebibyte)), false);
    }
  });

  it('leaves time between two walks', () => {
    const watch = new GarbageWatch(100 * mebibyte);
    watch.look(0, 0, buffers(0));
    assert.equal(watch.look(1000, 0, buffers(200 * mebibyte)), true);
    watch.look(1500, 0, buffers(0));
    assert.equal(watch.look(2000, 0, buffers(200 * mebibyte)), false);
    assert.equal(watch.look(6000, 0, buffers(200 * mebibyte)), true);
  });

  it('walks a heap that is still large once more: of connections that are over something is kept for a while', () => {
    const watch = new GarbageWatch(1000 * mebibyte);
    const heap = { heapUsed: 300 * mebibyte, external: 0 };
    watch.look(0, 200 * mebibyte, heap);
    const walks: number[] = [];
    for (let nowMs = 1000; nowMs <= 60_000; nowMs += 1000) if (watch.look(nowMs, 0, heap)) walks.push(nowMs);
    assert.deepEqual(walks, [1000, 16_000]);
  });

  it('leaves it to V8 while clients hold many objects: that would stop the process for long', () => {
    const watch = new GarbageWatch(100 * mebibyte);
    const objects = (sizeBytes: number): MemoryUsed => ({ heapUsed: sizeBytes, external: 0 });
    watch.look(0, 0, objects(20 * mebibyte));
    assert.equal(watch.look(1000, 250 * mebibyte, objects(300 * mebibyte)), false);
    assert.equal(watch.look(2000, 150 * mebibyte, objects(300 * mebibyte)), false);
    assert.equal(watch.look(3000, 32 * mebibyte, objects(300 * mebibyte)), true);
  });
});

describe('collectWhatIsLeft', () => {
  it('collects in this process', async () => {
    let heldBytes = 64 * mebibyte;
    let garbage: Buffer | undefined = Buffer.alloc(heldBytes);
    let tell = (): void => {};
    const freed = new Promise<void>((resolve) => (tell = resolve));
    const registry = new FinalizationRegistry(() => tell());
    registry.register(garbage, undefined);
    const end = collectWhatIsLeft(() => {
      const now = heldBytes;
      heldBytes = 0;
      garbage = undefined;
      return now;
    });
    // The watch's own timer keeps no process alive.
    const alive = setInterval(() => {}, 1000);
    await freed;
    clearInterval(alive);
    end();
    // A registry that nobody has any more tells nothing.
    registry.unregister({});
  });
});
