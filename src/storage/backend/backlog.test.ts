import assert from 'node:assert/strict';
import { Prng, randomInt } from '../../base/prng.js';
import { itHoldsForSeeds } from '../../base/testing/seeds.js';
import type { Row } from '../../ports/backend.js';
import { Backlog } from './backlog.js';

const table = 'current';
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (part: Uint8Array): string => Buffer.from(part).toString();

/** A backlog above a map that stands for the disk, held against plain maps: of what is seen, and of each commit. */
class Twin {
  readonly #random: Prng;
  readonly #backlog = new Backlog();
  readonly #disk = new Map<string, string>();
  readonly #live = new Map<string, string>();
  readonly #commits = new Map<number, ReadonlyMap<string, string>>();
  #index = 0;

  constructor(seed: number) {
    this.#random = new Prng(seed);
  }

  #below(max: number): number {
    return randomInt(this.#random, max);
  }

  step(): void {
    const kind = this.#below(10);
    if (kind < 5) this.#change();
    else if (kind < 7) this.#commit();
    else if (kind === 7) this.#seal();
    else if (kind === 8) this.#write();
    else this.#look();
  }

  #change(): void {
    const key = keys[this.#below(keys.length)]!;
    const value = this.#below(2) === 0 ? undefined : `${this.#below(1000)}`;
    this.#backlog.set(table, bytes(key), value === undefined ? undefined : bytes(value));
    if (value === undefined) this.#live.delete(key);
    else this.#live.set(key, value);
  }

  #commit(): void {
    this.#backlog.commit({ index: ++this.#index, term: 1 });
    this.#commits.set(this.#index, new Map(this.#live));
  }

  #seal(): void {
    if (!this.#backlog.midBatch) this.#backlog.seal();
  }

  /** The oldest transaction goes to disk: what stands there then is what stood at its position. */
  #write(): void {
    const transaction = this.#backlog.next();
    if (transaction === undefined) return;
    for (const { key, value } of this.#backlog.changesOf(transaction)) {
      if (value === undefined) this.#disk.delete(text(key));
      else this.#disk.set(text(key), text(value));
    }
    this.#backlog.done();
    assert.deepEqual(sorted(this.#disk), sorted(this.#commits.get(transaction.position.index)!));
    if (this.#backlog.next() === undefined && !this.#backlog.hasOpen && !this.#backlog.midBatch) {
      assert.equal(this.#backlog.sizeBytes, 0);
    }
  }

  #look(): void {
    for (const reverse of [false, true]) {
      const inOrder = reverse ? sorted(this.#disk).reverse() : sorted(this.#disk);
      const below = inOrder.map(([key, value]) => ({ key: bytes(key), value: bytes(value) }));
      const expected = reverse ? sorted(this.#live).reverse() : sorted(this.#live);
      assert.deepEqual(shown(this.#backlog.over(table, { reverse }, below)), expected);
      const rows = [...this.#backlog.over(table, { reverse, withRemoved: true }, below)];
      assert.deepEqual(shown(rows.filter(({ removed }) => removed !== true)), expected);
      const removed = new Set(rows.filter((row) => row.removed === true).map(({ key }) => text(key)));
      for (const key of this.#disk.keys()) assert.equal(removed.has(key), !this.#live.has(key));
    }
    for (const key of keys) {
      const held = this.#backlog.get(table, bytes(key));
      const seen = held === undefined ? this.#disk.get(key) : held === null ? undefined : text(held);
      assert.equal(seen, this.#live.get(key));
    }
  }
}

function sorted(map: ReadonlyMap<string, string>): (readonly [string, string])[] {
  return [...map].sort(([left], [right]) => (left < right ? -1 : 1));
}

function shown(rows: Iterable<Row>): (readonly [string, string])[] {
  return Array.from(rows, ({ key, value }) => [text(key), text(value)] as const);
}

itHoldsForSeeds(
  'the backlog shows what is applied, and each transaction is what was committed up to it',
  50,
  [],
  (seed) => {
    const twin = new Twin(seed);
    for (let step = 0; step < 400; step++) twin.step();
  },
);
