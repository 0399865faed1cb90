import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { compareBytes } from '../../base/bytes.js';
import { Prng, randomInt, type RandomSource } from '../../base/prng.js';
import { itHoldsForSeeds } from '../../base/testing/seeds.js';
import { tableNames, type AppliedPosition, type Row, type TableName } from '../../ports/backend.js';
import { RealClock } from '../../ports/real-clock.js';
import { LmdbBackend } from './lmdb-backend.js';
import type { ShrinkOptions, ShrinkReport } from './lmdb-shrinker.js';

const clock = new RealClock();

/** Begins at once, and goes through a small state in many slices. */
const eager: Partial<ShrinkOptions> = {
  intervalMs: 1,
  fileSizeBytesMin: 0,
  sliceRowsMax: 20,
  timeShareMax: 0.9,
  spareSizeBytes: 0,
};

interface Opened {
  readonly folder: string;
  readonly backend: LmdbBackend;
  /** The next one. */
  readonly report: () => Promise<ShrinkReport>;
}

async function open(folder: string, shrink: Partial<ShrinkOptions>): Promise<Opened> {
  const reports = new EventEmitter();
  const onShrink = (report: ShrinkReport): void => void reports.emit('report', report);
  const options = { clock, flushIntervalMs: 1, flushKeysMax: 50, shrink, onShrink };
  const backend = await LmdbBackend.open(folder, options);
  const report = async (): Promise<ShrinkReport> => ((await once(reports, 'report')) as [ShrinkReport])[0];
  return { folder, backend, report };
}

function temporaryFolder(t?: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-shrink-'));
  t?.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What a backend should hold, in plain maps. */
class Model {
  readonly #tables = new Map(tableNames.map((name) => [name, new Map<string, Row>()]));

  set(table: TableName, key: Uint8Array, value: Uint8Array | undefined): void {
    const rows = this.#tables.get(table)!;
    if (value === undefined) rows.delete(Buffer.from(key).toString('latin1'));
    else rows.set(Buffer.from(key).toString('latin1'), { key, value });
  }

  rows(table: TableName): Row[] {
    return [...this.#tables.get(table)!.values()].sort((left, right) => compareBytes(left.key, right.key));
  }

  get rowCount(): number {
    return [...this.#tables.values()].reduce((sum, rows) => sum + rows.size, 0);
  }
}

const digest = (rows: Iterable<Row>): string[] =>
  [...rows].map(({ key, value }) => `${Buffer.from(key).toString('latin1')}=${value.length}/${value[0]}`);

/** Writes to a backend and to the model of it. */
class Writer {
  readonly model = new Model();
  backend: LmdbBackend;
  index: number;

  constructor(backend: LmdbBackend) {
    this.backend = backend;
    this.index = backend.applied.index;
  }

  set(table: TableName, key: Uint8Array, value: Uint8Array | undefined): void {
    if (value === undefined) this.backend.delete(table, key);
    else this.backend.put(table, key, value);
    this.model.set(table, key, value);
  }

  commit(): AppliedPosition {
    const position = { index: ++this.index, term: 1 };
    this.backend.commit(position);
    return position;
  }

  check(where: string): void {
    for (const table of tableNames) {
      assert.deepEqual(digest(this.backend.range(table, {})), digest(this.model.rows(table)), where);
    }
  }
}

const numbered = (at: number): Buffer => Buffer.from(`key-${String(at).padStart(6, '0')}`);

/** Some megabytes, of which only each 20th row is left. */
async function sparse(folder: string): Promise<Writer> {
  const { backend } = await open(folder, { intervalMs: 1e6 });
  const writer = new Writer(backend);
  for (const keep of [1, 20]) {
    for (let at = 0; at < 4000; at++) {
      const table = tableNames[at % tableNames.length]!;
      if (keep === 1) writer.set(table, numbered(at), Buffer.alloc(1000, at));
      else if (at % keep > 0) writer.set(table, numbered(at), undefined);
      if (at % 500 === 499) {
        writer.commit();
        await backend.flush();
      }
    }
  }
  return writer;
}

async function reopen(writer: Writer, folder: string, shrink: Partial<ShrinkOptions>): Promise<Opened> {
  await writer.backend.close();
  const opened = await open(folder, shrink);
  writer.backend = opened.backend;
  return opened;
}

const states = (folder: string): string[] => readdirSync(folder).filter((name) => name.startsWith('state-'));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a state file most of which is free', () => {
  it('gets smaller, with all that it holds, and stays so', async (t) => {
    const folder = temporaryFolder(t);
    const writer = await sparse(folder);
    const { backend, report } = await reopen(writer, folder, eager);
    const before = backend.sizeBytes();
    const { outcome, sizeBytesBefore, sizeBytesAfter } = await report();
    assert.deepEqual([outcome, sizeBytesBefore], ['shrunk', before]);
    assert.ok(sizeBytesAfter < before / 8, `${before} to ${sizeBytesAfter} bytes`);
    assert.equal(backend.sizeBytes(), sizeBytesAfter);
    writer.check('at once');
    assert.deepEqual(backend.flushed, { index: writer.index, term: 1 });
    writer.set('current', numbered(1), Buffer.from('later'));
    writer.commit();
    await reopen(writer, folder, { intervalMs: 1e6 });
    writer.check('at the next start');
    assert.equal(readFileSync(join(folder, 'CURRENT'), 'utf8'), '2');
    assert.deepEqual(states(folder), ['state-2']);
    await writer.backend.close();
  });

  it('is left alone when it is small, when little of it is free, and when the disk has no space', async (t) => {
    const folder = temporaryFolder(t);
    const writer = await sparse(folder);
    for (const shrink of [
      { ...eager, fileSizeBytesMin: 64 * 1024 * 1024 },
      { ...eager, freeShareMin: 0.99 },
    ]) {
      await reopen(writer, folder, shrink);
      // Each flush takes longer than the interval.
      for (let round = 0; round < 20; round++) {
        writer.commit();
        await writer.backend.flush();
      }
      assert.deepEqual(states(folder), ['state-1']);
    }
    const { backend, report } = await reopen(writer, folder, { ...eager, spareSizeBytes: 2 ** 52 });
    for (let attempt = 0; attempt < 3; attempt++) {
      const { outcome, reason } = await report();
      assert.equal(outcome, 'given up');
      assert.match(reason!, /bytes are free on the disk/);
    }
    writer.set('current', numbered(1), Buffer.from('goes on'));
    writer.commit();
    await backend.flush();
    writer.check('without space');
    await backend.close();
  });

  it('is left alone when changes come faster than they are copied, and tried again', async (t) => {
    const folder = temporaryFolder(t);
    const writer = await sparse(folder);
    const { backend, report } = await reopen(writer, folder, {
      ...eager,
      behindSizeBytesMax: 0,
      sliceRowsMax: 1,
    });
    let outcome: ShrinkReport['outcome'] | undefined;
    // Asked for before the next attempt can end.
    const second = report().then((result) => {
      outcome = result.outcome;
      return report();
    });
    const isOpen = (): boolean => outcome === undefined;
    while (isOpen()) {
      writer.set('current', numbered(1), Buffer.alloc(100, writer.index));
      writer.commit();
      await backend.flush();
    }
    assert.equal(outcome, 'given up');
    // The last change may have overtaken the second attempt too.
    let later = await second;
    while (later.outcome === 'given up') later = await report();
    assert.equal(later.outcome, 'shrunk');
    writer.check('at a later time');
    await backend.close();
  });
});

describe('while a state file gets smaller', () => {
  /** Few keys in two tables, some long: many are written again and again, before and behind the copy. */
  function randomKey(random: RandomSource): Uint8Array {
    const at = randomInt(random, 1200);
    return at % 40 === 0 ? Buffer.alloc(1950 + at, `${at % 3}`) : numbered(at);
  }

  /** Then it is left to catch up. */
  const roundsMax = 400;

  // A failing seed is named; KVORUM_SEED replays it.
  itHoldsForSeeds('what is written and removed is there and not there', 4, [], async (seed) => {
    const random = new Prng(seed);
    const folder = temporaryFolder();
    let writer: Writer | undefined;
    try {
      writer = await sparse(folder);
      const { backend, report } = await reopen(writer, folder, {
        ...eager,
        sliceRowsMax: 5 + randomInt(random, 40),
        sliceSizeBytesMax: 1000 + randomInt(random, 30_000),
        // On a busy machine the copy may fall far behind.
        behindSizeBytesMax: 2 ** 40,
      });
      let outcome: ShrinkReport['outcome'] | undefined;
      const reported = report().then((result) => (outcome = result.outcome));
      const isOpen = (): boolean => outcome === undefined;
      for (let round = 0; isOpen() && round < roundsMax; round++) {
        for (let count = randomInt(random, 15); count > 0; count--) {
          const value =
            randomInt(random, 2) === 0 ? Buffer.alloc(1 + randomInt(random, 300), seed + round) : undefined;
          writer.set(tableNames[randomInt(random, 4)]!, randomKey(random), value);
        }
        const position = writer.commit();
        if (randomInt(random, 3) === 0) await turn();
        if (randomInt(random, 3) === 0) await backend.flush();
        if (randomInt(random, 10) === 0) {
          const view = await backend.view();
          assert.deepEqual(view.position, position);
          await turn();
          assert.equal([...view.rows()].length, writer.model.rowCount);
          view.close();
        }
        if (round % 50 === 0) writer.check(`round ${round}`);
      }
      assert.equal(await reported, 'shrunk');
      writer.check('once it is smaller');
      await reopen(writer, folder, { intervalMs: 1e6 });
      writer.check('at the next start');
      assert.equal(writer.backend.applied.index, writer.index);
    } finally {
      await writer?.backend.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('views stay open, and what they show is kept until they are closed', async (t) => {
    const folder = temporaryFolder(t);
    const writer = await sparse(folder);
    const { backend, report } = await reopen(writer, folder, eager);
    const shrunk = report();
    const view = await backend.view();
    const rows = view.rows()[Symbol.iterator]();
    const first = rows.next();
    const count = writer.model.rowCount;
    assert.equal((await shrunk).outcome, 'shrunk');
    writer.set('current', numbered(1), Buffer.from('behind the view'));
    writer.commit();
    await backend.flush();
    let seen = first.done === true ? 0 : 1;
    while (rows.next().done !== true) seen++;
    assert.equal(seen, count);
    assert.deepEqual(states(folder), ['state-1', 'state-2']);
    assert.ok(view.pinnedSizeBytes() > backend.sizeBytes(), 'all of the larger file is there for the view');
    view.close();
    await backend.close();
    assert.deepEqual(states(folder), ['state-2']);
  });

  it('an installation takes its place', async (t) => {
    const folder = temporaryFolder(t);
    const writer = await sparse(folder);
    const { backend, report } = await reopen(writer, folder, { ...eager, sliceRowsMax: 1 });
    const cancelled = report();
    // It is under way once its folder is there.
    while (states(folder).length === 1) await turn();
    const install = await backend.beginInstall();
    assert.equal((await cancelled).outcome, 'cancelled');
    await install.add([{ table: 'current', key: numbered(1), value: Buffer.from('installed') }]);
    await install.prepare({ index: 9000, term: 2 }, 1);
    await install.activate(() => {});
    assert.deepEqual(digest(backend.range('current', {})), ['key-000001=9/105']);
    assert.deepEqual([...backend.range('history', {})], []);
    await backend.close();
    assert.equal(states(folder).length, 1);
  });

  for (const flush of [true, false]) {
    it(`a close ${flush ? 'with' : 'without'} a flush ends it`, async (t) => {
      const folder = temporaryFolder(t);
      const writer = await sparse(folder);
      for (let turns = 0; turns < 40; turns += 5) {
        const { backend } = await reopen(writer, folder, { ...eager, sliceRowsMax: 5 });
        while (states(folder).length === 1) await turn();
        for (let passed = 0; passed < turns; passed++) await turn();
        writer.set('current', numbered(turns), Buffer.alloc(10, turns));
        writer.commit();
        if (!flush) await backend.flush();
        await backend.close({ flush });
        assert.equal(states(folder).length, 1);
      }
      await reopen(writer, folder, { intervalMs: 1e6 });
      writer.check('at the next start');
      await writer.backend.close();
    });
  }
});
