import process from 'node:process';
import { CommandError, exitCodes } from './exit-codes.js';
import { wantOfFiles } from './few-files.js';

/** What alone cannot be done without code for the very platform; npm leaves it out with `--omit=optional`. */
const nativePackages: readonly (readonly [name: string, load: () => Promise<unknown>])[] = [
  ['lmdb', () => import('lmdb')],
  ['koffi', () => import('koffi')],
];

/**
 * Loads the code of a command that uses a data folder.
 *
 * @throws CommandError when a package that it needs is not there, or not for this platform
 */
export async function loadMemberCode<T>(load: () => Promise<T>): Promise<T> {
  for (const [name, loadPackage] of nativePackages) {
    try {
      await loadPackage();
    } catch (error) {
      throw wantOfFiles(error) === undefined ? cannotLoad(name, error) : error;
    }
  }
  return await load();
}

function cannotLoad(name: string, error: unknown): CommandError {
  const [why] = String(error instanceof Error ? error.message : error).split('\n');
  return new CommandError(
    exitCodes.failed,
    `a member needs the package ${name} with its native code for ${process.platform}-${process.arch}, which cannot be loaded: install Kvorum again with optional packages (npm install --include=optional), on a platform that has them (${why!.trim()})`,
  );
}
