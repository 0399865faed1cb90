import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { RealClock } from '../../src/ports/real-clock.js';
import { LmdbBackend } from '../../src/storage/backend/lmdb-backend.js';
import { MemoryBackend } from '../../src/storage/backend/memory-backend.js';
import type { Backend } from '../../src/ports/backend.js';
import { backendContract, type BackendKind } from './backend.js';
import { cutValuesContract } from './backend-cut-values.js';
import { installsContract } from './backend-installs.js';
import { openBatchesContract } from './backend-open-batches.js';

const memory: BackendKind = {
  name: 'memory',
  create: () => Promise.resolve(new MemoryBackend()),
  reopen: async (backend, how) => {
    await backend.close(how);
    return (backend as MemoryBackend).crash();
  },
};

const memoryOfChunks: BackendKind = {
  ...memory,
  name: 'memory, with long keys in chunks',
  create: () => Promise.resolve(new MemoryBackend({ keySizeBytesMax: 1960 })),
};

const folders = new Map<Backend, string>();
const clock = new RealClock();
after(async () => {
  for (const folder of folders.values()) await rm(folder, { recursive: true, force: true });
});

const lmdb: BackendKind = {
  name: 'LMDB',
  create: async () => {
    const folder = await mkdtemp(join(tmpdir(), 'kvorum-backend-'));
    const backend = await LmdbBackend.open(folder, { clock });
    folders.set(backend, folder);
    return backend;
  },
  reopen: async (backend, how) => {
    await backend.close(how);
    const folder = folders.get(backend)!;
    const again = await LmdbBackend.open(folder, { clock });
    folders.set(again, folder);
    return again;
  },
};

for (const kind of [memory, memoryOfChunks, lmdb]) {
  backendContract(kind);
  cutValuesContract(kind);
  openBatchesContract(kind);
  installsContract(kind);
}
