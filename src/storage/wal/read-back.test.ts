import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KvorumError } from '../../base/errors.js';
import { Prng, randomInt } from '../../base/prng.js';
import type { Entry } from '../../raft/types.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { extentEntriesMax, extentSizeBytesMax } from './extents.js';
import { entry, owner, small } from './testing/history.js';
import { Wal } from './wal.js';

/** All entries from `from` to the end, as often as must be read. */
async function readAll(wal: Wal, from: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let next = from; ; next = entries.at(-1)!.index + 1) {
    const read = await wal.read(next);
    if (read === undefined) return entries;
    assert.equal(read[0]?.index, next);
    entries.push(...read);
  }
}

describe('the log is read back', () => {
  it('from any entry on, across segments', async () => {
    const wal = await Wal.create(new MemoryDisk(), 'wal', small, owner);
    const entries = Array.from({ length: 60 }, (_, at) => entry(at + 1, 1, 300));
    for (const each of entries) await wal.append({ hardState: { commit: each.index - 1 }, entries: [each] });
    for (const from of [1, 2, 30, 59, 60])
      assert.deepEqual(await readAll(wal, from), entries.slice(from - 1));
    assert.equal(await wal.read(61), undefined);
    assert.equal(await wal.read(0), undefined);
  });

  it('a bounded part at a time, and one large entry alone', async () => {
    const wal = await Wal.create(new MemoryDisk(), 'wal', {}, owner);
    const entries = Array.from({ length: 40 }, (_, at) => entry(at + 1, 1, 100_000));
    await wal.append({ entries });
    await wal.append({ entries: [entry(41, 1, 3_000_000), entry(42, 1)] });
    const first = (await wal.read(1))!;
    const sizeBytes = first.reduce((sum, { data }) => sum + data.length, 0);
    assert.ok(sizeBytes <= extentSizeBytesMax && sizeBytes > extentSizeBytesMax / 2, `${sizeBytes}`);
    assert.equal((await wal.read(41))!.length, 1);
    assert.equal((await readAll(wal, 1)).length, 42);
  });

  it('with one line of memory for many entries, of which few are decoded at once', async () => {
    const wal = await Wal.create(new MemoryDisk(), 'wal', {}, owner);
    const count = 10 * extentEntriesMax;
    for (let index = 1; index <= count; index += 100) {
      const entries = Array.from({ length: 100 }, (_, at) => entry(index + at, 1));
      await wal.append({ hardState: { commit: index - 1 }, entries });
    }
    assert.equal([...wal.sizes()].length, 10);
    assert.equal((await wal.read(1))!.length, extentEntriesMax);
    assert.equal((await readAll(wal, 1)).length, count);
  });

  it('as it is after random appends, overwrites, cuts, resets and starts', async () => {
    for (let seed = 1; seed <= 60; seed++) await new RandomLog(seed).run();
  });

  it('while segments are cut away: what is being read is there until it has been', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    for (let index = 1; index <= 60; index++) await wal.append({ entries: [entry(index, 1, 300)] });
    const operations: string[] = [];
    disk.faults = (operation) => void operations.push(operation);
    const reading = wal.read(1);
    const cutting = wal.cut(50);
    assert.equal((await reading)![0]!.index, 1);
    await cutting;
    assert.ok(operations.indexOf('read') < operations.indexOf('remove'), operations.join());
    assert.equal(await wal.read(1), undefined);
    assert.equal((await wal.read(51))![0]!.index, 51);
    await wal.close();
    assert.equal(await wal.read(51), undefined);
  });

  it('and what is damaged there is told', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    for (let index = 1; index <= 60; index++) await wal.append({ entries: [entry(index, 1, 300)] });
    const [segment] = await disk.list('wal');
    const file = await disk.open(`wal/${segment!}`);
    await file.write(1000, [new Uint8Array([1, 2, 3])]);
    await file.close();
    await assert.rejects(readAll(wal, 1), (error: KvorumError) => {
      return error.code === 'DATA_DAMAGED' && /damaged at offset \d+/.test(error.message);
    });
  });
});

/** A log, and beside it in memory what it must hold. */
class RandomLog {
  readonly #seed: number;
  readonly #random: Prng;
  readonly #disk = new MemoryDisk();
  #first = 1;
  /** What is before it may be cut. */
  #kept = 1;
  #term = 1;
  #entries: Entry[] = [];

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new Prng(seed);
  }

  #below(bound: number): number {
    return randomInt(this.#random, bound);
  }

  get #last(): number {
    return this.#first + this.#entries.length - 1;
  }

  async run(): Promise<void> {
    let wal = await Wal.create(this.#disk, 'wal', small, owner);
    for (let step = 0; step < 60; step++) {
      const dice = this.#below(20);
      if (dice < 12) await this.#append(wal);
      else if (dice < 15) await this.#cut(wal);
      else if (dice < 16) await this.#reset(wal);
      else if (dice < 18) wal = await this.#reopen(wal);
      const from = this.#kept + this.#below(5);
      const expected = this.#entries.slice(from - this.#first);
      assert.deepEqual(await readAll(wal, from), expected, `seed ${this.#seed}, step ${step}`);
    }
    await wal.close();
    assert.equal(this.#disk.openCount, 0);
  }

  async #append(wal: Wal): Promise<void> {
    const begin =
      this.#below(4) === 0 ? Math.max(this.#kept, this.#last + 1 - this.#below(8)) : this.#last + 1;
    if (begin <= this.#last) this.#term++;
    const added = Array.from({ length: 1 + this.#below(5) }, (_, at) => {
      return entry(begin + at, this.#term, this.#below(700));
    });
    this.#entries = [...this.#entries.slice(0, begin - this.#first), ...added];
    await wal.append({
      ...(this.#below(2) === 0 && { hardState: { term: this.#term } }),
      entries: added,
    });
  }

  async #cut(wal: Wal): Promise<void> {
    this.#kept = Math.max(this.#kept, this.#first + this.#below(this.#entries.length + 1));
    await wal.cut(this.#kept - 1);
  }

  async #reset(wal: Wal): Promise<void> {
    this.#kept = this.#first = this.#last + 1 + this.#below(5);
    this.#entries = [];
    await wal.reset({ index: this.#first - 1, term: this.#term });
  }

  async #reopen(before: Wal): Promise<Wal> {
    await before.close();
    const { wal, recovered } = await Wal.open(this.#disk, 'wal', small, owner, this.#kept);
    const behind = this.#entries.filter(({ index }) => index > this.#kept);
    assert.deepEqual(recovered.entries, behind, `seed ${this.#seed}`);
    assert.equal(recovered.terms.lastIndex, this.#last);
    return wal;
  }
}
