import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Prng } from '../../base/prng.js';
import { tableNames } from '../../ports/backend.js';
import { RealClock } from '../../ports/real-clock.js';
import { LmdbBackend } from './lmdb-backend.js';

const clock = new RealClock();
const pageSizeBytes = 4096;
/** Behind a page's head. */
const meta = (page: number, field: number): number => page * pageSizeBytes + 24 + field;
const [magicField, versionField, pageSizeField, mainRootField, lastPageField] = [0, 4, 24, 112, 120];

type Rows = readonly (readonly [table: string, key: string, value: string])[];

function rowsOf(backend: LmdbBackend): Rows {
  return tableNames.flatMap((table) =>
    [...backend.range(table, {})].map(({ key, value }) => {
      const [keyText, valueText] = [key, value].map((bytes) => Buffer.from(bytes).toString('latin1'));
      return [table, keyText!, valueText!] as const;
    }),
  );
}

describe('a file of LMDB that is not as it was left', () => {
  let folder: string;
  let copies = 0;
  let rows: Rows;
  let whole: Buffer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kvorum-damage-'));
    const original = join(folder, 'original');
    mkdirSync(original);
    const backend = await LmdbBackend.open(original, { clock });
    const random = new Prng(7);
    for (let index = 1; index <= 8; index++) {
      for (let at = 0; at < 150; at++) {
        const key = Buffer.from(`key-${random.nextUint32() % 500}`);
        backend.put('current', key, Buffer.alloc(random.nextUint32() % 400, `${index}`));
        if (at % 3 === 0) backend.delete('current', Buffer.from(`key-${at + index}`));
      }
      backend.put('history', Buffer.alloc(5000, `${index}`), Buffer.alloc(20_000, 'long'));
      backend.put('meta', Buffer.from(`big-${index}`), Buffer.alloc(9000 * index, 'b'));
      backend.commit({ index, term: 1 });
      await backend.flush();
    }
    rows = rowsOf(backend);
    await backend.close();
    whole = readFileSync(join(original, 'state-1', 'data.mdb'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A copy of the folder that holds `bytes` in place of the database. */
  function copyWith(bytes: Uint8Array): { readonly path: string; readonly file: string } {
    const path = join(folder, `copy-${++copies}`);
    cpSync(join(folder, 'original'), path, { recursive: true });
    const file = join(path, 'state-1', 'data.mdb');
    writeFileSync(file, bytes);
    return { path, file };
  }

  async function assertRefused(bytes: Uint8Array, what: RegExp): Promise<void> {
    const { path, file } = copyWith(bytes);
    await assert.rejects(LmdbBackend.open(path, { clock }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'DATA_DAMAGED');
      assert.ok(error.message.startsWith(`${file} `), error.message);
      assert.match(error.message, what);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    assert.ok(readFileSync(file).equals(bytes), 'it is left as it is');
    rmSync(path, { recursive: true });
  }

  function spoilt(spoil: (bytes: Buffer) => void): Buffer {
    const bytes = Buffer.from(whole);
    spoil(bytes);
    return bytes;
  }

  it('is refused when it is no database', async () => {
    const random = new Prng(1);
    const garbage = Buffer.from(Array.from({ length: whole.length }, () => random.nextUint32() & 0xff));
    for (const bytes of [garbage, Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(whole.length)]) {
      await assertRefused(bytes, /is no whole database/);
    }
  });

  it('is refused when either of its first two pages is damaged', async () => {
    for (const page of [0, 1]) {
      for (const [field, value] of [
        [magicField, 0xbeefc0df],
        [versionField, 1],
        [pageSizeField, 4095],
        [pageSizeField, 0],
      ] as const) {
        await assertRefused(
          spoilt((bytes) => bytes.writeUInt32LE(value, meta(page, field))),
          /is no whole database/,
        );
      }
    }
  });

  it('is refused when the root of one of its trees is overwritten', async () => {
    const newest = [0, 1].map((page) => whole.readBigUInt64LE(meta(page, mainRootField)));
    for (const root of newest) {
      const at = Number(root) * pageSizeBytes;
      const bytes = spoilt((each) => each.fill(0, at, at + pageSizeBytes));
      const { path } = copyWith(bytes);
      // One of the two is of the transaction before.
      const opened = await LmdbBackend.open(path, { clock }).catch((error: unknown) => error);
      if (opened instanceof LmdbBackend) {
        assert.deepEqual(rowsOf(opened), rows);
        await opened.close();
      } else await assertRefused(bytes, new RegExp(`is damaged at page ${root}:`));
    }
  });

  it('is refused wherever it was cut, unless nothing is missing', async () => {
    let refused = 0;
    const { path, file } = copyWith(whole);
    for (let sizeBytes = whole.length; sizeBytes >= 0; sizeBytes -= pageSizeBytes / 2) {
      truncateSync(file, sizeBytes);
      try {
        const backend = await LmdbBackend.open(path, { clock });
        assert.deepEqual(rowsOf(backend), rows, `cut to ${sizeBytes} bytes`);
        await backend.close();
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        assert.match(String(error), /is no whole database|was cut short/);
        refused++;
      }
    }
    assert.ok(refused > 100, `${refused} refused`);
  });

  it('is taken when only pages at its end are not there that are free', async () => {
    const longer = spoilt((bytes) => {
      for (const page of [0, 1]) {
        const last = bytes.readBigUInt64LE(meta(page, lastPageField));
        bytes.writeBigUInt64LE(last + 5n, meta(page, lastPageField));
      }
    });
    const backend = await LmdbBackend.open(copyWith(longer).path, { clock });
    assert.deepEqual(rowsOf(backend), rows);
    await backend.close();
  });
});

describe('a row of LMDB that is not as it was written', () => {
  const rowCount = 40;
  const keyOf = (at: number): Buffer =>
    Buffer.from(at % 10 === 9 ? `key-${at}-${'k'.repeat(5000)}` : `key-${at}`);
  /** Some stand in a leaf of the tree, some in pages of their own. */
  const valueOf = (at: number): Buffer =>
    Buffer.from(`<value ${at}>${String.fromCharCode(97 + (at % 26)).repeat(at % 4 === 3 ? 20_000 : 150)}`);
  let folder: string;
  let whole: Buffer;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kvorum-rows-'));
    const backend = await LmdbBackend.open(folder, { clock });
    for (let at = 0; at < rowCount; at++) backend.put('current', keyOf(at), valueOf(at));
    backend.commit({ index: 77, term: 5 });
    await backend.close();
    whole = readFileSync(join(folder, 'state-1', 'data.mdb'));
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A page that was split has still what it gave away, in front of its nodes. */
  function isRemainder(at: number): boolean {
    const page = at - (at % pageSizeBytes);
    const isLeaf = (whole.readUInt16LE(page + 18) & 2) !== 0;
    return isLeaf && at - page < 24 + whole.readUInt16LE(page + 22);
  }

  /** Flips a bit `offset` bytes behind each place where `text` stands. */
  function rotAt(text: string, offset: number): void {
    const bytes = Buffer.from(whole);
    let found = 0;
    for (let at = whole.indexOf(text); at >= 0; at = whole.indexOf(text, at + 1)) {
      if (isRemainder(at)) continue;
      bytes[at + offset]! ^= 1 << (offset % 8);
      found++;
    }
    assert.ok(found > 0, text);
    writeFileSync(join(folder, 'state-1', 'data.mdb'), bytes);
  }

  const isDamage = (error: Error & { code?: string }): boolean =>
    error.code === 'DATA_DAMAGED' && error.message.startsWith(join(folder, 'state-1', 'data.mdb'));

  it('is refused by whatever reads it, and no other row is', async () => {
    const random = new Prng(3);
    for (let rotten = 0; rotten < rowCount; rotten++) {
      const { length } = valueOf(rotten);
      // The first bytes are needed to find it again; behind the value stands its sum.
      const offset = 10 + (random.nextUint32() % (length - 10 + 4));
      rotAt(`<value ${rotten}>`, offset);
      const backend = await LmdbBackend.open(folder, { clock });
      for (let at = 0; at < rowCount; at++) {
        if (at === rotten) assert.throws(() => backend.get('current', keyOf(at)), isDamage, `byte ${offset}`);
        else assert.ok(valueOf(at).equals(backend.get('current', keyOf(at))!));
      }
      assert.throws(() => rowsOf(backend), isDamage);
      assert.throws(() => [...backend.range('current', { reverse: true })], isDamage);
      const view = await backend.view();
      assert.throws(() => [...view.rows()], isDamage);
      view.close();
      await backend.close();
    }
  });

  it('is met by whoever reads over it when its key has changed', async () => {
    rotAt('key-7', 4);
    const backend = await LmdbBackend.open(folder, { clock });
    assert.throws(() => rowsOf(backend), isDamage);
    await backend.close();
  });

  it('is refused at the start when it says up to where the state goes', async () => {
    for (let offset = 'position'.length; offset < 'position'.length + 20; offset++) {
      rotAt('position', offset);
      await assert.rejects(LmdbBackend.open(folder, { clock }), isDamage, `byte ${offset}`);
    }
    writeFileSync(join(folder, 'state-1', 'data.mdb'), whole);
    const backend = await LmdbBackend.open(folder, { clock });
    assert.deepEqual(backend.applied, { index: 77, term: 5 });
    await backend.close();
  });
});
