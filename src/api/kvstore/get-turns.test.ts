import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodeUtf8 } from '../../base/bytes.js';
import { KvorumError } from '../../base/errors.js';
import { sliceUnits } from '../../base/work.js';
import { makeApiLimits } from '../limits.js';
import { batchContext } from '../testing/batch-context.js';
import { MapMember } from '../testing/map-member.js';
import { BatchRun, type BatchContext } from './batch.js';
import type { BatchOperation } from './batch-request.js';
import { GetTurns } from './get-turns.js';

const limits = makeApiLimits();

/** A member whose reads are counted, by turns of the event loop. */
class CountedMember extends MapMember {
  #inTurn = 0;
  #ended = false;
  mostInTurn = 0;

  /** Until end(). */
  begin(): void {
    this.#inTurn = 0;
    if (!this.#ended) setImmediate(() => this.begin());
  }

  end(): void {
    this.#ended = true;
  }

  override rangeLocal(query: Parameters<MapMember['rangeLocal']>[0]): ReturnType<MapMember['rangeLocal']> {
    this.mostInTurn = Math.max(this.mostInTurn, ++this.#inTurn);
    return super.rangeLocal(query);
  }
}

function gets(count: number, last?: string): BatchOperation[] {
  const keys = Array.from({ length: count }, (_, at) => `key-${at}`);
  if (last !== undefined) keys.push(last);
  return keys.map((key) => ({ type: 'get', key: encodeUtf8(key), serializable: true }));
}

function put(key: string, value: Uint8Array): Parameters<MapMember['write']>[0] {
  return { type: 'put', key: encodeUtf8(key), value, lease: 0n, previous: false };
}

describe('the gets of batches', () => {
  it('share a slice of work in each turn of the event loop, however many there are', async () => {
    const member = new CountedMember();
    const services = { member, limits, turns: new GetTurns() };
    member.begin();
    const runs = Array.from({ length: 50 }, () => new BatchRun(services, batchContext()).run(gets(1000)));
    for (const results of await Promise.all(runs)) {
      assert.equal(results.length, 1000);
      assert.ok(results.every((each) => each.type === 'get'));
    }
    member.end();
    // What began in the same turn as the first may each have made one.
    assert.ok(member.mostInTurn <= sliceUnits + 50, `${member.mostInTurn} in one turn`);
  });

  it('take turns by connection: one batch is not behind all of another caller', async () => {
    const member = new MapMember();
    const services = { member, limits, turns: new GetTurns() };
    const connection = {};
    const ended: string[] = [];
    const run = (name: string, context: BatchContext, count: number): Promise<void> =>
      new BatchRun(services, context).run(gets(count)).then(() => void ended.push(name));
    const many = Array.from({ length: 20 }, () => run('many', batchContext({ connection }), 2000));
    await Promise.all([...many, run('one', batchContext(), 2000)]);
    assert.ok(ended.indexOf('one') <= 2, `${ended.indexOf('one')} ended before it`);
  });

  it('hold no more than there is room for, wherever a slice ends', async () => {
    const member = new MapMember();
    const valueSizeBytes = 1024;
    await member.write(put('large', Buffer.alloc(valueSizeBytes)));
    for (const misses of [0, 1, sliceUnits - 1, sliceUnits, sliceUnits + 1]) {
      const services = { member, limits, turns: new GetTurns() };
      const held = { sizeBytes: 0, most: 0 };
      const waiting: (() => void)[] = [];
      const room = {
        room: () => {
          if (held.sizeBytes < 2 * valueSizeBytes) return undefined;
          return new Promise<void>((resolve) => waiting.push(resolve));
        },
        gathered: (sizeBytes: number) => {
          held.sizeBytes += sizeBytes;
          held.most = Math.max(held.most, held.sizeBytes);
        },
      };
      const runs = Array.from({ length: 64 }, async () => {
        await new BatchRun(services, batchContext(room)).run(gets(misses, 'large'));
        held.sizeBytes -= valueSizeBytes + 'large'.length;
        waiting.shift()?.();
      });
      await Promise.all(runs);
      assert.ok(held.most <= 3 * valueSizeBytes, `${held.most} bytes held behind ${misses} misses`);
    }
  });

  it('end when the call is cut short while they wait', async () => {
    const services = { member: new MapMember(), limits, turns: new GetTurns() };
    const gone = new KvorumError('CANCELLED', 'the caller has gone');
    const cut: { short?: Error } = {};
    const context = {
      ...batchContext(),
      get cutShort() {
        return cut.short;
      },
    };
    const other = new BatchRun(services, batchContext()).run(gets(3000));
    const run = new BatchRun(services, context).run(gets(3000));
    setImmediate(() => (cut.short = gone));
    await assert.rejects(run, gone);
    assert.equal((await other).length, 3000);
  });
});
