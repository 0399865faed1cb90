import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KvorumError } from '../client/index.js';
import { fillKeys, runLoad, type Load, type LoadFigures, type LoadKind } from './load.js';

const load: Load = {
  clients: 4,
  warmUpMs: 0,
  durationMs: 60_000,
  keys: 10,
  valueSizeBytes: 8,
  readsPercent: 0,
  seed: 1,
};

/** A store in memory, and a clock that goes when it is told to. */
class Memory {
  nowMs = 0;
  count = 0;
  readonly pairs = new Map<string, string>();
  readonly #asked: (kind: LoadKind, key: string) => Promise<void> | void;

  constructor(asked: (kind: LoadKind, key: string) => Promise<void> | void) {
    this.#asked = asked;
  }

  readonly client = {
    get: async (key: string) => {
      await this.#ask('get', key);
      return this.pairs.get(key);
    },
    set: async (key: string, value: string) => {
      await this.#ask('set', key);
      this.pairs.set(key, value);
      return { revision: this.pairs.size };
    },
  };

  async #ask(kind: LoadKind, key: string): Promise<void> {
    this.count++;
    await this.#asked(kind, key);
    await nextTurn();
  }

  run(options: Partial<Load> = {}, signal?: AbortSignal): Promise<LoadFigures> {
    return runLoad(this.client, { ...load, ...options }, signal, () => this.nowMs);
  }
}

describe('runLoad', () => {
  it('has as many requests open as there are clients, and counts every answer', async () => {
    let open = 0;
    let most = 0;
    const ended = new AbortController();
    const memory = new Memory(async () => {
      most = Math.max(most, ++open);
      await nextTurn();
      open--;
      if (memory.count >= 100) ended.abort();
    });
    const { answered, failed } = await memory.run({}, ended.signal);
    assert.equal(most, load.clients);
    assert.equal(answered.get('set')!.count, memory.count);
    assert.ok(memory.count >= 100 && memory.count < 100 + 2 * load.clients);
    assert.equal(answered.get('get'), undefined);
    assert.equal(failed.size, 0);
  });

  it('times each request, the one too that is answered behind the measurement', async () => {
    let answerFirst!: () => void;
    const firstAnswered = new Promise<void>((resolve) => {
      answerFirst = resolve;
    });
    const memory = new Memory(async () => {
      if (memory.count === 1) {
        await firstAnswered;
        memory.nowMs = 300;
      } else if (++memory.nowMs === 50) answerFirst();
    });
    const { answered, durationMs } = await memory.run({ clients: 2, durationMs: 50 });
    const histogram = answered.get('set')!;
    assert.equal(histogram.count, 51);
    assert.equal(Math.round(histogram.max / 1000), 300);
    assert.equal(Math.round(histogram.percentile(50) / 1000), 1);
    assert.equal(durationMs, 300);
  });

  it('counts nothing that began within the warm-up', async () => {
    const memory = new Memory(() => {
      memory.nowMs++;
    });
    const { answered, durationMs } = await memory.run({ clients: 1, warmUpMs: 100, durationMs: 200 });
    assert.equal(memory.count, 300);
    assert.equal(answered.get('set')!.count, 200);
    assert.equal(durationMs, 200);
  });

  it('counts errors by their code, and leaves the process time in between', async () => {
    const ended = new AbortController();
    const memory = new Memory(() => {
      if (memory.count >= 20) ended.abort();
      throw new KvorumError(memory.count % 2 === 0 ? 'NO_LEADER' : 'LIMIT_EXCEEDED', 'no');
    });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const { answered, failed } = await memory.run({}, ended.signal);
    clearInterval(timer);
    assert.deepEqual([...failed.keys()].sort(), ['LIMIT_EXCEEDED', 'NO_LEADER']);
    assert.equal(failed.get('NO_LEADER')! + failed.get('LIMIT_EXCEEDED')!, memory.count);
    assert.equal(answered.size, 0);
    assert.ok(turns > 0);
  });

  it('lets a bug through', async () => {
    const memory = new Memory(() => {
      throw new TypeError('bug');
    });
    await assert.rejects(memory.run(), TypeError);
  });

  it('chooses keys and reads by the seed alone', async () => {
    const trace = async (seed: number): Promise<string[]> => {
      const seen: string[] = [];
      const ended = new AbortController();
      const memory = new Memory((kind, key) => {
        if (seen.push(`${kind} ${key}`) === 500) ended.abort();
      });
      await memory.run({ clients: 1, readsPercent: 30, seed }, ended.signal);
      return seen;
    };
    const seen = await trace(1);
    assert.deepEqual(await trace(1), seen);
    assert.notDeepEqual(await trace(2), seen);
    assert.equal(new Set(seen.map((each) => each.split(' ')[1])).size, load.keys);
    const reads = seen.filter((each) => each.startsWith('get')).length;
    assert.ok(reads > 100 && reads < 200, `${reads}`);
  });
});

describe('fillKeys', () => {
  it('sets every key that will be read', async () => {
    const { client, pairs } = new Memory(() => {});
    await fillKeys(client, load);
    assert.deepEqual(
      [...pairs.keys()].sort(),
      Array.from({ length: 10 }, (_, at) => `bench/${at}`),
    );
    assert.ok([...pairs.values()].every((value) => value === 'xxxxxxxx'));
  });

  it('ends when it is asked to', async () => {
    const ended = new AbortController();
    const memory = new Memory(() => ended.abort());
    await fillKeys(memory.client, load, ended.signal);
    assert.ok(memory.pairs.size <= load.clients);
  });
});
