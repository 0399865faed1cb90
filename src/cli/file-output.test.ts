import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileOutput, pathOf } from './file-output.js';

async function scene(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-log-'));
  const path = join(folder, 'log');
  const fd = openSync(path, 'a', 0o640);
  t.after(async () => {
    closeSync(fd);
    await rm(folder, { recursive: true });
  });
  return { folder, path, fd };
}

describe('a log in a file', () => {
  it('goes on in a new file of no more rights when the old one was moved away', async (t) => {
    const { folder, path, fd } = await scene(t);
    await chmod(path, 0o640);
    const output = new FileOutput(fd, path);
    for (const number of [1, 2, 3]) {
      void output.write(`before ${number}\n`);
      await rename(path, `${path}.${number}`);
      assert.equal(await output.reopen(), `${path} was opened anew`);
      await output.write(`after ${number}\n`);
      output.writeNow(`at the end ${number}\n`);
    }
    assert.equal(await readFile(`${path}.1`, 'utf8'), 'before 1\n');
    assert.equal(await readFile(`${path}.2`, 'utf8'), 'after 1\nat the end 1\nbefore 2\n');
    assert.equal(await readFile(path, 'utf8'), 'after 3\nat the end 3\n');
    assert.equal((await stat(path)).mode & 0o777 & ~0o640, 0);
    if (process.platform !== 'linux') return;
    const open = await readdir('/proc/self/fd');
    const held = open.map((each) => pathOf(Number(each))).filter((each) => each?.startsWith(folder));
    assert.deepEqual(
      held.sort(),
      [path, `${path}.1`],
      'the one that it began with and the one that it writes to',
    );
  });

  it('stays where it is when the file is the same', async (t) => {
    const { path, fd } = await scene(t);
    const output = new FileOutput(fd, path);
    assert.equal(await output.reopen(), `${path} is the same file as before`);
    await output.write('x');
    assert.equal(await readFile(path, 'utf8'), 'x');
  });

  it('goes on in the old file when there can be no new one, and says why', async (t) => {
    const { path, fd } = await scene(t);
    const output = new FileOutput(fd, path);
    await rename(path, `${path}.1`);
    await mkdir(path);
    assert.match(await output.reopen(), /^the log goes on where it was, .* \(EISDIR: /);
    await output.write('x');
    assert.equal(await readFile(`${path}.1`, 'utf8'), 'x');
  });

  it('cannot be opened anew where its path is not known', async (t) => {
    const { fd } = await scene(t);
    assert.match(await new FileOutput(fd, undefined).reopen(), /^nothing to reload: /);
  });

  it('knows its path', { skip: process.platform === 'linux' ? false : 'needs /proc' }, async (t) => {
    const { path, fd } = await scene(t);
    assert.equal(pathOf(fd), path);
    await rm(path);
    assert.equal(pathOf(fd), undefined);
    closeSync(openSync(path, 'a'));
  });
});
