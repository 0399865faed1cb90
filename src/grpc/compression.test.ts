import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { KvorumError } from '../base/errors.js';
import { StatusError } from '../base/status.js';
import { Compression } from './compression.js';

const text = Buffer.alloc(10_000, 'text');
const owner = {};
const { signal } = new AbortController();

describe('Compression', () => {
  it('packs what gunzip unpacks, and unpacks what gzip packs', async () => {
    const compression = new Compression(1);
    assert.deepEqual(gunzipSync(await compression.pack(text, owner, signal)), text);
    assert.deepEqual(await compression.unpack(gzipSync(text), text.length, owner, signal), text);
  });

  it('unpacks up to the limit, and not one byte more', async () => {
    const compression = new Compression(1);
    await assert.rejects(
      compression.unpack(gzipSync(text), text.length - 1, owner, signal),
      (error) => error instanceof KvorumError && error.code === 'REQUEST_TOO_LARGE',
    );
  });

  it('tells of what is no gzip, or not all of it', async () => {
    const compression = new Compression(1);
    for (const wrong of [Buffer.alloc(0), Buffer.from('none'), gzipSync(text).subarray(0, 20)]) {
      await assert.rejects(compression.unpack(wrong, 1000, owner, signal), StatusError);
    }
  });

  it('lets the next one in its turn when one has ended, however it ended: compressionsMax', async () => {
    const compression = new Compression(1);
    const order: number[] = [];
    const works = Array.from({ length: 12 }, (_, index) => {
      const work =
        index % 3 === 0
          ? compression.unpack(Buffer.from('none'), 10, owner, signal)
          : // Each shorter than the one before: all at once, the last would be first.
            compression.pack(Buffer.alloc((12 - index) * 50_000, index), owner, signal);
      return work.then(
        () => order.push(index),
        () => order.push(index),
      );
    });
    await Promise.all(works);
    assert.deepEqual(
      order,
      Array.from({ length: 12 }, (_, index) => index),
    );
  });

  it('lets owners take turns, however much one of them has', async () => {
    const compression = new Compression(1);
    const order: string[] = [];
    const pack = (name: string, whose: object): Promise<unknown> =>
      compression.pack(text, whose, signal).then(() => order.push(name));
    const works = ['a1', 'a2', 'a3', 'a4'].map((name) => pack(name, owner));
    works.push(pack('b1', {}));
    await Promise.all(works);
    assert.deepEqual(order, ['a1', 'a2', 'b1', 'a3', 'a4']);
  });

  it('lets go at once of what nobody waits for any more', async () => {
    const compression = new Compression(1);
    const controller = new AbortController();
    const running = compression.pack(text, owner, controller.signal);
    const left = compression.pack(text, owner, controller.signal);
    const staying = compression.pack(text, owner, signal);
    controller.abort(new Error('the caller has gone'));
    await assert.rejects(left, /the caller has gone/);
    assert.equal(compression.running, 1);
    assert.deepEqual(gunzipSync(await running), text);
    assert.deepEqual(gunzipSync(await staying), text);
    await assert.rejects(
      Promise.all([compression.pack(text, owner, signal), compression.pack(text, owner, controller.signal)]),
    );
  });
});
