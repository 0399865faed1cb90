import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { KvorumError, type ErrorCode } from '../../base/errors.js';
import { Prng } from '../../base/prng.js';
import { DataFolder, type Identity } from './data-folder.js';
import { nextStartEpoch, secretSizeBytes } from './identity.js';
import { readPassedOver, writePassedOver } from './passed-over-file.js';

const identity: Identity = {
  clusterId: 0x77n,
  memberId: 0xffff_ffff_ffff_fff0n,
  name: 'node1',
  state: 'member',
  secret: Uint8Array.from({ length: secretSizeBytes }, (_, at) => at * 7),
};

function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(join(tmpdir(), 'kvorum-data-folder-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The code, and one line that names the folder and says `what`. */
function refused(code: ErrorCode, folder: string, what: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof KvorumError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, what);
    assert.ok(error.message.includes(folder) && !error.message.includes('\n'), error.message);
    return true;
  };
}

/** A folder that holds a member's data, as far as its identity. */
async function memberFolder(t: TestContext): Promise<string> {
  const path = temporaryFolder(t);
  const folder = await DataFolder.open(path, identity.name);
  await folder.saveIdentity(identity);
  await folder.close();
  return path;
}

describe('a data folder', () => {
  it('is made with all that is missing of its path, for its own user alone', async (t) => {
    const path = join(temporaryFolder(t), 'a', 'b', 'node1');
    const folder = await DataFolder.open(path, 'node1');
    assert.equal(folder.identity, undefined);
    assert.equal(folder.path, path);
    if (process.platform !== 'win32') assert.equal(fs.statSync(path).mode & 0o077, 0);
    await folder.close();
  });

  it('takes a higher epoch at each start, though the clock goes back, and has it on disk at once', async (t) => {
    const path = await memberFolder(t);
    const epochs: number[] = [];
    for (const wallMs of [1000.5, 5000, 3000, 0, 6000]) {
      const folder = await DataFolder.open(path, identity.name);
      await folder.beginStart(wallMs, new Prng(1));
      epochs.push(folder.startEpoch);
      // It goes with whatever is saved later.
      await folder.saveIdentity({ ...identity, state: 'learning' });
      assert.equal(folder.identity?.startEpoch, folder.startEpoch);
      await folder.close();
    }
    epochs.forEach((epoch, at) => assert.ok(epoch > (epochs[at - 1] ?? 0), epochs.join(' ')));
    const inMs = epochs.map((epoch) => Math.floor(epoch / 1024));
    for (const [at, wallMs] of [1000, 5000, 5000, 5000, 6000].entries()) {
      assert.ok(inMs[at]! >= wallMs && inMs[at]! < wallMs + 64, epochs.join(' '));
    }
  });

  it('gives copies that are started at once different epochs, also where their clock went back', () => {
    const random = new Prng(2);
    for (const last of [0, 2 ** 51]) {
      const epochs = Array.from({ length: 20 }, () => nextStartEpoch(last, 1000, random));
      assert.equal(new Set(epochs).size, epochs.length, epochs.join(' '));
    }
  });

  it('has an epoch that can be read again, whatever the clock says', () => {
    let epoch = 0;
    for (let starts = 0; starts < 100; starts++) {
      const next = nextStartEpoch(epoch, Number.MAX_SAFE_INTEGER, new Prng(starts));
      assert.ok(Number.isSafeInteger(next) && next > epoch);
      epoch = next;
    }
  });

  it('has an epoch from its first start on', async (t) => {
    const path = temporaryFolder(t);
    const folder = await DataFolder.open(path, 'node1');
    await folder.beginStart(1000, new Prng(1));
    const { startEpoch } = folder;
    await folder.saveIdentity(identity);
    await folder.close();
    const again = await DataFolder.open(path, 'node1');
    assert.equal(again.identity?.startEpoch, startEpoch);
    await again.close();
  });

  it('remembers whose it is, and what changes of that', async (t) => {
    const path = temporaryFolder(t);
    const joining: Identity = { ...identity, clusterId: 0n, state: 'joining' };
    const learning: Identity = { ...identity, state: 'learning' };
    for (const each of [joining, { ...joining, clusterId: 5n }, learning, identity]) {
      const folder = await DataFolder.open(path, 'node1');
      await folder.saveIdentity(each);
      assert.deepEqual(folder.identity, each);
      await folder.close();
      const again = await DataFolder.open(path, 'node1');
      assert.deepEqual(again.identity, each);
      await again.close();
    }
  });

  it('is taken up again when its making was cut short, and when it is the root of a file system', async (t) => {
    const path = temporaryFolder(t);
    fs.writeFileSync(join(path, 'LOCK'), '');
    fs.writeFileSync(join(path, 'identity.json.tmp'), '{"formatVer');
    fs.mkdirSync(join(path, 'lost+found'));
    const folder = await DataFolder.open(path, 'node1');
    assert.equal(folder.identity, undefined);
    await folder.close();
  });

  it('is refused to another member', async (t) => {
    const path = await memberFolder(t);
    await assert.rejects(
      DataFolder.open(path, 'node2'),
      refused('DATA_FOLDER_MISMATCH', path, /belongs to member node1, not node2: start it with -id=node1/),
    );
    await (await DataFolder.open(path, 'node1')).close();
  });
});

describe('a data folder that is abandoned', () => {
  it('leaves nothing of what it made, and everything that was there', async (t) => {
    const root = temporaryFolder(t);
    const fresh = await DataFolder.open(join(root, 'a', 'b'), 'node1');
    await fresh.saveIdentity({ ...identity, state: 'joining' });
    await fresh.abandon();
    assert.deepEqual(fs.readdirSync(root), []);

    const empty = temporaryFolder(t);
    await (await DataFolder.open(empty, 'node1')).abandon();
    assert.deepEqual(fs.readdirSync(empty), []);

    const known = await memberFolder(t);
    await (await DataFolder.open(known, 'node1')).abandon();
    assert.deepEqual(fs.readdirSync(known).sort(), ['LOCK', 'identity.json']);
  });

  it('leaves the folders that others have begun to use', async (t) => {
    const root = temporaryFolder(t);
    const one = await DataFolder.open(join(root, 'data', 'one'), 'one');
    const two = await DataFolder.open(join(root, 'data', 'two'), 'two');
    await one.abandon();
    assert.deepEqual(fs.readdirSync(join(root, 'data')), ['two']);
    await two.close();
  });

  it('is never held twice, however many open and abandon it at once', async (t) => {
    const path = join(temporaryFolder(t), 'data', 'node1');
    let opened = 0;
    let held = 0;
    const attempt = async (): Promise<void> => {
      for (let at = 0; at < 10; at++) {
        let folder: DataFolder;
        try {
          folder = await DataFolder.open(path, 'node1');
        } catch (error) {
          // The path may be taken away by another that abandons it.
          assert.ok(error instanceof KvorumError, String(error));
          assert.match(error.code, /^DATA_FOLDER_(LOCKED|UNUSABLE)$/);
          continue;
        }
        opened++;
        assert.equal(++held, 1);
        await folder.saveIdentity(identity);
        held--;
        await folder.abandon();
      }
    };
    await Promise.all(Array.from({ length: 8 }, attempt));
    assert.ok(opened > 0);
  });
});

describe('the lock of a data folder', () => {
  it('keeps a second process out, names the first, and goes with it', async (t) => {
    const path = temporaryFolder(t);
    const holder = fork(new URL('./testing/hold-folder.js', import.meta.url), [path, 'node1']);
    await once(holder, 'message');
    const locked = refused(
      'DATA_FOLDER_LOCKED',
      path,
      new RegExp(`in use by another process [(]pid ${holder.pid}[)]`),
    );
    await assert.rejects(DataFolder.open(path, 'node1'), locked);
    await assert.rejects(DataFolder.open(path, 'node2'), locked);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await (await DataFolder.open(path, 'node1')).close();
  });

  it('keeps a second one out also when the file was taken away', async (t) => {
    const path = await memberFolder(t);
    const folder = await DataFolder.open(path, 'node1');
    fs.rmSync(join(path, 'LOCK'));
    await assert.rejects(DataFolder.open(path, 'node1'), refused('DATA_FOLDER_LOCKED', path, /in use/));
    await folder.close();
    await (await DataFolder.open(path, 'node1')).close();
  });

  it('keeps out a second opening in the same process, until the first is closed', async (t) => {
    const path = await memberFolder(t);
    const folder = await DataFolder.open(path, 'node1');
    await assert.rejects(
      DataFolder.open(path, 'node1'),
      refused('DATA_FOLDER_LOCKED', path, new RegExp(`pid ${process.pid}`)),
    );
    await folder.close();
    await (await DataFolder.open(path, 'node1')).close();
  });
});

describe('a damaged or foreign data folder', () => {
  it('is refused when anything is missing or wrong in its identity', async (t) => {
    const path = await memberFolder(t);
    const file = join(path, 'identity.json');
    const whole = fs.readFileSync(file, 'utf8');
    const fields = JSON.parse(whole) as Record<string, unknown>;
    const spoiled = ['null', '1', '[]', '"x"', '{}', whole.replace('{', '['), '\0'.repeat(whole.length)];
    for (let length = 0; length < whole.length - 1; length++) spoiled.push(whole.slice(0, length));
    for (const name of Object.keys(fields)) {
      for (const value of [undefined, null, 7.5, true, '', 'x', [], {}, -1, 0, '1', '0'.repeat(17)]) {
        if (name === 'name' && typeof value === 'string') continue;
        // A cluster may have none.
        if (name === 'secret' && value === undefined) continue;
        spoiled.push(JSON.stringify({ ...fields, [name]: value }));
      }
    }
    spoiled.push(JSON.stringify({ ...fields, memberId: '0'.repeat(16) }));
    spoiled.push(JSON.stringify({ ...fields, clusterId: '0'.repeat(16) }));
    for (const text of spoiled) {
      fs.writeFileSync(file, text);
      await assert.rejects(DataFolder.open(path, 'node1'), refused('DATA_DAMAGED', file, /is damaged/), text);
    }
    fs.writeFileSync(file, whole.trimEnd());
    await (await DataFolder.open(path, 'node1')).close();
  });

  it('is refused when another version made it', async (t) => {
    const path = await memberFolder(t);
    const file = join(path, 'identity.json');
    for (const version of [2, 4]) {
      fs.writeFileSync(file, `{"formatVersion":${version},"entirely":"different"}`);
      const said = new RegExp(
        `has format ${version}, this version reads 3: start it with the version that wrote it`,
      );
      await assert.rejects(DataFolder.open(path, 'node1'), refused('DATA_FOLDER_MISMATCH', file, said));
    }
  });

  it('is refused when it is not ours, and nothing is made in it', async (t) => {
    const path = temporaryFolder(t);
    fs.writeFileSync(join(path, 'thesis.tex'), 'years of work');
    await assert.rejects(
      DataFolder.open(path, 'node1'),
      refused('DATA_FOLDER_MISMATCH', path, /is not empty and not Kvorum's [(]it holds thesis.tex[)]/),
    );
    assert.deepEqual(fs.readdirSync(path), ['thesis.tex']);
  });

  it('is refused when its identity got lost', async (t) => {
    const path = await memberFolder(t);
    fs.mkdirSync(join(path, 'wal'));
    fs.rmSync(join(path, 'identity.json'));
    await assert.rejects(
      DataFolder.open(path, 'node1'),
      refused('DATA_FOLDER_MISMATCH', path, /it holds wal/),
    );
  });
});

describe("the cluster's secret in a data folder", () => {
  it('is read by its owner alone, and comes back', async (t) => {
    const path = await memberFolder(t);
    assert.equal(fs.statSync(join(path, 'identity.json')).mode & 0o077, 0);
    const folder = await DataFolder.openExisting(path);
    assert.deepEqual(folder.identity, identity);
    await folder.close();
  });

  it('may be absent, as in a cluster that was founded without one', async (t) => {
    const path = await memberFolder(t);
    const file = join(path, 'identity.json');
    const rest = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;
    delete rest['secret'];
    fs.writeFileSync(file, JSON.stringify(rest));
    const folder = await DataFolder.open(path, 'node1');
    assert.equal(folder.identity?.secret.length, 0);
    await folder.close();
  });

  it('is refused when it is none', async (t) => {
    const path = await memberFolder(t);
    const file = join(path, 'identity.json');
    const plain = JSON.parse(fs.readFileSync(file, 'utf8')) as Record<string, unknown>;
    for (const secret of ['', 7, null, 'ab', 'g'.repeat(64), 'a'.repeat(66)]) {
      fs.writeFileSync(file, JSON.stringify({ ...plain, secret }));
      await assert.rejects(DataFolder.open(path, 'node1'), { code: 'DATA_DAMAGED' });
    }
  });
});

describe('the entries that a data folder passes over', () => {
  it('come back as they were written; what is none is refused', async (t) => {
    const path = await memberFolder(t);
    const { disk } = await openAndClose(path);
    assert.deepEqual(await readPassedOver(path, disk), []);
    const rows = [{ index: 5, term: 2, checksum: 7, tried: true }];
    await writePassedOver(disk, rows);
    assert.deepEqual(await readPassedOver(path, disk), rows);
    for (const text of ['', '[]', 'null', '{"formatVersion":1,"entries":[1]}']) {
      fs.writeFileSync(join(path, 'passed-over.json'), text);
      await assert.rejects(readPassedOver(path, disk), { code: 'DATA_DAMAGED' });
    }
    const file = join(path, 'passed-over.json');
    fs.writeFileSync(file, '{"formatVersion":2,"entries":[]}');
    const said = refused('DATA_FOLDER_MISMATCH', file, /has format 2, this version reads 1/);
    await assert.rejects(readPassedOver(path, disk), said);
  });

  it('are looked for in a folder that holds a member, and nothing is made', async (t) => {
    const path = temporaryFolder(t);
    await assert.rejects(DataFolder.openExisting(path), { code: 'DATA_FOLDER_UNUSABLE' });
    await assert.rejects(DataFolder.openExisting(join(path, 'absent')), { code: 'DATA_FOLDER_UNUSABLE' });
    assert.deepEqual(fs.readdirSync(path), []);
  });
});

async function openAndClose(path: string): Promise<DataFolder> {
  const folder = await DataFolder.openExisting(path);
  await folder.close();
  return folder;
}

describe('a data folder that cannot be used', () => {
  it('is refused when it, or a part of its path, is a file', async (t) => {
    const path = join(temporaryFolder(t), 'file');
    fs.writeFileSync(path, '');
    await assert.rejects(
      DataFolder.open(path, 'node1'),
      refused('DATA_FOLDER_UNUSABLE', path, /is not a folder/),
    );
    const below = join(path, 'node1');
    await assert.rejects(
      DataFolder.open(below, 'node1'),
      refused('DATA_FOLDER_UNUSABLE', below, /is not a folder/),
    );
  });

  it('is refused when its path leads nowhere', async (t) => {
    const dangling = join(temporaryFolder(t), 'dangling');
    fs.symlinkSync(join(dangling, 'nowhere'), dangling);
    const wrong: [string, RegExp][] = [[dangling, /is not a folder|cannot be used/]];
    // Where Node's own recursive mkdir never ends.
    if (process.platform === 'linux') wrong.push(['/proc/kvorum/data', /cannot be made there [(]ENOENT[)]/]);
    for (const [path, what] of wrong) {
      await assert.rejects(DataFolder.open(path, 'node1'), refused('DATA_FOLDER_UNUSABLE', path, what));
    }
  });

  it('is refused when a file of it is a folder', async (t) => {
    for (const name of ['LOCK', 'identity.json']) {
      const path = temporaryFolder(t);
      fs.mkdirSync(join(path, name));
      await assert.rejects(
        DataFolder.open(path, 'node1'),
        refused('DATA_FOLDER_UNUSABLE', path, /cannot be used [(]EISDIR[)]/),
      );
    }
  });

  it('is refused when it may not be written', { skip: process.platform === 'win32' }, async (t) => {
    const parent = temporaryFolder(t);
    const path = join(parent, 'node1');
    fs.mkdirSync(path);
    for (const each of [parent, path]) fs.chmodSync(each, 0o555);
    const absent = join(parent, 'absent');
    const unwritable = /cannot be written [(]EACCES[)]: check its owner and permissions/;
    try {
      await withoutPrivileges(async () => {
        for (const each of [path, absent]) {
          const refusal = refused('DATA_FOLDER_UNUSABLE', each, unwritable);
          await assert.rejects(DataFolder.open(each, 'node1'), refusal);
        }
      });
    } finally {
      for (const each of [parent, path]) fs.chmodSync(each, 0o755);
    }
  });
});

/** Permissions mean nothing to root: does `action` as nobody there. */
async function withoutPrivileges(action: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid!() === 0;
  if (isRoot) process.seteuid!(65_534);
  try {
    await action();
  } finally {
    if (isRoot) process.seteuid!(0);
  }
}
