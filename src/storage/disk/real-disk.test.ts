import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DiskError } from '../../ports/disk.js';
import { RealDisk } from './real-disk.js';

const notLinux = process.platform === 'linux' ? false : 'needs Linux';

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-real-disk-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('the real disk', () => {
  it('tells a full disk from a failed one', { skip: notLinux }, async () => {
    // /dev/full refuses every write with ENOSPC.
    const file = await new RealDisk('/dev').open('full');
    const full = (error: unknown): boolean =>
      error instanceof DiskError && error.reason === 'full' && /^write full: ENOSPC/.test(error.message);
    await assert.rejects(file.write(0, [Buffer.from('x')]), full);
    await assert.rejects(file.writeDurable(0, [Buffer.from('x')]), full);
    await file.close();
  });

  it('keeps no descriptor behind what it refuses or has done', { skip: notLinux }, async (t) => {
    const disk = new RealDisk(temporaryFolder(t));
    const use = async (): Promise<void> => {
      await disk.makeFolder('folder/deeper');
      await disk.writeFileDurable('f', Buffer.from('f'));
      await (await disk.open('f')).close();
      await disk.rename('f', 'folder/f');
      await disk.remove('folder');
      await disk.makeFolder('folder');
      for (const refused of [
        () => disk.open('absent'),
        () => disk.open('folder'),
        () => disk.writeFileDurable('folder', Buffer.from('f')),
        () => disk.writeFileDurable('absent/f', Buffer.from('f')),
        () => disk.rename('absent', 'f'),
      ]) {
        await assert.rejects(refused, DiskError);
      }
    };
    await use();
    const before = openDescriptors();
    for (let round = 0; round < 5; round++) await use();
    assert.equal(openDescriptors(), before);
  });

  it('makes files and folders that only its own user can read', { skip: notLinux }, async (t) => {
    const root = temporaryFolder(t);
    const disk = new RealDisk(root);
    await disk.makeFolder('folder');
    await disk.writeFileDurable('folder/whole', Buffer.from('f'));
    await (await disk.open('folder/opened', { create: true })).close();
    const mode = (path: string): number => statSync(join(root, path)).mode & 0o077;
    assert.deepEqual([mode('folder'), mode('folder/whole'), mode('folder/opened')], [0, 0, 0]);
  });
});
