import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KvorumError } from '../../base/errors.js';
import { Prng } from '../../base/prng.js';
import { DiskError } from '../../ports/disk.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { baseOf, entry, owner, small } from './testing/history.js';
import { Wal, type WalRecovered } from './wal.js';

async function reopen(disk: MemoryDisk): Promise<{ wal: Wal; recovered: WalRecovered }> {
  return await Wal.open(disk, 'wal', small, owner);
}

async function segments(disk: MemoryDisk): Promise<string[]> {
  return (await disk.list('wal')).filter((name) => name.endsWith('.wal'));
}

function sizes(disk: MemoryDisk): number[] {
  return disk.paths().map((path) => disk.sizeOf(path));
}

describe('the log on disk', () => {
  it('gives back hard state and entries', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    const hardState = { term: 3, vote: 0xffff_ffff_ffff_fff0n, commit: 1 };
    await wal.append({ hardState, entries: [entry(1, 2), entry(2, 3)] });
    await wal.close();
    const { recovered } = await reopen(disk);
    assert.deepEqual(recovered.hardState, hardState);
    assert.deepEqual(recovered.entries, [entry(1, 2), entry(2, 3)]);
    assert.equal(recovered.tornTailBytes, 0);
  });

  it('writes what gathers during a write as one', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    let syncs = 0;
    disk.faults = (operation) => {
      if (operation === 'sync') syncs++;
      return undefined;
    };
    await Promise.all([1, 2, 3, 4, 5, 6].map((index) => wal.append({ entries: [entry(index, 1)] })));
    assert.equal(syncs, 2, 'the first alone, the other five together');
  });

  it('forgets what was overwritten, also across segments', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    for (let index = 1; index <= 40; index++) await wal.append({ entries: [entry(index, 1, 300)] });
    await wal.append({ entries: [entry(10, 2)] });
    await wal.close();
    const { recovered } = await reopen(disk);
    assert.equal(recovered.entries.length, 10);
    assert.deepEqual(recovered.entries.at(-1), entry(10, 2));
  });

  it('goes on behind a cut although a segment began when the log was longer', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    let index = 0;
    while ((await segments(disk)).length < 2) {
      await wal.append({ entries: [entry(++index, 1, 100)] });
    }
    const last = index;
    for (let again = last - 5; again <= last + 5; again++)
      await wal.append({ entries: [entry(again, 2, 10)] });
    await wal.cut(last);
    await wal.close();
    const { recovered } = await reopen(disk);
    assert.ok(recovered.terms.offset <= last);
    assert.equal(recovered.terms.offsetTerm, 2);
    assert.deepEqual(recovered.entries.at(-1), entry(last + 5, 2, 10));
  });

  it('goes on in the format that its last segment was begun in, and begins the next one in the newest', async () => {
    const disk = new MemoryDisk();
    const formats = async (): Promise<number[]> => {
      const names = (await segments(disk)).sort();
      const bytes = await Promise.all(names.map((name) => disk.readFile(`wal/${name}`)));
      return bytes.map((each) => each![4]!);
    };
    const old = await Wal.create(disk, 'wal', { ...small, format: 1 }, owner);
    let index = 0;
    const fill = async (wal: Wal, segmentCount: number): Promise<void> => {
      while ((await segments(disk)).length < segmentCount) {
        await wal.append({ entries: [entry(++index, 1, 300)] });
      }
    };
    await fill(old, 2);
    await old.close();
    const { wal } = await reopen(disk);
    await wal.append({ entries: [entry(++index, 1, 300)] });
    assert.deepEqual(await formats(), [1, 1]);
    await fill(wal, 4);
    await wal.close();
    assert.deepEqual(await formats(), [1, 1, 2, 2]);
    const { recovered } = await reopen(disk);
    assert.deepEqual(
      recovered.entries,
      Array.from({ length: index }, (_, at) => entry(at + 1, 1, 300)),
    );
  });

  it('is empty behind a reset', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    await wal.append({ hardState: { term: 4, vote: 1n, commit: 0 }, entries: [entry(1, 4)] });
    await wal.reset({ index: 50, term: 4 });
    await wal.append({ entries: [entry(51, 4)] });
    await wal.close();
    const { recovered } = await reopen(disk);
    assert.deepEqual(baseOf(recovered), { index: 50, term: 4 });
    assert.deepEqual(recovered.entries, [entry(51, 4)]);
    assert.equal(recovered.hardState.term, 4);
  });

  it('takes term and vote alone: the commit index stays, also behind a reset, and another vote is refused', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    await wal.append({ hardState: { term: 4, vote: 0n, commit: 1 }, entries: [entry(1, 4), entry(2, 4)] });
    // One write of both, and one of what follows the reset that is under way.
    const written = [
      wal.append({ hardState: { term: 5, vote: 2n }, entries: [] }),
      wal.append({ hardState: { commit: 2 }, entries: [] }),
      wal.reset({ index: 50, term: 4 }),
      wal.append({ hardState: { term: 6, vote: 3n }, entries: [] }),
    ];
    await Promise.all(written);
    const killed = await reopen(disk.kill());
    assert.deepEqual(killed.recovered.hardState, { term: 6, vote: 3n, commit: 2 });
    assert.deepEqual(baseOf(killed.recovered), { index: 50, term: 4 });
    await killed.wal.close();
    await assert.rejects(wal.append({ hardState: { term: 6, vote: 2n }, entries: [] }), /goes behind/);
    await assert.rejects(wal.append({ hardState: { term: 5, vote: 2n }, entries: [] }), /goes behind/);
    await wal.close();
  });

  it('removes only whole segments behind a cut, the oldest first, and nothing once it is closed', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    for (let index = 1; index <= 60; index++) await wal.append({ entries: [entry(index, 1, 300)] });
    const before = await segments(disk);
    const removed: string[] = [];
    disk.report = (operation, path) => {
      if (operation === 'remove') removed.push(path);
      return undefined;
    };
    await wal.cut(0);
    assert.deepEqual(removed, []);
    await Promise.all([wal.cut(25), wal.cut(40), wal.cut(30)]);
    assert.deepEqual(
      removed,
      before.slice(0, removed.length).map((name) => `wal/${name}`),
    );
    assert.equal(wal.sizeBytes, (before.length - removed.length) * small.segmentSizeBytes);
    await wal.close();
    await wal.cut(60);
    assert.equal((await segments(disk)).length, before.length - removed.length);
    const { recovered } = await reopen(disk);
    assert.ok(recovered.terms.offset <= 40 && recovered.terms.offset > 25);
    assert.deepEqual(recovered.entries.at(-1), entry(60, 1, 300));
  });

  it('makes its segments beforehand, and each as large as it was told', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    for (let index = 1; index <= 60; index++) await wal.append({ entries: [entry(index, 1, 300)] });
    await wal.close();
    assert.ok(sizes(disk).every((sizeBytes) => sizeBytes === small.segmentSizeBytes));
  });

  it('takes a batch that is larger than a segment', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    const entries = [entry(1, 1, 100), entry(2, 1, 3 * small.segmentSizeBytes), entry(3, 1, 100)];
    for (const each of entries) await wal.append({ entries: [each] });
    await wal.close();
    assert.deepEqual((await reopen(disk)).recovered.entries, entries);
  });

  it('splits what has gathered where a write has reached its limit', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', { ...small, segmentSizeBytes: 64 * 1024 }, owner);
    let writes = 0;
    disk.report = (operation) => {
      if (operation === 'sync') writes++;
      return undefined;
    };
    const sizeBytes = small.batchSizeBytesMax / 2;
    await Promise.all(
      [1, 2, 3, 4, 5, 6, 7].map((index) => wal.append({ entries: [entry(index, 1, sizeBytes)] })),
    );
    // One, then what exceeds the limit with its last: three and three.
    assert.equal(writes, 3);
    await wal.close();
  });

  it('is none while it is being made, and is made anew then', async () => {
    const disk = new MemoryDisk();
    disk.faults = (operation) => (operation === 'rename' ? new DiskError('failed', 'rename') : undefined);
    await assert.rejects(Wal.create(disk, 'wal', small, owner), DiskError);
    assert.equal(await Wal.exists(disk, 'wal'), false);
    disk.faults = () => undefined;
    const wal = await Wal.create(disk, 'wal', { ...small, segmentSizeBytes: 1024 }, owner);
    await wal.append({ entries: [entry(1, 1)] });
    await wal.close();
    assert.equal(await Wal.exists(disk, 'wal'), true);
    assert.ok(sizes(disk).every((sizeBytes) => sizeBytes === 1024));
    assert.deepEqual((await reopen(disk)).recovered.entries, [entry(1, 1)]);
  });
});

describe('a log that cannot write', () => {
  it('acknowledges nothing after a full disk, and comes back without loss', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    await wal.append({ entries: [entry(1, 1)] });
    disk.capacityBytes = disk.usedBytes;
    const full = (error: unknown): boolean => error instanceof DiskError && error.reason === 'full';
    const results = await Promise.allSettled(
      Array.from({ length: 60 }, (_, at) => wal.append({ entries: [entry(at + 2, 1, 300)] })),
    );
    const kept = results.filter((result) => result.status === 'fulfilled').length;
    assert.ok(kept > 0 && kept < 60);
    await assert.rejects(wal.append({ entries: [entry(99, 1)] }), full);
    await assert.rejects(wal.reset({ index: 99, term: 1 }), full);
    assert.equal(disk.usedBytes, disk.capacityBytes, 'a segment that does not fit takes no space');
    await wal.close();
    disk.capacityBytes = Infinity;
    const { wal: again, recovered } = await reopen(disk.crash(new Prng(1)));
    assert.ok(recovered.entries.length >= kept + 1);
    await again.append({ entries: [entry(recovered.entries.length + 1, 1)] });
    await again.close();
  });

  it('goes on when space comes before it needs it', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    disk.capacityBytes = disk.usedBytes;
    // More than half of the segment: the next one is due, and does not fit.
    await wal.append({ entries: [entry(1, 1, small.segmentSizeBytes * 0.6)] });
    await wal.append({ entries: [entry(2, 1)] });
    disk.capacityBytes = Infinity;
    for (let index = 3; index <= 20; index++) await wal.append({ entries: [entry(index, 1, 500)] });
    await wal.close();
    assert.equal((await reopen(disk)).recovered.entries.length, 20);
  });

  it('is dead after a failed sync, though a later one would not fail', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    await wal.append({ entries: [entry(1, 1)] });
    const failure = new DiskError('failed', 'sync: input/output error');
    disk.faults = (operation) => (operation === 'sync' ? failure : undefined);
    const appends = [2, 3, 4].map((index) => wal.append({ entries: [entry(index, 1)] }));
    for (const each of appends) await assert.rejects(each, failure);
    disk.faults = () => undefined;
    await assert.rejects(wal.append({ entries: [entry(2, 1)] }), failure);
    await wal.close();
    await assert.rejects(wal.append({ entries: [] }), failure);
  });

  it('tells the reason why it cannot begin a segment', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    const failure = new DiskError('failed', 'open wal/spare.tmp: input/output error');
    disk.faults = (_operation, path) => (path.endsWith('spare.tmp') ? failure : undefined);
    await wal.append({ entries: [entry(1, 1, 3000)] });
    await assert.rejects(wal.append({ entries: [entry(2, 1, 3000)] }), failure);
    await wal.close();
  });

  it('refuses what comes after its end, and finishes what came before', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    const before = [1, 2, 3].map((index) => wal.append({ entries: [entry(index, 1)] }));
    const closed = wal.close();
    await assert.rejects(
      wal.append({ entries: [entry(4, 1)] }),
      (error) => error instanceof KvorumError && error.code === 'MEMBER_STOPPING',
    );
    await Promise.all([...before, closed, wal.close()]);
    assert.equal((await reopen(disk)).recovered.entries.length, 3);
  });
});

describe('what a log gives back at its start', () => {
  it('is durable, though the process before was killed before it was', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    await wal.append({ hardState: { term: 1, vote: 1n, commit: 0 }, entries: [entry(1, 1)] });
    const written = new Promise<void>((resolve) => {
      disk.faults = (operation) => {
        if (operation !== 'sync') return undefined;
        resolve();
        return new Promise(() => {});
      };
    });
    void wal.append({ hardState: { term: 2, vote: 2n, commit: 0 }, entries: [entry(2, 2, 1500)] });
    await written;
    const after = disk.kill();
    const { recovered } = await reopen(after);
    assert.deepEqual(recovered.entries, [entry(1, 1), entry(2, 2, 1500)]);
    for (let seed = 1; seed <= 20; seed++) {
      const lost = await reopen(after.crash(new Prng(seed)));
      assert.deepEqual(lost.recovered, recovered, 'it may have been acknowledged meanwhile');
    }
  });

  it('is durable, though the sync before had failed', async () => {
    const disk = new MemoryDisk();
    const wal = await Wal.create(disk, 'wal', small, owner);
    disk.damage = new Prng(1);
    disk.faults = (operation) => (operation === 'sync' ? new DiskError('failed', 'sync') : undefined);
    await assert.rejects(wal.append({ entries: [entry(1, 1, 1500)] }));
    disk.faults = () => undefined;
    const after = disk.kill();
    const { recovered } = await reopen(after);
    assert.deepEqual(recovered.entries, [entry(1, 1, 1500)]);
    assert.deepEqual((await reopen(after.crash(new Prng(1)))).recovered, recovered);
  });
});
