import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KvorumError } from '../../base/errors.js';
import { Prng, randomInt, type RandomSource } from '../../base/prng.js';
import { Work } from '../../base/work.js';
import { MemoryBackend } from '../../storage/backend/memory-backend.js';
import type { KeyRangeQuery, RangeAnswer } from '../range.js';
import { KeySpace } from './key-space.js';
import { stateDefaults } from './limits.js';
import type { RangeRead } from './range-read.js';
import { NaiveVersions, show } from './testing/naive-versions.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

class Store {
  readonly backend = new MemoryBackend();
  readonly keys: KeySpace;
  readonly twin = new NaiveVersions();
  #index = 0;

  constructor(revisionSegmentSizeBytesMax = 400) {
    this.keys = new KeySpace(this.backend, { ...stateDefaults, revisionSegmentSizeBytesMax });
  }

  put(key: string, value: string): void {
    this.keys.write((txn) => txn.put(bytes(key), bytes(value), 0n, false));
    this.twin.put(key, value, this.keys.revision);
    this.commit();
  }

  delete(key: string): void {
    this.keys.write((txn) => txn.delete(bytes(key)));
    this.twin.delete(key, this.keys.revision);
    this.commit();
  }

  commit(): void {
    this.keys.compactSlice(new Work(60));
    this.keys.save();
    this.backend.commit({ index: ++this.#index, term: 1 });
  }
}

/** Keys of one, two or three characters, so that some begin as others do; one is written very often. */
function randomKey(random: RandomSource): string {
  if (randomInt(random, 3) === 0) return 'often';
  let key = '';
  for (let count = 1 + randomInt(random, 3); count > 0; count--)
    key += ['\0', 'a', 'o', 'ÿ'][randomInt(random, 4)]!;
  return key;
}

function act(store: Store, random: RandomSource): void {
  const kind = randomInt(random, 24);
  const key = randomKey(random);
  if (kind < 18)
    store.put(key, String(randomInt(random, 1000)).padEnd(randomInt(random, 8) === 0 ? 500 : 0, '.'));
  else if (kind < 23) store.delete(key);
  else if (randomInt(random, 6) === 0) {
    const { compactRevision, revision } = store.keys;
    store.keys.compact(compactRevision + randomInt(random, Math.max(1, revision - compactRevision + 1)));
    store.commit();
  }
}

function randomQuery(store: Store, random: RandomSource): KeyRangeQuery {
  const oldest = Math.max(1, store.keys.compactRevision);
  const isNewest = randomInt(random, 3) === 0;
  return {
    key: bytes(randomInt(random, 2) === 0 ? '\0' : randomKey(random)),
    end: bytes(randomInt(random, 2) === 0 ? '\0' : randomKey(random)),
    revision: isNewest ? 0 : oldest + randomInt(random, store.keys.revision - oldest + 1),
    limit: randomInt(random, 2) === 0 ? 0 : 1 + randomInt(random, 5),
    reverse: randomInt(random, 2) === 0,
    keysOnly: randomInt(random, 3) === 0,
    countOnly: randomInt(random, 4) === 0,
    unitsMax: undefined,
  };
}

/** One step after the other, with writes and compactions between them. */
function readAmongWrites(
  store: Store,
  read: RangeRead,
  random: RandomSource,
  steps: { count: number },
): RangeAnswer {
  for (;;) {
    steps.count++;
    const answer = read.step(new Work(1 + randomInt(random, 12)));
    if (answer !== undefined) return answer;
    for (let writes = randomInt(random, 4); writes > 0; writes--) act(store, random);
  }
}

function code(expected: string) {
  return (error: unknown): boolean => error instanceof KvorumError && error.code === expected;
}

const all = { key: bytes('\0'), end: bytes('\0'), limit: 0 } as const;

describe('a read in steps', () => {
  const seeds = process.env.KVORUM_SEED === undefined ? 40 : 1;
  const firstSeed = Number(process.env.KVORUM_SEED ?? 1);

  it(`shows one revision, whatever is written and compacted meanwhile (${seeds} seeds from KVORUM_SEED=${firstSeed})`, () => {
    const steps = { count: 0 };
    let [answered, passed] = [0, 0];
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const random = new Prng(seed);
      const store = new Store();
      for (let write = 0; write < 200; write++) act(store, random);
      for (let reads = 0; reads < 40; reads++) {
        const query = randomQuery(store, random);
        const revision = query.revision === 0 ? store.keys.revision : query.revision;
        const answer = readAmongWrites(store, store.keys.read(query), random, steps);
        assert.equal(store.keys.oldestPinned, undefined);
        answered++;
        if (store.keys.compactRevision > revision) passed++;
        const [key, end] = [query.key, query.end].map((each) => Buffer.from(each).toString('latin1')) as [
          string,
          string,
        ];
        const wanted = store.twin.range(key, end, revision, query.keysOnly === true);
        if (query.reverse === true) wanted.reverse();
        const where = `seed ${seed}, read ${reads}`;
        assert.equal(answer.count, wanted.length, where);
        const items =
          query.countOnly === true ? [] : wanted.slice(0, query.limit === 0 ? undefined : query.limit);
        assert.deepEqual(answer.items.map(show), items, where);
        if (query.revision === 0) assert.equal(answer.revision, revision);
      }
    }
    assert.ok(
      steps.count > 3 * answered && passed > 0,
      `${steps.count} steps, ${answered} answers, ${passed} passed by a compaction`,
    );
  });

  it('goes on from page to page without a gap and without a key twice', () => {
    const steps = { count: 0 };
    for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
      const random = new Prng(seed);
      const store = new Store();
      for (let write = 0; write < 200; write++) act(store, random);
      for (let listings = 0; listings < 20; listings++) {
        let query: KeyRangeQuery = { ...randomQuery(store, random), countOnly: false, pageOnly: true };
        const revision = query.revision === 0 ? store.keys.revision : query.revision;
        const [key, end] = [query.key, query.end].map((each) => Buffer.from(each).toString('latin1')) as [
          string,
          string,
        ];
        const found: string[] = [];
        let answer: RangeAnswer | undefined;
        do {
          if (revision < store.keys.compactRevision) break;
          const unitsMax = randomInt(random, 3) === 0 ? undefined : 1 + randomInt(random, 20);
          answer = readAmongWrites(store, store.keys.read({ ...query, unitsMax }), random, steps);
          found.push(...answer.items.map(show));
          assert.equal(answer.count, answer.items.length);
          assert.equal(answer.next === undefined, !answer.more);
          if (answer.next === undefined) break;
          const asked = query;
          query = {
            ...query,
            revision,
            ...(query.reverse === true ? { end: answer.next } : { key: answer.next }),
          };
          assert.notDeepEqual([query.key, query.end], [asked.key, asked.end], 'a page gets further');
        } while (answer.more);
        if (answer === undefined || answer.more) continue;
        const wanted = store.twin.range(key, end, revision, query.keysOnly === true);
        assert.deepEqual(
          found,
          query.reverse === true ? wanted.reverse() : wanted,
          `seed ${seed}, listing ${listings}`,
        );
      }
    }
  });

  it('gets further in every step, however little work that is', () => {
    const store = new Store();
    for (let at = 0; at < 200; at++) {
      if (at % 7 === 0) store.delete(`key ${at % 10}`);
      else store.put(`key ${at % 10}`, String(at));
    }
    for (const reverse of [false, true]) {
      for (const revision of [0, 50, 100]) {
        const read = store.keys.read({ ...all, revision, reverse });
        let steps = 1;
        while (read.step(new Work(0.001)) === undefined) steps++;
        assert.ok(steps < 300, `${steps} steps`);
      }
    }
  });

  it('pins the revision that it shows as long as it goes on', () => {
    const store = new Store();
    for (const key of ['a', 'b', 'c']) store.put(key, '1');
    const reads = [0, 2].map((revision) => store.keys.read({ ...all, revision }));
    for (const read of reads) assert.equal(read.step(new Work(1)), undefined);
    assert.equal(store.keys.oldestPinned, 2);
    reads[1]!.close();
    assert.equal(store.keys.oldestPinned, 4);
    store.put('b', '2');
    assert.deepEqual(
      reads[0]!.step(Work.unbounded())!.items.map(({ modRevision }) => modRevision),
      [2, 3, 4],
    );
    assert.equal(store.keys.oldestPinned, undefined);
    const release = store.keys.pin(3);
    assert.equal(store.keys.oldestPinned, 3);
    release();
    release();
    assert.equal(store.keys.oldestPinned, undefined);
  });

  it('keeps what it needs from being removed, as long as it goes on', () => {
    const store = new Store(200);
    for (let at = 0; at < 40; at++) store.put(`key ${at % 4}`, String(at));
    const read = store.keys.read({ ...all, revision: 5 });
    assert.equal(read.step(new Work(1)), undefined);
    store.keys.compact(store.keys.revision);
    const segments = (): number => [...store.backend.range('revisions', {})].length;
    const before = segments();
    for (let step = 0; step < 20; step++) store.commit();
    assert.equal(segments(), before);
    assert.deepEqual(read.step(Work.unbounded())?.items.map(show), store.twin.range('\0', '\0', 5, false));
    assert.equal(store.keys.oldestPinned, undefined);
    for (let step = 0; step < 20; step++) store.commit();
    assert.ok(segments() < before);
    assert.throws(() => store.keys.read({ ...all, revision: 5 }), code('REVISION_COMPACTED'));
    assert.throws(() => store.keys.read({ ...all, revision: 99 }), code('REVISION_IN_FUTURE'));
  });

  it('begins again when the whole content was replaced', async () => {
    const [store, other] = [new Store(), new Store()];
    for (const key of ['a', 'b', 'c']) store.put(key, 'old');
    for (const key of ['b', 'c', 'd', 'e']) other.put(key, 'new');
    const read = store.keys.read({ ...all, revision: 0 });
    const past = store.keys.read({ ...all, revision: 2 });
    assert.equal(read.step(new Work(2)), undefined);
    assert.equal(past.step(new Work(2)), undefined);
    other.keys.compact(4);
    other.commit();
    await other.backend.flush();
    const [view, install] = [await other.backend.view(), await store.backend.beginInstall()];
    const rows = [...view.rows()];
    await install.add(rows);
    view.close();
    await install.prepare({ index: 1000, term: 1 }, rows.length);
    await install.activate(() => store.keys.reload());
    assert.deepEqual(
      read.step(Work.unbounded())!.items.map(({ key, value }) => Buffer.concat([key, value]).toString()),
      ['bnew', 'cnew', 'dnew', 'enew'],
    );
    assert.throws(() => past.step(Work.unbounded()), code('REVISION_COMPACTED'));
  });
});
