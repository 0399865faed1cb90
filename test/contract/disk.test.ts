import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { Prng } from '../../src/base/prng.js';
import type { Disk } from '../../src/ports/disk.js';
import { MemoryDisk } from '../../src/storage/disk/memory-disk.js';
import { RealDisk } from '../../src/storage/disk/real-disk.js';
import { diskContract } from './disk.js';

const random = new Prng(1);

diskContract({
  name: 'memory',
  create: () => Promise.resolve(new MemoryDisk()),
  restart: (disk) => Promise.resolve((disk as MemoryDisk).crash(random)),
});

const roots = new Map<Disk, string>();
after(async () => {
  for (const root of roots.values()) await rm(root, { recursive: true, force: true });
});

function realDisk(root: string): Disk {
  const disk = new RealDisk(root);
  roots.set(disk, root);
  return disk;
}

diskContract({
  name: 'real',
  create: async () => realDisk(await mkdtemp(join(tmpdir(), 'kvorum-disk-'))),
  restart: (disk) => Promise.resolve(realDisk(roots.get(disk)!)),
});
