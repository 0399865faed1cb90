import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { run } from '../load/h2load.js';

/** A work tree of one git revision, built. */
export interface BuiltRevision {
  /** Abbreviated hash. */
  readonly hash: string;
  readonly root: string;
  remove(): Promise<void>;
}

/**
 * Checks a revision out beside this one and builds it. The packages are this tree's where the lock file is the
 * same, else they are installed.
 *
 * @param root folder of this work tree
 */
export async function buildRevision(root: string, revision: string): Promise<BuiltRevision> {
  const git = (...args: string[]): Promise<string> => run('git', ['-C', root, ...args]);
  const hash = (await git('rev-parse', '--short', '--verify', `${revision}^{commit}`)).trim();
  const folder = join(await mkdtemp(join(tmpdir(), 'kvorum-bench-revision-')), hash);
  const remove = async (): Promise<void> => {
    await git('worktree', 'remove', '--force', folder);
    await rm(join(folder, '..'), { recursive: true, force: true });
  };
  await git('worktree', 'add', '--detach', folder, hash);
  try {
    const lock = (at: string): string => readFileSync(join(at, 'package-lock.json'), 'utf8');
    if (lock(root) === lock(folder)) await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    else await run('npm', ['ci', '--prefix', folder]);
    await run(process.execPath, [
      join(folder, 'node_modules/typescript/bin/tsc'),
      '-p',
      join(folder, 'tsconfig.json'),
    ]);
  } catch (error) {
    await remove();
    throw error;
  }
  return { hash, root: folder, remove };
}
