import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng, randomInt, type RandomSource } from '../../src/base/prng.js';
import { DiskError, type Disk, type DiskFile } from '../../src/ports/disk.js';

/** One kind of disk under test. */
export interface DiskKind {
  readonly name: string;
  /** A new, empty one. */
  create(): Promise<Disk>;
  /** As the next start finds it: behind a power loss where one can be had. */
  restart(disk: Disk): Promise<Disk>;
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const show = (content: Uint8Array | undefined): string | undefined =>
  content === undefined ? undefined : Buffer.from(content).toString('latin1');

/** One line that names the path. */
function refused(path: string) {
  return (error: unknown): boolean =>
    error instanceof DiskError &&
    error.reason === 'failed' &&
    error.message.includes(path) &&
    !error.message.includes('\n');
}

async function withFile(
  disk: Disk,
  path: string,
  use: (file: DiskFile) => Promise<void>,
  create = true,
): Promise<void> {
  const file = await disk.open(path, { create });
  try {
    await use(file);
  } finally {
    await file.close();
  }
}

export function diskContract(kind: DiskKind): void {
  describe(`disk: ${kind.name}`, () => {
    testFiles(kind);
    testFolders(kind);
    testRefusals(kind);
    testDurability(kind);
  });
}

function testFiles(kind: DiskKind): void {
  it('reads what was written, at any position, with zeros in between', async () => {
    const disk = await kind.create();
    await withFile(disk, 'f', async (file) => {
      assert.equal(await file.sizeBytes(), 0);
      await file.write(0, [bytes('one'), bytes(''), bytes('two')]);
      await file.writeDurable(10, [bytes('three')]);
      await file.write(1, [bytes('N')]);
      await file.write(100, []);
      assert.equal(await file.sizeBytes(), 15);
      assert.equal(show(await file.read(0, 15)), 'oNetwo\0\0\0\0three');
      assert.equal(show(await file.read(10, 100)), 'three', 'shorter at the end');
      assert.equal((await file.read(15, 1)).length, 0);
      assert.equal((await file.read(1000, 1)).length, 0);
    });
    assert.equal(show(await disk.readFile('f')), 'oNetwo\0\0\0\0three');
  });

  it('cuts and lengthens a file; what was cut off comes back as zeros', async () => {
    const disk = await kind.create();
    await withFile(disk, 'f', async (file) => {
      await file.write(0, [Buffer.alloc(3000, 'x')]);
      await file.truncate(600);
      assert.equal(await file.sizeBytes(), 600);
      await file.truncate(2000);
      await file.sync();
      assert.deepEqual(Buffer.from(await file.read(598, 4)), Buffer.from('xx\0\0'));
      assert.equal(await file.sizeBytes(), 2000);
    });
  });

  it('takes more pieces at once than one system call does', async () => {
    const disk = await kind.create();
    await withFile(disk, 'f', async (file) => {
      const pieces = Array.from({ length: 3000 }, (_, at) => bytes(String(at % 10)));
      await file.writeDurable(0, pieces);
      assert.equal(show(await file.read(0, 4000)), show(Buffer.concat(pieces)));
    });
  });

  it('lets writes to different places go on side by side, through several handles', async () => {
    const disk = await kind.create();
    const handles = [await disk.open('f', { create: true }), await disk.open('f')];
    await Promise.all(
      Array.from({ length: 50 }, (_, at) =>
        handles[at % 2]!.write(at * 100, [Buffer.alloc(100, String.fromCharCode(65 + at))]),
      ),
    );
    for (const file of handles) {
      const whole = await file.read(0, 5000);
      assert.equal(whole.length, 5000);
      assert.ok(whole.every((byte, at) => byte === 65 + Math.floor(at / 100)));
      await file.close();
    }
  });

  it('does what a plain array does', async () => {
    const seed = Number(process.env['KVORUM_SEED'] ?? 1);
    const random = new Prng(seed);
    const disk = await kind.create();
    await withFile(disk, 'f', async (file) => {
      let model = Buffer.alloc(0);
      for (let step = 0; step < 200; step++) {
        model = await randomStep(file, model, random);
        const position = randomInt(random, 5000);
        const lengthBytes = 1 + randomInt(random, 3000);
        const where = `KVORUM_SEED=${seed}, step ${step}`;
        assert.equal(await file.sizeBytes(), model.length, where);
        const expected = model.subarray(position, position + lengthBytes);
        assert.ok(expected.equals(await file.read(position, lengthBytes)), where);
      }
    });
  });
}

/** @returns the model behind one random write or cut */
async function randomStep(file: DiskFile, model: Buffer, random: RandomSource): Promise<Buffer<ArrayBuffer>> {
  const position = randomInt(random, 4000);
  if (randomInt(random, 8) === 0) {
    await file.truncate(position);
    const cut = Buffer.alloc(position);
    model.copy(cut);
    return cut;
  }
  const chunk = Buffer.alloc(1 + randomInt(random, 1500), randomInt(random, 256));
  await (randomInt(random, 2) === 0 ? file.write(position, [chunk]) : file.writeDurable(position, [chunk]));
  const written = Buffer.alloc(Math.max(model.length, position + chunk.length));
  model.copy(written);
  chunk.copy(written, position);
  return written;
}

function testFolders(kind: DiskKind): void {
  it('lists names in order, files and folders, of one folder alone', async () => {
    const disk = await kind.create();
    await disk.makeFolder('a/b');
    await disk.makeFolder('a/b');
    for (const path of ['z', 'a/y', 'a/b/x']) await disk.writeFileDurable(path, bytes(path));
    assert.deepEqual(await disk.list(''), ['a', 'z']);
    assert.deepEqual(await disk.list('a'), ['b', 'y']);
    assert.deepEqual(await disk.list('a/b'), ['x']);
    assert.deepEqual(await disk.list('absent'), []);
    assert.deepEqual(await disk.list('absent/deeper'), []);
  });

  it('replaces a file as a whole, and leaves nothing else behind', async () => {
    const disk = await kind.create();
    assert.equal(await disk.readFile('f'), undefined);
    await disk.writeFileDurable('f', bytes('a longer content'));
    await disk.writeFileDurable('f', bytes('short'));
    assert.equal(show(await disk.readFile('f')), 'short');
    assert.deepEqual(await disk.list(''), ['f']);
  });

  it('renames a file, over another one and to another folder', async () => {
    const disk = await kind.create();
    await disk.makeFolder('folder');
    await disk.writeFileDurable('from', bytes('new'));
    await disk.writeFileDurable('folder/to', bytes('old'));
    await disk.rename('from', 'folder/to');
    assert.deepEqual(await disk.list(''), ['folder']);
    assert.equal(show(await disk.readFile('folder/to')), 'new');
  });

  it('removes files and whole folders; harmless where there is nothing', async () => {
    const disk = await kind.create();
    await disk.makeFolder('a/b');
    await disk.writeFileDurable('a/b/f', bytes('f'));
    await disk.writeFileDurable('ab', bytes('not in a'));
    await disk.remove('a');
    await disk.remove('a');
    await disk.remove('a/b/f');
    assert.deepEqual(await disk.list(''), ['ab']);
    assert.equal(await disk.readFile('a/b/f'), undefined);
  });

  it('lets an open file be read on after its removal', async () => {
    const disk = await kind.create();
    await withFile(disk, 'f', async (file) => {
      await file.write(0, [bytes('content')]);
      await disk.remove('f');
      assert.equal(show(await file.read(0, 7)), 'content');
    });
    assert.equal(await disk.readFile('f'), undefined);
  });
}

function testRefusals(kind: DiskKind): void {
  it('refuses what cannot be, with an error that names the path', async () => {
    const disk = await kind.create();
    await disk.makeFolder('folder');
    await disk.writeFileDurable('file', bytes('f'));
    await assert.rejects(disk.open('absent'), refused('absent'));
    await assert.rejects(disk.open('absent/f', { create: true }), refused('absent/f'));
    await assert.rejects(disk.open('folder', { create: true }), refused('folder'));
    await assert.rejects(disk.readFile('folder'), refused('folder'));
    await assert.rejects(disk.writeFileDurable('absent/f', bytes('')), refused('absent/f'));
    await assert.rejects(disk.writeFileDurable('folder', bytes('')), refused('folder'));
    await assert.rejects(disk.makeFolder('file'), refused('file'));
    await assert.rejects(disk.makeFolder('file/deeper'), refused('file/deeper'));
    await assert.rejects(disk.rename('absent', 'file'), refused('absent'));
    await assert.rejects(disk.rename('file', 'absent/f'), refused('file'));
    await assert.rejects(disk.rename('file', 'folder'), refused('file'));
    assert.equal(await disk.readFile('file/deeper'), undefined);
    assert.deepEqual(await disk.list(''), ['file', 'folder'], 'and nothing was made or lost');
    assert.equal(show(await disk.readFile('file')), 'f');
  });

  it('lets a closed file be closed again, and nothing else', async () => {
    const disk = await kind.create();
    const file = await disk.open('f', { create: true });
    await file.close();
    await file.close();
    await assert.rejects(file.read(0, 1), DiskError);
    await assert.rejects(file.write(0, [bytes('x')]), DiskError);
    await assert.rejects(file.writeDurable(0, [bytes('x')]), DiskError);
    await assert.rejects(file.sync(), DiskError);
    await assert.rejects(file.truncate(5), DiskError);
    await assert.rejects(file.sizeBytes(), DiskError);
    assert.equal(show(await disk.readFile('f')), '');
  });
}

function testDurability(kind: DiskKind): void {
  it('finds everything again that it promised to keep', async () => {
    let disk = await kind.create();
    await disk.makeFolder('a/b');
    await withFile(disk, 'a/b/durable', (file) => file.writeDurable(700, [Buffer.alloc(700, 'd')]));
    await withFile(disk, 'a/b/synced', async (file) => {
      await file.write(0, [Buffer.alloc(3000, 's')]);
      await file.write(100, [bytes('S')]);
      await file.truncate(2000);
      await file.sync();
    });
    await disk.writeFileDurable('replaced', bytes('old'));
    await disk.writeFileDurable('replaced', bytes('new'));
    await disk.writeFileDurable('from', bytes('renamed'));
    await disk.rename('from', 'a/to');
    await disk.writeFileDurable('gone', bytes('x'));
    await disk.remove('gone');
    await withFile(disk, 'empty', () => Promise.resolve());

    disk = await kind.restart(disk);
    assert.deepEqual(await disk.list(''), ['a', 'empty', 'replaced']);
    assert.deepEqual(await disk.list('a/b'), ['durable', 'synced']);
    assert.equal(
      show(await disk.readFile('a/b/durable')),
      show(Buffer.concat([Buffer.alloc(700), Buffer.alloc(700, 'd')])),
    );
    assert.equal(show(await disk.readFile('a/b/synced')), `${'s'.repeat(100)}S${'s'.repeat(1899)}`);
    assert.equal(show(await disk.readFile('replaced')), 'new');
    assert.equal(show(await disk.readFile('a/to')), 'renamed');
    assert.equal((await disk.readFile('empty'))?.length, 0);
  });
}
