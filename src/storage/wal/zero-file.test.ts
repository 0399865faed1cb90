import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DiskError } from '../../ports/disk.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { Wal } from './wal.js';
import { entry, owner } from './testing/history.js';
import { ZeroFile } from './zero-file.js';

const mebibyte = 1024 * 1024;
const stepSizeBytes = mebibyte / 2;

describe('a file of zeros', () => {
  it('is durable as a whole, whatever was there before', async () => {
    const disk = new MemoryDisk();
    const before = await disk.open('spare.tmp', { create: true });
    await before.writeDurable(0, [new Uint8Array(2 * mebibyte).fill(7)]);
    await before.close();
    const file = await new ZeroFile(disk, 'spare.tmp', mebibyte + 1).whole();
    await file.close();
    assert.deepEqual(await disk.readFile('spare.tmp'), new Uint8Array(mebibyte + 1));
  });

  it('grows as far as it is wanted, a step at a time, and no further', async () => {
    const disk = new MemoryDisk();
    const file = new ZeroFile(disk, 'spare.tmp', 4 * mebibyte);
    const sizes: number[] = [];
    const grown = new Promise<void>((resolve) => {
      disk.report = (operation) => {
        if (operation !== 'sync') return undefined;
        sizes.push(disk.usedBytes);
        if (sizes.length === 3) setImmediate(resolve);
        return undefined;
      };
    });
    file.grow(1);
    file.grow(2 * stepSizeBytes + 1);
    await grown;
    assert.deepEqual(
      sizes,
      [1, 2, 3].map((steps) => steps * stepSizeBytes),
    );
    const whole = await file.whole();
    assert.equal(await whole.sizeBytes(), 4 * mebibyte);
    assert.equal(sizes.length, 8);
    await whole.close();
  });

  it('leaves nothing on a full disk, waits until it is needed, and is begun anew then', async () => {
    const disk = new MemoryDisk();
    const file = new ZeroFile(disk, 'spare.tmp', 4 * mebibyte);
    disk.capacityBytes = mebibyte;
    const removed = new Promise<void>((resolve) => {
      disk.report = (operation) => {
        if (operation === 'remove') setImmediate(resolve);
        return undefined;
      };
    });
    file.grow(4 * mebibyte);
    await removed;
    assert.equal(disk.usedBytes, 0);
    disk.report = (operation) => assert.fail(`${operation} before it is needed`);
    file.grow(4 * mebibyte);
    disk.report = () => undefined;
    await assert.rejects(file.whole(), (error) => error instanceof DiskError && error.reason === 'full');
    disk.capacityBytes = Infinity;
    const whole = await file.whole();
    assert.deepEqual(await whole.read(0, 5 * mebibyte), new Uint8Array(4 * mebibyte));
    await whole.close();
  });

  it('is made for the next segment while the second half of the one before fills', async () => {
    const disk = new MemoryDisk();
    const segmentSizeBytes = 4 * mebibyte;
    const wal = await Wal.create(disk, 'wal', { segmentSizeBytes, batchSizeBytesMax: mebibyte }, owner);
    const spareSizeBytes = async (): Promise<number> => (await disk.readFile('wal/spare.tmp'))?.length ?? 0;
    const sizes: number[] = [];
    for (let index = 1; index < 4 * 16; index++) {
      await wal.append({ entries: [entry(index, 1, mebibyte / 16)] });
      sizes.push(await spareSizeBytes());
    }
    assert.equal(sizes[28], 0);
    const steps = new Set(sizes.filter((sizeBytes) => sizeBytes > 0));
    assert.ok(steps.size >= 6, `sizes ${[...steps].join(', ')}`);
    assert.equal(sizes.at(-1), segmentSizeBytes);
    await wal.close();
  });
});
