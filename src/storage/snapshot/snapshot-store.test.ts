import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32c } from '../../base/crc32c.js';
import { isDamage, KvorumError } from '../../base/errors.js';
import { Prng, randomInt, type RandomSource } from '../../base/prng.js';
import { itHoldsForSeeds } from '../../base/testing/seeds.js';
import { tableNames, type Backend } from '../../ports/backend.js';
import { DiskError } from '../../ports/disk.js';
import type { IncomingSnapshot, SnapshotHeader } from '../../ports/peers.js';
import { RealClock } from '../../ports/real-clock.js';
import type { SnapshotMeta } from '../../raft/types.js';
import { MemoryBackend } from '../backend/memory-backend.js';
import { MemoryDisk } from '../disk/memory-disk.js';
import { SnapshotStore, type SnapshotFile } from './snapshot-store.js';

const config = { voters: [1n], votersOutgoing: [], learners: [2n], learnersNext: [], autoLeave: false };
const meta: SnapshotMeta = { index: 9, term: 2, config, configIndex: 3 };
const signal = new AbortController().signal;

function storeOn(disk: MemoryDisk): SnapshotStore {
  return new SnapshotStore(disk, 'snapshot', { random: new Prng(1), clock: new RealClock() });
}

/** About two chunks of a snapshot file, with a row larger than one. */
function filled(random: RandomSource): MemoryBackend {
  const backend = new MemoryBackend();
  for (let count = 0; count < 300; count++) {
    const table = tableNames[randomInt(random, tableNames.length)]!;
    const value = Buffer.alloc(randomInt(random, 2000), randomInt(random, 256));
    backend.put(table, Buffer.from(`key ${randomInt(random, 1000)}`), value);
  }
  backend.put('history', Buffer.from('large'), Buffer.alloc(300_000, 7));
  backend.put('history', Buffer.from('empty'), Buffer.alloc(0));
  backend.commit({ index: meta.index, term: meta.term });
  return backend;
}

function rowsOf(backend: Backend): string[] {
  return tableNames.flatMap((table) =>
    [...backend.range(table, {})].map(
      ({ key, value }) => `${table} ${Buffer.from(key).toString()} ${crc32c(value)}`,
    ),
  );
}

async function create(store: SnapshotStore, backend: Backend): Promise<SnapshotFile> {
  const view = await backend.view();
  try {
    return await store.create(view, { meta, featureLevel: 1 }, signal);
  } finally {
    view.close();
  }
}

const pieceSizeBytes = 50_000;

/** Brings `incoming` the rest of `file`, in pieces. */
async function bring(file: SnapshotFile, incoming: IncomingSnapshot): Promise<void> {
  for (let at = incoming.receivedBytes; at < file.header.sizeBytes; at += pieceSizeBytes) {
    const length = Math.min(pieceSizeBytes, file.header.sizeBytes - at);
    await incoming.write(at, await file.read(at, length));
  }
}

/** A file made by one member, for the tests of another. */
async function made(seed = 1): Promise<{ file: SnapshotFile; rows: string[] }> {
  const backend = filled(new Prng(seed));
  return { file: await create(storeOn(new MemoryDisk()), backend), rows: rowsOf(backend) };
}

async function installed(store: SnapshotStore, header: SnapshotHeader): Promise<string[]> {
  const backend = new MemoryBackend();
  const install = await backend.beginInstall();
  await store.install(header, install);
  await install.activate({ index: header.meta.index, term: header.meta.term }, () => {});
  return rowsOf(backend);
}

describe('a snapshot', () => {
  itHoldsForSeeds('brings over all rows of all tables', 5, [], async (seed) => {
    const { file, rows } = await made(seed);
    const store = storeOn(new MemoryDisk());
    const incoming = await store.receive(file.header);
    assert.equal(incoming.receivedBytes, 0);
    await bring(file, incoming);
    await incoming.finish();
    assert.deepEqual(await installed(store, file.header), rows);
  });

  it('of nothing is one too', async () => {
    const file = await create(storeOn(new MemoryDisk()), new MemoryBackend());
    assert.equal(file.header.sizeBytes, 0);
    const store = storeOn(new MemoryDisk());
    await (await store.receive(file.header)).finish();
    assert.deepEqual(await installed(store, file.header), []);
  });

  it('goes on where it broke off, and begins anew when it is another one', async () => {
    const { file, rows } = await made();
    const disk = new MemoryDisk();
    let store = storeOn(disk);
    let incoming = await store.receive(file.header);
    await incoming.write(0, await file.read(0, 123_456));
    await incoming.suspend();

    store = storeOn(disk.crash(new Prng(1)));
    incoming = await store.receive(file.header);
    assert.equal(incoming.receivedBytes, 123_456);
    await incoming.suspend();
    const other = { ...file.header, id: file.header.id + 1n };
    incoming = await store.receive(other);
    assert.equal(incoming.receivedBytes, 0);
    await bring(file, incoming);
    await incoming.finish();
    assert.deepEqual(await installed(store, other), rows);
  });

  const shared = made();
  itHoldsForSeeds('is never taken for whole when a power loss took a part of it', 30, [], async (seed) => {
    const random = new Prng(seed);
    const { file, rows } = await shared;
    let disk = new MemoryDisk();
    for (let attempts = 0; ; attempts++) {
      const store = storeOn(disk);
      let left = attempts < 3 ? randomInt(random, 12) : Infinity;
      const lost = new Promise<'lost'>((resolve) => {
        disk.faults = () => {
          if (left-- > 0) return undefined;
          resolve('lost');
          return new Promise(() => {});
        };
      });
      const attempt = async (): Promise<'taken' | 'damaged'> => {
        const incoming = await store.receive(file.header);
        await bring(file, incoming);
        try {
          await incoming.finish();
          return 'taken';
        } catch (error) {
          assert.ok(isDamage(error));
          return 'damaged';
        }
      };
      const outcome = await Promise.race([attempt(), lost]);
      disk.faults = () => undefined;
      if (outcome === 'taken') {
        assert.deepEqual(await installed(store, file.header), rows);
        return;
      }
      assert.ok(attempts < 5, 'what is damaged is sent again');
      if (outcome === 'lost') disk = disk.crash(random);
    }
  });

  it('that arrives damaged is refused, and sent again from the start', async () => {
    const { file, rows } = await made();
    const disk = new MemoryDisk();
    const store = storeOn(disk);
    let incoming = await store.receive(file.header);
    await bring(file, incoming);
    disk.flipBit('snapshot/incoming.rows', 70_000, 3);
    await assert.rejects(incoming.finish(), isDamage);
    assert.deepEqual(disk.paths(), []);
    incoming = await store.receive(file.header);
    assert.equal(incoming.receivedBytes, 0);
    await bring(file, incoming);
    await incoming.finish();
    assert.deepEqual(await installed(store, file.header), rows);
  });

  it('that is short is refused, and that brings more than it said', async () => {
    const { file } = await made();
    const store = storeOn(new MemoryDisk());
    let incoming = await store.receive(file.header);
    await incoming.write(0, await file.read(0, 100));
    await assert.rejects(incoming.finish(), isDamage);
    incoming = await store.receive(file.header);
    await assert.rejects(incoming.write(file.header.sizeBytes - 1, Buffer.alloc(2)), isDamage);
  });

  it('whose header got damaged is forgotten; one of a later version is refused', async () => {
    const { file } = await made();
    const disk = new MemoryDisk();
    const incoming = await storeOn(disk).receive(file.header);
    await bring(file, incoming);
    await incoming.finish();
    const store = storeOn(disk);
    assert.equal(await store.holds(meta), true);
    disk.flipBit('snapshot/incoming.json', 20, 1);
    assert.equal(await store.holds(meta), false);
    await store.cleanUp(0);
    assert.deepEqual(disk.paths(), []);

    const line = '{"formatVersion":3}';
    const check = crc32c(Buffer.from(line)).toString(16).padStart(8, '0');
    await disk.writeFileDurable('snapshot/incoming.json', Buffer.from(`${line}\n${check}\n`));
    await assert.rejects(
      store.cleanUp(0),
      (error) =>
        error instanceof KvorumError &&
        error.code === 'DATA_FOLDER_MISMATCH' &&
        error.message.startsWith('snapshot/incoming.json has format 3, this version reads 2'),
    );
  });
});

describe('the snapshot files of a member', () => {
  it('are one that it made, and one that it is sent', async () => {
    const disk = new MemoryDisk();
    const store = storeOn(disk);
    assert.equal(store.latest(), undefined);
    const first = await create(store, filled(new Prng(1)));
    const second = await create(store, filled(new Prng(2)));
    assert.equal(store.latest(), second);
    assert.notEqual(first.header.id, second.header.id);
    await assert.rejects(first.read(0, 1), DiskError);
    assert.equal(disk.sizeOf('snapshot/outgoing.rows'), second.header.sizeBytes);
    await (await store.receive(second.header)).suspend();
    assert.deepEqual(disk.paths(), [
      'snapshot/incoming.json',
      'snapshot/incoming.rows',
      'snapshot/outgoing.rows',
    ]);
    await store.dropLatest();
    assert.equal(store.latest(), undefined);
    await store.removeReceived();
    assert.deepEqual(disk.paths(), []);
  });

  it('of an earlier life are removed, but for one on its way that is newer than the state', async () => {
    const disk = new MemoryDisk();
    await create(storeOn(disk), filled(new Prng(1)));
    const { file } = await made();
    await (await storeOn(disk).receive(file.header)).suspend();
    await storeOn(disk).cleanUp(meta.index - 1);
    assert.deepEqual(disk.paths(), ['snapshot/incoming.json', 'snapshot/incoming.rows']);
    await storeOn(disk).cleanUp(meta.index);
    assert.deepEqual(disk.paths(), []);
    await storeOn(new MemoryDisk()).cleanUp(5);
  });

  it('tell whether they are of a state, by its exact position', async () => {
    const store = storeOn(new MemoryDisk());
    assert.equal(await store.holds(meta), false);
    const { file } = await made();
    await (await store.receive(file.header)).suspend();
    assert.equal(await store.holds(meta), true);
    assert.equal(await store.holds({ index: meta.index + 1, term: meta.term }), false);
    assert.equal(await store.holds({ index: meta.index, term: meta.term + 1 }), false);
  });

  it('give the space back when they cannot be made', async () => {
    const disk = new MemoryDisk();
    const store = storeOn(disk);
    const backend = filled(new Prng(1));
    disk.capacityBytes = 400_000;
    await assert.rejects(
      create(store, backend),
      (error) => error instanceof DiskError && error.reason === 'full',
    );
    assert.equal(store.latest(), undefined);
    assert.equal(disk.usedBytes, 0);
    disk.capacityBytes = Infinity;
    assert.ok((await create(store, backend)).header.sizeBytes > 400_000);
  });

  it('are left unfinished when the transfer was called off', async () => {
    const disk = new MemoryDisk();
    const abort = new AbortController();
    const view = await filled(new Prng(1)).view();
    const creating = storeOn(disk).create(view, { meta, featureLevel: 1 }, abort.signal);
    abort.abort(new Error('called off'));
    await assert.rejects(creating, /called off/);
    assert.deepEqual(disk.paths(), []);
  });

  it('go on arriving when a full disk has space again', async () => {
    const { file, rows } = await made();
    const disk = new MemoryDisk();
    const store = storeOn(disk);
    let incoming = await store.receive(file.header);
    disk.capacityBytes = disk.usedBytes + 200_000;
    await assert.rejects(
      bring(file, incoming),
      (error) => error instanceof DiskError && error.reason === 'full',
    );
    await incoming.suspend();
    disk.capacityBytes = Infinity;
    incoming = await store.receive(file.header);
    assert.equal(incoming.receivedBytes, 200_000);
    await bring(file, incoming);
    await incoming.finish();
    assert.deepEqual(await installed(store, file.header), rows);
  });

  it('are let go of when the member ends, and no more are made', async () => {
    const disk = new MemoryDisk();
    const store = storeOn(disk);
    const backend = filled(new Prng(1));
    await create(store, backend);
    const making = create(store, backend);
    await store.close();
    await assert.rejects(making, { code: 'MEMBER_STOPPING' });
    await assert.rejects(create(store, backend), { code: 'MEMBER_STOPPING' });
    assert.equal(store.latest(), undefined);
    assert.deepEqual(disk.paths(), []);
  });
});
