import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { encodeUtf8 } from '../base/bytes.js';
import { promised } from '../base/completion.js';
import { KvorumError } from '../base/errors.js';
import { encodeCommandBatch } from '../fsm/command-codec.js';
import type { KeyRangeQuery, RangeAnswer } from '../fsm/range.js';
import { StateMachine } from '../fsm/state-machine.js';
import { VirtualClock } from '../ports/virtual-clock.js';
import { emptyConfig } from '../raft/config-change.js';
import { MemoryBackend } from '../storage/backend/memory-backend.js';
import { memberDefaults } from './options.js';
import { RangeReads } from './range-reads.js';
import { get, put } from './testing/key-values.js';
import { MemoryCluster } from './testing/memory-cluster.js';
import type { ReadOptions } from './types.js';

const all: KeyRangeQuery = { key: Uint8Array.of(0), end: Uint8Array.of(0), revision: 0, limit: 0 };
const keyCount = 50;

/** Its time passes with turns that wait. */
class SlowClock extends VirtualClock {
  laterMs = 0;

  override monotonicMs(): number {
    return super.monotonicMs() + this.laterMs;
  }
}

/** Reads of a state of fifty keys, some keys a slice, in turns of a clock that stands still. */
class Bench {
  readonly clock = new SlowClock();
  readonly machine: StateMachine;
  readonly reads: RangeReads;
  ownTurns = 0;
  /** What ended, in order. */
  readonly ended: string[] = [];

  constructor(readSliceUnits: number, rangeReadsMax = memberDefaults.rangeReadsMax) {
    const initial = {
      clusterId: 1n,
      config: { ...emptyConfig, voters: [1n] },
      members: [],
      featureLevel: 1,
    };
    this.machine = StateMachine.initialise(new MemoryBackend(), initial, { index: 1, term: 1 });
    for (let at = 0; at < keyCount; at++) this.write(`key ${at}`);
    this.reads = new RangeReads({
      machine: this.machine,
      clock: this.clock,
      options: { ...memberDefaults, readSliceUnits, rangeReadsMax },
      ownTurnFirst: () => {
        this.ownTurns++;
      },
      failed: (error) => assert.ok(error instanceof KvorumError, String(error)),
    });
  }

  write(key: string): void {
    const command = { key: encodeUtf8(key), value: encodeUtf8('v'), lease: 0n, previous: false };
    const data = encodeCommandBatch({ proposer: 1n, sequence: 1, commands: [{ type: 'put', ...command }] });
    this.machine.apply({ term: 1, index: this.machine.applied.index + 1, type: 'normal', data });
    this.machine.commit();
  }

  read(name: string, query: KeyRangeQuery, options?: ReadOptions): Promise<RangeAnswer> {
    const answered = promised<RangeAnswer>((completion) => {
      const noted = {
        resolve: (answer: RangeAnswer) => {
          this.ended.push(name);
          completion.resolve(answer);
        },
        reject: (error: unknown) => {
          this.ended.push(`${name} ${(error as KvorumError).code}`);
          completion.reject(error);
        },
      };
      this.reads.enter(this.reads.call(query, options, noted));
    });
    // Looked at later, if at all.
    answered.catch(() => undefined);
    return answered;
  }
}

describe('reads of ranges', () => {
  it('take turns, a slice in each turn behind the own one, and show one revision', async () => {
    const bench = new Bench(10);
    const [long, other] = [bench.read('long', { ...all, countOnly: true }), bench.read('other', all)];
    const short = bench.read('short', { ...all, limit: 2, pageOnly: true });
    let turns = 0;
    while (bench.clock.turnsPending) {
      bench.clock.runTurn();
      assert.equal(bench.ownTurns, ++turns);
      bench.write(`later ${turns}`);
    }
    assert.equal(bench.ended[0], 'short', 'it is not behind the long ones');
    assert.ok(turns > 10, `${turns} turns`);
    assert.equal((await long).count, keyCount);
    assert.equal((await long).revision, keyCount + 1);
    // It began a turn, and a write, later.
    assert.equal((await other).items.length, (await other).revision - 1);
    assert.equal((await short).items.length, 2);
    assert.equal(bench.machine.keys.oldestPinned, undefined);
  });

  it('share a slice where they are short', () => {
    const bench = new Bench(400);
    for (let at = 0; at < 6; at++) void bench.read(String(at), all);
    bench.clock.runTurn();
    assert.equal(bench.ended.length, 6);
    assert.equal(bench.clock.turnsPending, false);
  });

  it('end when their caller has gone, or their time is over, and let go of their revision', () => {
    const bench = new Bench(5);
    const caller: { gone?: Error } = {};
    const options = {
      get cutShort() {
        return caller.gone;
      },
    };
    const gathered: number[] = [];
    void bench.read('cancelled', all, options);
    void bench.read('late', all, { timeoutMs: 100 });
    void bench.read('goes on', all, { gathered: (sizeBytes) => void gathered.push(sizeBytes) });
    for (let turn = 0; turn < 3; turn++) bench.clock.runTurn();
    assert.deepEqual(bench.ended, []);
    assert.notEqual(bench.machine.keys.oldestPinned, undefined);
    caller.gone = new Error('the connection was lost');
    bench.clock.runTurn();
    assert.deepEqual(bench.ended, ['cancelled CANCELLED']);
    bench.clock.laterMs = 100;
    bench.clock.runTurns();
    assert.deepEqual(bench.ended, ['cancelled CANCELLED', 'late DEADLINE_EXCEEDED', 'goes on']);
    assert.ok(gathered.length > 5 && gathered.every((sizeBytes) => sizeBytes > 0));
    assert.equal(bench.machine.keys.oldestPinned, undefined);
  });

  it('are refused beyond their limit, and when the member ends', () => {
    const bench = new Bench(5, 2);
    void bench.read('first', all);
    void bench.read('second', all);
    void bench.read('third', all);
    assert.deepEqual(bench.ended, []);
    assert.throws(
      () => bench.reads.call(all, undefined, { resolve: () => assert.fail(), reject: () => assert.fail() }),
      /rangeReadsMax: 2 reads of ranges are under way already/,
    );
    bench.clock.runTurn();
    bench.reads.close(new KvorumError('MEMBER_STOPPING', 'this member is stopping'));
    assert.deepEqual(bench.ended.sort(), ['first MEMBER_STOPPING', 'second MEMBER_STOPPING']);
    void bench.read('late', all);
    assert.deepEqual(bench.ended.slice(2), ['late MEMBER_STOPPING']);
    assert.equal(bench.machine.keys.oldestPinned, undefined);
  });
});

void test('a member serves other calls between the slices of a read', async () => {
  const cluster = await MemoryCluster.of(1, 12, { readSliceUnits: 3 });
  const { member } = cluster.machines[0]!;
  for (let at = 0; at < 100; at++) await cluster.settled(put(member, `key ${at}`, 'old'));
  const { revision } = member.status();
  const ended: string[] = [];
  const note = (name: string) => (): void => void ended.push(name);
  let slices = 0;
  const gathered = (): void => {
    if (++slices > 1) return;
    void put(member, 'key 99', 'new').then(note('put'));
    void get(member, 'key 1').then(note('get'));
  };
  const range = member.range(all, { gathered });
  void range.then(note('range'));
  const answer = await cluster.settled(range);
  assert.deepEqual(ended, ['get', 'put', 'range']);
  assert.equal(answer.revision, revision);
  assert.ok(answer.items.every(({ value }) => Buffer.from(value).toString() === 'old'));
  assert.throws(() => member.rangeLocal(all), /a range is read in slices/);
});
