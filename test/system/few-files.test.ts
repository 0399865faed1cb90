import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { bundledScript } from './processes/member-process.js';

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** What becomes of `kvorum WORDS` that may have `files` open. */
function runWith(files: number, words: readonly string[]): Ended {
  const shell = 'ulimit -n "$0" && exec "$@"';
  const command = ['-c', shell, String(files), process.execPath, bundledScript, ...words];
  const { status, stderr } = spawnSync('/bin/sh', command, { encoding: 'utf8' });
  return { code: status, stderr };
}

const deadServer = '-server=127.0.0.1:1';
const tooFew =
  'too few files may be open (EMFILE): 128 are enough for a command, and a member needs 256: raise the limit (ulimit -n, or LimitNOFILE in a systemd unit)\n';

void describe('a process that may have few files open', { skip: process.platform !== 'linux' }, () => {
  it('says so in one line, whichever command it was to run', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-few-files-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const serve = ['serve', '-bootstrap', '-grpcport=0', '-raftport=0', `-data-dir=${join(folder, 'data')}`];
    for (let files = 16; files < 64; files += 3) {
      const member = runWith(files, serve);
      // Node itself has some twenty open before it reads the first file of ours.
      if (member.stderr.includes('Node.js v') || member.code === null || member.stderr === '') {
        assert.ok(files < 28, `${files} files: ${member.stderr}`);
        continue;
      }
      const needs = `this process may have ${files} files open, but a member needs 256 at least: raise the limit (ulimit -n, or LimitNOFILE in a systemd unit)\n`;
      const expected = member.code === 2 ? needs : tooFew;
      assert.deepEqual(member, { code: expected === needs ? 2 : 1, stderr: expected });
      assert.ok(expected === needs || files < 40, `${files} files`);
      for (const words of [
        ['get', 'a', deadServer],
        ['set', 'a', '1', deadServer],
        ['members', deadServer],
      ]) {
        const { code, stderr } = runWith(files, words);
        assert.ok(code === 3 || (code === 1 && stderr === tooFew), `${files} files, ${code}: ${stderr}`);
        assert.match(stderr, /^[^\n]+\n$/);
      }
      const recover = runWith(files, ['recover', `-data-dir=${folder}`]);
      assert.ok(recover.stderr === tooFew || /holds no member/.test(recover.stderr), recover.stderr);
    }
    assert.deepEqual(readdirSync(folder), []);
  });

  it('runs every command but serve with 128', () => {
    for (const words of [['get', 'a'], ['status'], ['export'], ['bench', '-seconds=1']]) {
      const { stderr } = runWith(128, [...words, deadServer]);
      assert.doesNotMatch(stderr, /EMFILE/);
    }
    assert.match(runWith(128, ['recover', '-data-dir=/nowhere']).stderr, /^data folder \/nowhere /);
    const { stderr } = runWith(200, ['serve', '-connections-max=9']);
    assert.match(stderr, /^this process may have 200 files open, but a member needs 201 at least/);
  });
});
