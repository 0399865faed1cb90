import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvorumError } from '../base/errors.js';
import { Prng, randomInt } from '../base/prng.js';
import { Work } from '../base/work.js';
import type { Entry } from '../raft/types.js';
import { MemoryBackend } from '../storage/backend/memory-backend.js';
import type { Command } from './command.js';
import { encodeCommandBatch } from './command-codec.js';
import { stateDefaults, type StateLimits } from './keys/limits.js';
import type { RangeRead } from './keys/range-read.js';
import { decodeHistoryKey, type Place } from './keys/rows.js';
import { changesIn } from './keys/segment.js';
import { NaiveVersions, show } from './keys/testing/naive-versions.js';
import type { KeyRangeQuery, RangeAnswer } from './range.js';
import { StateMachine } from './state-machine.js';
import { initialState } from './testing/initial-state.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const text = (part: Uint8Array): string => Buffer.from(part).toString('latin1');
const end = '\0';
const oddKeys = ['\0', '\0\0', 'a', 'a\0', 'a\0\0', 'ab', 'b', 'b\xff', '\xff', `long${'x'.repeat(60)}`];

interface OpenRead {
  readonly query: KeyRangeQuery;
  readonly read: RangeRead;
  begun: boolean;
}

/** A state machine, and beside it what should be in it. */
class Run {
  readonly #random: Prng;
  readonly #keys: readonly string[];
  readonly #limits: StateLimits;
  #backend = new MemoryBackend();
  #machine: StateMachine;
  readonly #naive = new NaiveVersions();
  #alive = new Set<string>();
  #revision = 1;
  #compacted = -1;
  readonly #entries: Entry[] = [];
  #reads: OpenRead[] = [];

  constructor(seed: number) {
    this.#random = new Prng(BigInt(seed));
    this.#keys = [...oddKeys, ...Array.from({ length: this.#below(40) }, (_, nth) => `k${nth}`)];
    this.#limits = {
      ...stateDefaults,
      revisionSegmentSizeBytesMax: this.#pick([120, 300, 900]),
      versionsPerEntry: this.#pick([2, 64]),
    };
    this.#machine = StateMachine.initialise(this.#backend, initialState, { index: 1, term: 1 }, this.#limits);
  }

  #below(bound: number): number {
    return randomInt(this.#random, bound);
  }

  #chance(oneIn: number): boolean {
    return this.#below(oneIn) === 0;
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)]!;
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      if (this.#machine.applied.index - 1 < this.#entries.length) this.#applyNext();
      else if (this.#chance(3)) for (let count = 1 + this.#below(6); count > 0; count--) this.#other();
      else if (this.#chance(80)) this.#crash();
      else this.#propose();
    }
    while (this.#machine.applied.index - 1 < this.#entries.length) this.#applyNext();
    this.#checkEnd();
  }

  #propose(): void {
    const commands = Array.from({ length: this.#chance(15) ? 90 : 1 + this.#below(4) }, () =>
      this.#command(),
    );
    const data = encodeCommandBatch({ proposer: 1n, sequence: 1, commands });
    this.#entries.push({ term: 1, index: this.#entries.length + 2, type: 'normal', data });
  }

  /** Done to the twin at once. */
  #command(): Command {
    const key = this.#pick(this.#keys);
    const previous = this.#chance(3);
    const kind = this.#below(14);
    if (kind < 9) {
      const value = `v${this.#below(1000)}`.padEnd(this.#below(this.#chance(5) ? 2000 : 20), 'y');
      this.#naive.put(key, value, ++this.#revision);
      this.#alive.add(key);
      return { type: 'put', key: bytes(key), value: bytes(value), lease: 0n, previous };
    }
    if (kind < 11) {
      this.#remove([key]);
      return { type: 'delete-range', key: bytes(key), end: undefined, previous };
    }
    if (kind < 13) {
      const [from, to] = this.#bounds();
      this.#remove([...this.#alive].filter((each) => each >= from && (to === end || each < to)));
      return { type: 'delete-range', key: bytes(from), end: bytes(to), previous };
    }
    const revision = Math.max(0, this.#revision - this.#below(12));
    this.#compacted = Math.max(this.#compacted, revision);
    return { type: 'compact', revision };
  }

  #remove(keys: readonly string[]): void {
    const found = keys.filter((key) => this.#alive.delete(key));
    if (found.length > 0) this.#revision++;
    for (const key of found) this.#naive.delete(key, this.#revision);
  }

  #bounds(): readonly [string, string] {
    const from = this.#chance(3) ? end : this.#pick(this.#keys);
    const to = this.#chance(3) ? end : this.#pick(this.#keys);
    return [from, to === end || to > from ? to : from];
  }

  /** In slices, with whatever else there is between them, or until it crashes. */
  #applyNext(): void {
    const entry = this.#entries[this.#machine.applied.index - 1]!;
    for (;;) {
      const applied = this.#machine.apply(entry, new Work(1 + this.#below(10)));
      if (applied !== undefined || !this.#chance(3)) this.#machine.commit();
      if (applied !== undefined) return;
      if (this.#chance(2)) this.#other();
      if (this.#chance(40)) {
        this.#crash();
        return;
      }
    }
  }

  #other(): void {
    const kind = this.#below(10);
    if (kind < 3) {
      this.#machine.compactSlice(new Work(1 + this.#below(12)));
      this.#machine.commit();
    } else if (kind < 5 && this.#reads.length < 6) this.#open();
    else if (this.#reads.length > 0) this.#goOn(this.#pick(this.#reads));
  }

  #open(): void {
    const [from, to] = this.#bounds();
    const oldest = Math.max(this.#machine.compactRevision, 1);
    const some = oldest + this.#below(this.#machine.revision - oldest + 1);
    const paged = this.#chance(3);
    const query: KeyRangeQuery = {
      key: bytes(from),
      end: bytes(to),
      revision: this.#chance(2) ? 0 : some,
      limit: paged || this.#chance(2) ? 0 : 1 + this.#below(5),
      reverse: this.#chance(2),
      keysOnly: this.#chance(4),
      countOnly: !paged && this.#chance(6),
      ...(paged && { pageOnly: true, unitsMax: 1 + this.#below(30) }),
    };
    this.#reads.push({ query, read: this.#machine.read(query), begun: false });
  }

  #goOn(open: OpenRead): void {
    const answer = this.#stepOf(open);
    if (answer === undefined && !this.#chance(20)) return;
    if (answer !== undefined && answer !== 'overtaken') this.#check(open.query, answer);
    open.read.close();
    this.#reads = this.#reads.filter((each) => each !== open);
  }

  /** A read is safe from the compaction from its first step on. */
  #stepOf(open: OpenRead): RangeAnswer | 'overtaken' | undefined {
    const mayBeOvertaken = !open.begun;
    open.begun = true;
    try {
      return open.read.step(new Work(1 + this.#below(8)));
    } catch (error) {
      if (mayBeOvertaken && error instanceof KvorumError && error.code === 'REVISION_COMPACTED') {
        return 'overtaken';
      }
      throw error;
    }
  }

  #check(query: KeyRangeQuery, answer: RangeAnswer): void {
    const revision = query.revision === 0 ? answer.revision : query.revision;
    const all = this.#naive.range(text(query.key), text(query.end), revision, query.keysOnly === true);
    if (query.reverse === true) all.reverse();
    const shown = answer.items.map(show);
    if (query.unitsMax !== undefined) {
      assert.deepEqual(shown, all.slice(0, shown.length));
      if (answer.next === undefined) assert.equal(shown.length, all.length);
      else this.#checkRest(query, revision, answer.next, all.slice(shown.length));
      return;
    }
    assert.equal(answer.count, all.length);
    const wanted = query.countOnly === true ? 0 : query.limit === 0 ? all.length : query.limit;
    assert.deepEqual(shown, all.slice(0, wanted));
  }

  /** A further page from `next` on would show the rest. */
  #checkRest(query: KeyRangeQuery, revision: number, next: Uint8Array, rest: readonly string[]): void {
    const keysOnly = query.keysOnly === true;
    const left =
      query.reverse === true
        ? this.#naive.range(text(query.key), text(next), revision, keysOnly).reverse()
        : this.#naive.range(text(next), text(query.end), revision, keysOnly);
    assert.deepEqual(left, rest);
  }

  #crash(): void {
    this.#reads = [];
    const { unflushedCommits, flushed } = this.#backend;
    const lost = this.#below(Math.min(unflushedCommits, 25) + 1);
    // The first commit is the cluster's beginning.
    this.#backend = this.#backend.crash(Math.max(unflushedCommits - lost, flushed.index === 0 ? 1 : 0));
    this.#machine = new StateMachine(this.#backend, this.#limits);
  }

  #checkEnd(): void {
    const machine = this.#machine;
    assert.deepEqual([machine.revision, machine.compactRevision], [this.#revision, this.#compacted]);
    for (const { read } of this.#reads) read.close();
    for (let slices = 0; machine.compactionPending; slices++) {
      assert.ok(slices < 10_000, 'the compaction ends');
      machine.compactSlice(new Work(20));
      machine.commit();
    }
    for (let revision = Math.max(this.#compacted, 1); revision <= this.#revision; revision++) {
      const query = { key: bytes(end), end: bytes(end), revision, limit: 0 };
      this.#check(query, machine.read(query).step(Work.unbounded())!);
    }
    this.#checkNothingIsLeft();
  }

  /** Each entry of the past belongs to a change that the log has, or is a version that such a change names. */
  #checkNothingIsLeft(): void {
    const name = (key: Uint8Array, place: Place): string => `${text(key)} ${place.revision}.${place.sub}`;
    const inLog = new Set<string>();
    const named = new Set<string>();
    for (const { value } of this.#backend.range('revisions', {})) {
      for (const { key, place, previous } of changesIn(value, { revision: 0, sub: 0 })) {
        inLog.add(name(key, place));
        named.add(name(key, previous));
      }
    }
    for (const { key: row, value } of this.#backend.range('history', {})) {
      const { key, place } = decodeHistoryKey(row);
      const known = value.length === 0 ? inLog : named;
      assert.ok(known.has(name(key, place)), `${JSON.stringify(name(key, place))} is left over`);
    }
  }
}

void test('slices, reads that go on, compaction and crashes, all mixed: what is seen is what was written', () => {
  const given = process.env.KVORUM_SEED;
  const first = Number(given ?? Math.floor(Math.random() * 2 ** 32));
  const count = given === undefined ? 25 : 1;
  for (let seed = first; seed < first + count; seed++) {
    try {
      new Run(seed).run(400);
    } catch (error) {
      console.log(`replay with KVORUM_SEED=${seed}`);
      throw error;
    }
  }
});
