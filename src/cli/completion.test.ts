import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { completionOf, shells } from './completion.js';
import { allCommands } from './run-cli.js';
import { runWords } from './testing/fake-io.js';

const script = completionOf('bash', allCommands);

/** What Bash offers for a command line that it has cut into words, of which the last one is being typed. */
async function offers(words: readonly string[], folder = tmpdir()): Promise<string[]> {
  const program = `${script}
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_kvorum
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await promisify(execFile)('bash', ['-c', program, 'bash', 'kvorum', ...words], {
    cwd: folder,
  });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion of bash', () => {
  it('offers commands, whatever stands before them', async () => {
    const names = allCommands.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
    assert.deepEqual(await offers(['']), names);
    assert.deepEqual(await offers(['exp']), ['export']);
    for (const before of [
      ['-server', 'a:1'],
      ['-server', '=', 'a:1'],
      ['-server', '=', 'a', ':', '1'],
      ['-json'],
    ]) {
      assert.deepEqual(await offers([...before, 'promo']), ['promote'], before.join(' '));
    }
  });

  it('offers the flags of each command and name, with one dash and with two', async () => {
    for (const { name, aliases = [], flags } of allCommands) {
      for (const called of [name, ...aliases]) {
        const expected = [...flags.map((flag) => flag.name), 'help'];
        assert.deepEqual(
          await offers([called, '-']),
          expected.map((flag) => `-${flag}`),
        );
        assert.deepEqual(
          await offers(['-timeout', '5', called, 'x', '--']),
          expected.map((flag) => `--${flag}`),
        );
      }
    }
    assert.ok((await offers(['-'])).includes('-server'));
  });

  it('offers values of flags, and what there is to choose as an argument', async () => {
    for (const words of [
      ['-format', ''],
      ['-format', '='],
      ['--format', '=', ''],
    ]) {
      assert.deepEqual(await offers(['export', ...words]), ['jsonl', 'tsv'], words.join(' '));
    }
    assert.deepEqual(await offers(['serve', '-log-level', '=', 'w']), ['warn']);
    assert.deepEqual(await offers(['export', '-prefix', '']), []);
    assert.deepEqual(await offers(['completion', '']), [...shells]);
    assert.deepEqual(await offers(['help', 'up']), ['update-member']);
    assert.deepEqual(await offers(['get', '']), []);
  });

  it('offers files where one is taken', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'kvorum-completion-'));
    t.after(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'all pairs.tsv'), '');
    for (const words of [
      ['import', 'all'],
      ['import', '-format', '=', 'tsv', 'all'],
      ['recover', '-data-dir', 'a'],
    ]) {
      assert.deepEqual(await offers(words, folder), ['all pairs.tsv'], words.join(' '));
    }
  });
});

describe('completion', () => {
  it('is of the name and path that the program is called by too, where that is one word', () => {
    const last = (program: string): string[] =>
      shells.map((shell) => completionOf(shell, allCommands, program).trimEnd().split('\n').at(-1)!);
    const [bash, zsh, fish] = last('./bin/client');
    assert.equal(bash, 'complete -F _kvorum kvorum client ./bin/client');
    assert.match(zsh!, /compdef _kvorum kvorum client; fi$/);
    assert.equal(fish, 'complete -c ./bin/client -w kvorum');
    for (const program of ['kvorum', 'node dist/src/cli/main.js', './a$(b)', "./it's", '-x']) {
      for (const [at, shell] of shells.entries()) {
        const alone = completionOf(shell, allCommands).trimEnd().split('\n').at(-1);
        assert.equal(last(program)[at], alone, program);
      }
    }
  });

  it('is printed for each shell, and names every command and flag', async () => {
    for (const shell of shells) {
      const { stdout, stderr, code } = await runWords(['completion', shell]);
      assert.deepEqual([code, stderr], [0, '']);
      for (const { name, flags } of allCommands) {
        assert.ok(stdout.includes(name), name);
        for (const flag of flags) assert.ok(stdout.includes(flag.name), flag.name);
      }
    }
  });
});
