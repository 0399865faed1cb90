import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KvorumError, type CallOptions, type SetResult } from '../client/index.js';
import { Importer } from './importer.js';

/** Takes the whole time that each set is given, and then has found no server. */
class DeadCluster {
  /** Undefined: as long as by default. */
  readonly timeoutsMs: (number | undefined)[] = [];
  readonly #firstMs: number;

  /** @param firstMs of a set that is given no time of its own */
  constructor(firstMs: number) {
    this.#firstMs = firstMs;
  }

  async set(_key: unknown, _value: unknown, { timeoutMs }: CallOptions = {}): Promise<SetResult> {
    this.timeoutsMs.push(timeoutMs);
    await delay(timeoutMs ?? this.#firstMs);
    throw new KvorumError('SERVER_UNREACHABLE', 'nobody is there');
  }
}

const pair = { key: 'a', value: '1' };

describe('Importer', () => {
  it('tries a set for the time that it is given, to its end and not past it', async () => {
    const cluster = new DeadCluster(10);
    const importer = new Importer(cluster, 0, { timeoutMs: 60_000, retryForMs: 500 });
    const beganMs = performance.now();
    await importer.add(1, pair);
    await assert.rejects(importer.finish(), { exitCode: 3, message: 'line 1: nobody is there' });
    // Timers may come a little early.
    assert.ok(performance.now() - beganMs >= 495);
    const [first, second, ...others] = cluster.timeoutsMs;
    assert.equal(first, undefined);
    assert.ok(second! > 0 && second! <= 490, `${second}`);
    for (const timeoutMs of others) assert.ok(timeoutMs! <= 10, `${timeoutMs}`);
    assert.equal(importer.acknowledgedLine, 0);
  });

  it('gives each attempt no more than the time of one request', async () => {
    const cluster = new DeadCluster(10);
    const importer = new Importer(cluster, 0, { timeoutMs: 20, retryForMs: 500 });
    await importer.add(1, pair);
    await assert.rejects(importer.finish(), { exitCode: 3 });
    const [, ...later] = cluster.timeoutsMs;
    assert.ok(later.length > 1);
    for (const timeoutMs of later) assert.ok(timeoutMs! <= 20, `${timeoutMs}`);
  });

  it('tries once when it is given no time, and nothing again once it has been given up', async () => {
    for (const retryForMs of [0, 60_000]) {
      const cluster = new DeadCluster(10);
      const importer = new Importer(cluster, 0, { timeoutMs: 60_000, retryForMs });
      await importer.add(1, pair);
      importer.giveUp();
      await assert.rejects(importer.finish(), { exitCode: 3 });
      assert.deepEqual(cluster.timeoutsMs, [undefined]);
    }
  });
});
