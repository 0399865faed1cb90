import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { KvorumError, type CallOptions, type SetResult } from '../client/index.js';
import { Importer } from './importer.js';

/** Takes the whole time that each set is given, and then has found no server. */
class DeadCluster {
  readonly clusterId = undefined;
  /** Undefined: as long as by default. */
  readonly timeoutsMs: (number | undefined)[] = [];
  async set(_key: unknown, _value: unknown, { timeoutMs }: CallOptions = {}): Promise<SetResult> {
    this.timeoutsMs.push(timeoutMs);
    await delay(timeoutMs ?? 10);
    throw new KvorumError('SERVER_UNREACHABLE', 'nobody is there');
  }
}

const pair = { key: 'a', value: '1' };

describe('Importer', () => {
  it('tries a set for the time that it is given, to its end and not past it', async () => {
    const cluster = new DeadCluster();
    const importer = new Importer(cluster, 0, { timeoutMs: 300, retryForMs: 500 });
    const beganMs = performance.now();
    await importer.add(1, pair);
    await assert.rejects(importer.finish(), { exitCode: 3, message: 'line 1: nobody is there' });
    // Timers may come a little early.
    assert.ok(performance.now() - beganMs >= 495);
    const [first, second, ...others] = cluster.timeoutsMs;
    assert.equal(first, 300);
    // A pause of 100 ms comes before it; on a busy machine no time may be left.
    assert.ok(second === undefined || (second > 0 && second <= 110), `${second}`);
    for (const timeoutMs of others) assert.ok(timeoutMs! <= 10, `${timeoutMs}`);
    assert.equal(importer.acknowledgedLine, 0);
  });

  it('does not wait for the first answer longer than that', async () => {
    const cluster = new DeadCluster();
    const importer = new Importer(cluster, 0, { timeoutMs: 60_000, retryForMs: 100 });
    await importer.add(1, pair);
    await assert.rejects(importer.finish(), { exitCode: 3 });
    for (const timeoutMs of cluster.timeoutsMs) assert.ok(timeoutMs! <= 100, `${timeoutMs}`);
  });

  it('gives each attempt no more than the time of one request', async () => {
    const cluster = new DeadCluster();
    const importer = new Importer(cluster, 0, { timeoutMs: 20, retryForMs: 500 });
    await importer.add(1, pair);
    await assert.rejects(importer.finish(), { exitCode: 3 });
    const [, ...later] = cluster.timeoutsMs;
    assert.ok(later.length > 1);
    for (const timeoutMs of later) assert.ok(timeoutMs! <= 20, `${timeoutMs}`);
  });

  it('tries once when it is given no time, and nothing again once it has been given up', async () => {
    for (const [retryForMs, timeoutMs] of [
      [0, undefined],
      [60_000, 10],
    ] as const) {
      const cluster = new DeadCluster();
      const importer = new Importer(cluster, 0, { timeoutMs: 10, retryForMs });
      await importer.add(1, pair);
      importer.giveUp();
      await assert.rejects(importer.finish(), { exitCode: 3 });
      assert.deepEqual(cluster.timeoutsMs, [timeoutMs]);
    }
  });
});
