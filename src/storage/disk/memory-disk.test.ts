import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../base/prng.js';
import { DiskError } from '../../ports/disk.js';
import { MemoryDisk } from './memory-disk.js';

const sectorSizeBytes = 512;

function full(error: unknown): boolean {
  return error instanceof DiskError && error.reason === 'full';
}

/** Three sectors of `a`, durable. */
async function diskOfThree(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const file = await disk.open('f', { create: true });
  await file.writeDurable(0, [Buffer.alloc(3 * sectorSizeBytes, 'a')]);
  return disk;
}

/** One letter a sector; `?` where a sector holds more than one. */
async function sectors(disk: MemoryDisk): Promise<string> {
  const bytes = (await disk.readFile('f'))!;
  let letters = '';
  for (let from = 0; from < bytes.length; from += sectorSizeBytes) {
    const sector = bytes.subarray(from, from + sectorSizeBytes);
    letters += sector.every((byte) => byte === sector[0]) ? String.fromCharCode(sector[0]!) : '?';
  }
  return letters;
}

/** What `seeds` crashes of equal disks leave. */
async function outcomes(
  seeds: number,
  make: () => Promise<MemoryDisk>,
  look: (disk: MemoryDisk) => Promise<string>,
): Promise<Set<string>> {
  const seen = new Set<string>();
  for (let seed = 1; seed <= seeds; seed++) seen.add(await look((await make()).crash(new Prng(seed))));
  return seen;
}

describe('a memory disk at a power loss', () => {
  it('loses any sectors that were not synced, each as a whole', async () => {
    const seen = await outcomes(
      100,
      async () => {
        const disk = await diskOfThree();
        await (await disk.open('f')).write(0, [Buffer.alloc(3 * sectorSizeBytes, 'b')]);
        return disk;
      },
      sectors,
    );
    assert.deepEqual([...seen].sort(), ['aaa', 'aab', 'aba', 'abb', 'baa', 'bab', 'bba', 'bbb']);
  });

  it('tears a write that lengthens a file at the end of any sector', async () => {
    const seen = await outcomes(
      200,
      async () => {
        const disk = await diskOfThree();
        await (
          await disk.open('f')
        ).write(3 * sectorSizeBytes, [Buffer.alloc(2 * sectorSizeBytes + 300, 'b')]);
        return disk;
      },
      (disk) => Promise.resolve(String(disk.sizeOf('f'))),
    );
    const sizes = [3, 4, 5].map((each) => each * sectorSizeBytes);
    assert.deepEqual([...seen].map(Number).sort(), [...sizes, 5 * sectorSizeBytes + 300]);
  });

  it('keeps the synced part of a file of which another part was not', async () => {
    const seen = await outcomes(
      50,
      async () => {
        const disk = await diskOfThree();
        const file = await disk.open('f');
        await file.write(0, [Buffer.alloc(sectorSizeBytes, 'b')]);
        await file.sync();
        await file.write(2 * sectorSizeBytes, [Buffer.alloc(sectorSizeBytes, 'c')]);
        return disk;
      },
      sectors,
    );
    assert.deepEqual([...seen].sort(), ['baa', 'bac']);
  });

  it('takes back a cut that was not synced, or not', async () => {
    const seen = await outcomes(
      50,
      async () => {
        const disk = await diskOfThree();
        const file = await disk.open('f');
        await file.truncate(sectorSizeBytes);
        await file.truncate(3 * sectorSizeBytes);
        return disk;
      },
      sectors,
    );
    assert.deepEqual([...seen].sort(), ['a\0\0', 'a\0a', 'aa\0', 'aaa']);
  });

  it('does nothing more for those that ran on it', async () => {
    const disk = await diskOfThree();
    const file = await disk.open('f');
    const after = disk.crash(new Prng(1));
    let settled = false;
    const late = [file.writeDurable(0, [Buffer.from('late')]), disk.remove('f'), disk.readFile('f')];
    for (const each of late) void each.finally(() => (settled = true));
    assert.equal(await sectors(after), 'aaa');
    assert.equal(settled, false);
  });
});

describe('a memory disk at the end of a process', () => {
  it('shows the next one what was written, and may lose it later', async () => {
    const seen = await outcomes(
      50,
      async () => {
        const disk = await diskOfThree();
        await (await disk.open('f')).write(0, [Buffer.alloc(3 * sectorSizeBytes, 'b')]);
        const after = disk.kill();
        assert.equal(await sectors(after), 'bbb');
        return after;
      },
      sectors,
    );
    assert.ok(seen.size > 2);
  });
});

describe('a full memory disk', () => {
  it('takes what just fits, refuses one byte more, and goes on when there is space', async () => {
    const disk = new MemoryDisk();
    disk.capacityBytes = 1000;
    const file = await disk.open('f', { create: true });
    await file.write(0, [Buffer.alloc(600)]);
    await disk.writeFileDurable('g', Buffer.alloc(400));
    assert.equal(disk.usedBytes, 1000);
    await assert.rejects(file.write(600, [Buffer.alloc(1)]), full);
    await assert.rejects(file.writeDurable(599, [Buffer.alloc(2)]), full);
    await assert.rejects(file.truncate(601), full);
    await assert.rejects(disk.writeFileDurable('h', Buffer.alloc(1)), full);
    await file.write(0, [Buffer.alloc(600, 1)]);
    await disk.remove('g');
    await file.writeDurable(600, [Buffer.alloc(400)]);
  });
});

describe('a memory disk whose sync fails', () => {
  it('goes on showing what it lost, and no later sync makes up for it', async () => {
    const lost = new DiskError('failed', 'sync f: input/output error');
    const seen = await outcomes(
      50,
      async () => {
        const disk = await diskOfThree();
        const file = await disk.open('f');
        disk.damage = new Prng(1);
        disk.faults = (operation) => (operation === 'sync' ? lost : undefined);
        await assert.rejects(file.writeDurable(0, [Buffer.alloc(3 * sectorSizeBytes, 'b')]), lost);
        disk.faults = () => undefined;
        await file.sync();
        assert.equal(await sectors(disk), 'bbb');
        return disk;
      },
      sectors,
    );
    const [left] = seen;
    assert.equal(seen.size, 1, 'what it left is settled');
    assert.notEqual(left, 'bbb');
  });

  it('keeps what is written again and synced', async () => {
    const disk = await diskOfThree();
    const file = await disk.open('f');
    disk.damage = new Prng(1);
    disk.faults = (operation) => (operation === 'sync' ? new DiskError('failed', 'sync f') : undefined);
    await assert.rejects(file.writeDurable(0, [Buffer.alloc(3 * sectorSizeBytes, 'b')]));
    disk.faults = () => undefined;
    await file.writeDurable(0, [Buffer.alloc(3 * sectorSizeBytes, 'b')]);
    assert.equal(await sectors(disk.crash(new Prng(1))), 'bbb');
  });
});
