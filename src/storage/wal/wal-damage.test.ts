import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c } from '../../base/crc32c.js';
import { KvorumError, type ErrorCode } from '../../base/errors.js';
import { Prng, randomInt } from '../../base/prng.js';
import type { Entry } from '../../raft/types.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { entry, owner, small } from './testing/history.js';
import { Wal } from './wal.js';

const sectorSizeBytes = 512;

/** A code, and one line that names a segment and says what to do. */
function refused(code: ErrorCode, what: RegExp): (error: unknown) => boolean {
  return (error) =>
    error instanceof KvorumError &&
    error.code === code &&
    what.test(error.message) &&
    /^log segment wal\/\S+\.wal /.test(error.message) &&
    !error.message.includes('\n');
}

/** Several segments of batches of one to three entries; nothing in them looks like a sector of zeros. */
async function makeLog(random = new Prng(1)): Promise<{ disk: MemoryDisk; entries: Entry[] }> {
  const disk = new MemoryDisk();
  const wal = await Wal.create(disk, 'wal', small, owner);
  const entries: Entry[] = [];
  const append = async (count: number, sizeBytes: number): Promise<void> => {
    const first = entries.length + 1;
    const data = new Uint8Array(sizeBytes).fill(0xa5);
    const batch = Array.from({ length: count }, (_, at) => ({ ...entry(first + at, 1), data }));
    await wal.append({ entries: batch });
    entries.push(...batch);
  };
  while ((await segments(disk)).length < 4)
    await append(1 + randomInt(random, 3), 1 + randomInt(random, 300));
  await append(1, 10);
  await append(3, 400);
  await wal.close();
  return { disk, entries };
}

async function segments(disk: MemoryDisk): Promise<string[]> {
  return (await disk.list('wal')).filter((name) => name.endsWith('.wal')).map((name) => `wal/${name}`);
}

async function change(disk: MemoryDisk, path: string, edit: (bytes: Buffer) => Buffer): Promise<void> {
  await disk.writeFileDurable(path, edit(Buffer.from((await disk.readFile(path))!)));
}

/** A copy, to be spoiled. */
async function copyOf(disk: MemoryDisk): Promise<MemoryDisk> {
  const copy = new MemoryDisk();
  await copy.makeFolder('wal');
  for (const path of disk.paths()) await copy.writeFileDurable(path, (await disk.readFile(path))!);
  return copy;
}

/** What the checksums cover: headers and records, without what fills them up. And where the last ones begin. */
function layout(bytes: Buffer): { covered: boolean[]; lastRecord: number; lastBatch: number } {
  const covered = Array.from({ length: bytes.length }, (_, at) => at < 84);
  let lastRecord = 0;
  let lastBatch = 0;
  for (let at = sectorSizeBytes; at + 20 < bytes.length && bytes.readUInt32LE(at) !== 0;) {
    const end = at + 20 + bytes.readUInt32LE(at + 4);
    covered.fill(true, at, end);
    if (lastRecord === 0 || bytes.readUInt32LE(at + 12) > bytes.readUInt32LE(lastRecord + 12)) lastBatch = at;
    lastRecord = at;
    at = Math.ceil(end / 8) * 8;
  }
  return { covered, lastRecord, lastBatch };
}

describe('damage to the log', () => {
  it('is refused in every byte that means something, and harmless in the others', async () => {
    const { disk, entries } = await makeLog();
    let refusals = 0;
    for (const path of await segments(disk)) {
      const { covered } = layout(Buffer.from((await disk.readFile(path))!));
      for (const [position, matters] of covered.entries()) {
        // Every byte of the first records, then a sample, to be done within a second.
        if (position > 700 && position % (matters ? 13 : 50) !== 0) continue;
        const bit = (position * 7) % 8;
        disk.flipBit(path, position, bit);
        const spoiled = await copyOf(disk);
        disk.flipBit(path, position, bit);
        const outcome = await Wal.open(spoiled, 'wal', small, owner).catch((error: unknown) => error);
        const where = `${path}, byte ${position}, bit ${bit}`;
        if (outcome instanceof Error) {
          assert.ok(
            outcome instanceof KvorumError && /^DATA_/.test(outcome.code),
            `${where}: ${outcome.message}`,
          );
          refusals++;
        } else {
          assert.equal(matters, false, where);
          assert.deepEqual(
            (outcome as Awaited<ReturnType<typeof Wal.open>>).recovered.entries,
            entries,
            where,
          );
        }
      }
    }
    assert.ok(refusals > 1000);
  });

  it('leaves no commit index without the entries that came with it, wherever the write is torn', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', { segmentSizeBytes: 16_384 }, owner);
    const data = new Uint8Array(700).fill(0xa5);
    const sized = (index: number, term: number): Entry => ({ ...entry(index, term), data });
    await wal.append({ hardState: { term: 1, vote: 0n, commit: 1 }, entries: [sized(1, 1), sized(2, 1)] });
    const hardState = { term: 3, vote: 0n, commit: 3 };
    await wal.append({ hardState, entries: [sized(2, 2), sized(3, 2), sized(4, 3)] });
    await wal.close();
    const [path] = await segments(disk);
    const bytes = Buffer.from((await disk.readFile(path!))!);
    const { lastBatch, lastRecord } = layout(bytes);
    const commits = new Set<number>();
    for (let from = Math.ceil(lastBatch / 512) * 512; from < lastRecord + 512; from += 512) {
      const torn = await copyOf(disk);
      await change(torn, path!, (whole) => whole.fill(0, from));
      const opened = await Wal.open(torn, 'wal', { segmentSizeBytes: 16_384 }, owner);
      const { entries, hardState: recovered } = opened.recovered;
      const committed = entries.slice(0, recovered.commit).map(({ term }) => term);
      assert.deepEqual(committed, [1, 2, 2].slice(0, recovered.commit), `torn at ${from}`);
      commits.add(recovered.commit);
      await opened.wal.close();
    }
    assert.deepEqual([...commits], [1, 3]);
  });

  it('is refused where a whole sector got lost', async () => {
    const { disk } = await makeLog();
    const paths = await segments(disk);
    for (const path of paths) {
      const bytes = Buffer.from((await disk.readFile(path))!);
      const { covered, lastBatch } = layout(bytes);
      for (let from = 0; from < bytes.length; from += sectorSizeBytes) {
        // In the last batch of all, zeros are a write that never finished.
        const end = path === paths.at(-1) ? lastBatch : bytes.length;
        if (!covered.slice(from, Math.min(from + sectorSizeBytes, end)).includes(true)) continue;
        const spoiled = await copyOf(disk);
        await change(spoiled, path, (whole) => whole.fill(0, from, from + sectorSizeBytes));
        await assert.rejects(
          Wal.open(spoiled, 'wal', small, owner),
          refused('DATA_DAMAGED', /./),
          `${path} ${from}`,
        );
      }
    }
  });

  it('is told from a torn write although the record holds zeros, when a later batch follows', async () => {
    // The damaged record is the second of its batch: the batch before and the one behind it are two apart.
    const zeros = { ...entry(2, 1), data: new Uint8Array(2000) };
    for (const position of ['head', 'payload'] as const) {
      const disk = new MemoryDisk();
      const wal = await Wal.create(disk, 'wal', small, owner);
      await wal.append({ entries: [entry(1, 1), zeros] });
      await wal.append({ entries: [entry(3, 1)] });
      await wal.close();
      const [path] = await segments(disk);
      const second = sectorSizeBytes + 64;
      disk.flipBit(path!, position === 'head' ? second + 4 : second + 24, 0);
      await assert.rejects(
        Wal.open(disk, 'wal', small, owner),
        refused('DATA_DAMAGED', /is damaged at offset 576, before data that was acknowledged/),
        position,
      );
    }
  });

  it('is refused in the last record too, if that was written in full', async () => {
    const { disk } = await makeLog();
    const path = (await segments(disk)).at(-1)!;
    const { lastRecord } = layout(Buffer.from((await disk.readFile(path))!));
    disk.flipBit(path, lastRecord + 21, 3);
    await assert.rejects(
      Wal.open(disk, 'wal', small, owner),
      refused('DATA_DAMAGED', /written in full, then changed/),
    );
  });

  it('is refused where a segment is missing, doubled, renamed, cut short, or of another log', async () => {
    const { disk } = await makeLog();
    const other = await makeLog(new Prng(2));
    const paths = await segments(disk);
    const middle = paths[1]!;
    const cases: readonly [string, RegExp, (spoiled: MemoryDisk) => Promise<void>][] = [
      ['missing', /does not follow .* a segment is missing/, (spoiled) => spoiled.remove(middle)],
      [
        'renamed',
        /was renamed/,
        (spoiled) => spoiled.rename(paths.at(-1)!, paths.at(-1)!.replace(/0000000(\w)-/, '0000009$1-')),
      ],
      [
        'of another log',
        /does not end where the next segment begins/,
        async (spoiled) =>
          spoiled.writeFileDurable(middle, (await other.disk.readFile((await segments(other.disk))[1]!))!),
      ],
      [
        'cut short',
        /was cut short/,
        (spoiled) => change(spoiled, middle, (bytes) => bytes.subarray(0, 3000)),
      ],
      [
        'the last cut short',
        /was cut short/,
        (spoiled) => change(spoiled, paths.at(-1)!, (bytes) => bytes.subarray(0, 700)),
      ],
      ['emptied', /has a damaged header/, (spoiled) => spoiled.writeFileDurable(middle, Buffer.alloc(0))],
    ];
    for (const [name, message, spoil] of cases) {
      const spoiled = await copyOf(disk);
      await spoil(spoiled);
      await assert.rejects(Wal.open(spoiled, 'wal', small, owner), refused('DATA_DAMAGED', message), name);
    }
  });

  it('is refused where two segments changed places', async () => {
    const { disk } = await makeLog();
    const [, second, third] = await segments(disk);
    const [left, right] = [(await disk.readFile(second!))!, (await disk.readFile(third!))!];
    await disk.writeFileDurable(second!, right);
    await disk.writeFileDurable(third!, left);
    await assert.rejects(Wal.open(disk, 'wal', small, owner), refused('DATA_DAMAGED', /was renamed/));
  });

  it('is refused where there is no segment at all', async () => {
    const disk = new MemoryDisk();
    assert.equal(await Wal.exists(disk, 'wal'), false);
    await assert.rejects(
      Wal.open(disk, 'wal', small, owner),
      (error) => error instanceof KvorumError && /^log wal holds no segment/.test(error.message),
    );
  });
});

describe('a log that does not fit', () => {
  it('is refused when it is of another member or cluster', async () => {
    const { disk } = await makeLog();
    for (const stranger of [
      { ...owner, memberId: 1n },
      { ...owner, clusterId: 1n },
    ]) {
      await assert.rejects(
        Wal.open(disk, 'wal', small, stranger),
        refused('DATA_FOLDER_MISMATCH', /belongs to another member or cluster/),
      );
    }
  });

  it('is refused when a later version wrote it', async () => {
    const { disk } = await makeLog();
    const [first] = await segments(disk);
    await change(disk, first!, (bytes) => {
      bytes.writeUInt32LE(3, 4);
      bytes.writeUInt32LE(crc32c(bytes.subarray(0, 80)), 80);
      return bytes;
    });
    await assert.rejects(
      Wal.open(disk, 'wal', small, owner),
      refused(
        'DATA_FOLDER_MISMATCH',
        /has format 3, this version reads 1 and 2: start it with the version that wrote it/,
      ),
    );
  });
});

describe('a torn write', () => {
  /** The disk in the middle of an append of `torn` behind acknowledged ones. */
  async function tearing(acknowledged: readonly Entry[], torn: readonly Entry[]): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    await wal.append({ entries: acknowledged });
    const written = new Promise<void>((resolve) => {
      disk.faults = (operation) => {
        if (operation !== 'sync') return undefined;
        resolve();
        return new Promise(() => {});
      };
    });
    void wal.append({ entries: torn });
    await written;
    return disk;
  }

  const first = [entry(1, 1)];
  const cases: readonly [string, readonly Entry[], readonly Entry[]][] = [
    ['of one record in one sector', first, [entry(2, 1, 30)]],
    ['of one record in many sectors', first, [entry(2, 1, 2500)]],
    ['of many records', first, Array.from({ length: 30 }, (_, at) => entry(2 + at, 1, 60))],
    [
      'of records of zeros',
      first,
      [2, 3, 4].map((index) => ({ ...entry(index, 1), data: new Uint8Array(700) })),
    ],
    ['that makes its segment longer', [], [entry(1, 1, 3400), entry(2, 1, 900)]],
  ];
  for (const [name, acknowledged, torn] of cases) {
    it(`${name} is cut where it tore, whatever of it arrived`, async () => {
      const disk = await tearing(acknowledged, torn);
      const whole = [...acknowledged, ...torn];
      const lengths = new Set<number>();
      for (let seed = 1; seed <= 300; seed++) {
        const left = disk.crash(new Prng(seed));
        const { wal, recovered } = await Wal.open(left, 'wal', small, owner);
        const { length } = recovered.entries;
        assert.deepEqual(recovered.entries, whole.slice(0, length));
        assert.ok(length >= acknowledged.length);
        lengths.add(length);
        // It goes on behind the cut, and the remains are gone.
        const next = entry(length + 1, 2, 5);
        await wal.append({ entries: [next] });
        await wal.close();
        const again = (await Wal.open(left.crash(new Prng(seed)), 'wal', small, owner)).recovered;
        assert.deepEqual(again.entries.at(-1), next);
        assert.equal(again.tornTailBytes, 0);
      }
      assert.ok(lengths.has(acknowledged.length), `seen are ${[...lengths].join(' ')}`);
    });
  }

  it('that makes its segment longer is cut where the file still has the size it was made with', async () => {
    // The second record's head lies whole before that size, across it, or behind it.
    for (const sizeBytes of [3400, 3532, 3600]) {
      const disk = new MemoryDisk();
      const wal = await Wal.create(disk, 'wal', small, owner);
      await wal.append({ entries: [entry(1, 1, sizeBytes), entry(2, 1, 900)] });
      await wal.close();
      const [path] = await segments(disk);
      await change(disk, path!, (bytes) => bytes.subarray(0, small.segmentSizeBytes));
      const { recovered } = await Wal.open(disk, 'wal', small, owner);
      const whole = sizeBytes < 3600 ? [entry(1, 1, sizeBytes)] : [];
      assert.deepEqual(recovered.entries, whole, `${sizeBytes}`);
    }
  });
});
