import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
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
  await writeFile(join(folder, 'script'), completionOf(shell, allCommands));
  await writeFile(join(folder, 'pairs.tsv'), '');
  return folder;
}

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

/** Types into a shell of its own, whose `kvorum` prints what it is given. */
const zshSession = `
zmodload zsh/zpty
zpty -b z "TERM=dumb zsh -f -i"
zpty -w z "autoload -Uz compinit && compinit -u -D; source ./script; kvorum() { print -r -- \\"<\\$*>\\" }"
zpty -w z 'print set''up'
zpty -r z out '*setup*'
for line in "$@"; do
  zpty -w -n z "kvorum $line"$'\\t\\n'
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

  it('completes what is typed into zsh', { skip: skipUnlessInstalled('zsh') }, async (t) => {
    const cwd = await folderWith(t, 'zsh');
    const args = ['-f', '-c', zshSession, 'zsh', ...typed.map(([before]) => before)];
    const { stdout } = await run('zsh', args, { cwd, timeout });
    assert.deepEqual(
      stdout.trimEnd().split('\n'),
      typed.map(([, after]) => after),
    );
  });

  it('completes what is typed into fish', { skip: skipUnlessInstalled('fish') }, async (t) => {
    const cwd = await folderWith(t, 'fish');
    for (const [before, after] of typed) {
      const command = `source script; complete -C "kvorum ${before}"`;
      const { stdout } = await run('fish', ['--no-config', '-c', command], { cwd, timeout });
      const offered = stdout.split('\n').map((line) => line.split('\t')[0]!.replace(/=$/, ''));
      assert.ok(offered.includes(after.split(' ').at(-1)!), `${before}: ${stdout}`);
    }
  });
});
