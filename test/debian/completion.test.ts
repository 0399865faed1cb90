import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { completionOf, shells } from '../../src/cli/completion.js';
import { allCommands } from '../../src/cli/run-cli.js';
import { skipUnlessInstalled } from './needs.js';

const run = promisify(execFile);
const timeout = 120_000;

async function folderWith(t: TestContext, shell: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-completion-'));
  t.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'script'), completionOf(shell, allCommands, './bin/client'));
  await writeFile(join(folder, 'pairs.tsv'), '');
  await mkdir(join(folder, 'bin'));
  for (const name of ['kvorum', 'client']) {
    await writeFile(join(folder, 'bin', name), '#!/bin/sh\necho "<$*>"\n', { mode: 0o755 });
  }
  return folder;
}

/** How a program that is called ./bin/client may be called besides. */
const programs: readonly string[] = ['kvorum', './bin/client', 'client'];

/** What is typed before the Tab key, and the whole line behind it. */
const typed: readonly (readonly [string, string])[] = [
  ['expo', 'export'],
  ['export -form', 'export -format'],
  ['export -format=js', 'export -format=jsonl'],
  ['export --format t', 'export --format tsv'],
  ['get --seri', 'get --serializable'],
  ['put --if', 'put --if-revision'],
  ['-timeout 5 upda', '-timeout 5 update-member'],
  ['help transf', 'help transfer-leader'],
  ['completion f', 'completion fish'],
  ['import ./pai', 'import ./pairs.tsv'],
  ['serve -log-level=w', 'serve -log-level=warn'],
];

/** Types into a shell of its own, behind the program that is named first: it prints what it is given. */
const zshSession = `
zmodload zsh/zpty
zpty -b z "TERM=dumb zsh -f -i"
zpty -w z "autoload -Uz compinit && compinit -u -D; source ./script; path=(\\$PWD/bin \\$path)"
zpty -w z 'print set''up'
zpty -r z out '*setup*'
for line in "\${@[2,-1]}"; do
  zpty -w -n z "$1 $line"$'\\t\\n'
  zpty -r z out '*<*>*'
  print -r -- "\${\${out##*<}%%>*}"
done
zpty -d z`;

describe('completion', () => {
  it('is a script that each shell can read', { skip: skipUnlessInstalled(...shells) }, async (t) => {
    for (const shell of shells) {
      const cwd = await folderWith(t, shell);
      assert.deepEqual(await run(shell, ['-n', 'script'], { cwd }), { stdout: '', stderr: '' }, shell);
    }
  });

  it('is known to bash for each name', { skip: skipUnlessInstalled('bash') }, async (t) => {
    const cwd = await folderWith(t, 'bash');
    for (const program of programs) {
      const { stdout } = await run('bash', ['-c', `source ./script; complete -p ${program}`], { cwd });
      assert.equal(stdout, `complete -F _kvorum ${program}\n`);
    }
  });

  it('completes what is typed into zsh', { skip: skipUnlessInstalled('zsh') }, async (t) => {
    const cwd = await folderWith(t, 'zsh');
    for (const program of programs) {
      const args = ['-f', '-c', zshSession, 'zsh', program, ...typed.map(([before]) => before)];
      const { stdout } = await run('zsh', args, { cwd, timeout });
      assert.deepEqual(
        stdout.trimEnd().split('\n'),
        typed.map(([, after]) => after),
        program,
      );
    }
  });

  it('completes what is typed into fish', { skip: skipUnlessInstalled('fish') }, async (t) => {
    const cwd = await folderWith(t, 'fish');
    for (const [program, before, after] of programs.flatMap((each) =>
      typed.map(([from, to]) => [each, from, to] as const),
    )) {
      const command = `source script; set -p PATH $PWD/bin; complete -C "${program} ${before}"`;
      const { stdout } = await run('fish', ['--no-config', '-c', command], { cwd, timeout });
      const offered = stdout.split('\n').map((line) => line.split('\t')[0]!.replace(/=$/, ''));
      assert.ok(offered.includes(after.split(' ').at(-1)!), `${program} ${before}: ${stdout}`);
    }
  });
});
