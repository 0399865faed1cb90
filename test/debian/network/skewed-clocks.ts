import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ClusterMember } from '../../system/processes/cluster-member.js';
import type { Launch } from '../../system/processes/member-process.js';

const run = promisify(execFile);
const sharedMemory = '/dev/shm';

export interface SkewedClocks {
  /** Of machine n at place n - 1. */
  readonly launches: readonly Launch[];
  /** By machine: its clock reads what stands in the file. */
  readonly clockFiles: ReadonlyMap<number, string>;
}

/** Two machines have clocks of their own: one jumps, one runs fast. To be called beside the switch, once. */
export async function skewedClocks(folder: string): Promise<SkewedClocks> {
  // Seen here and on the machines alone, and gone with them: faketime ends a process that finds there what another
  // one of its number has left.
  await run('mount', ['-t', 'tmpfs', 'kvorum-test', sharedMemory]);
  const { stdout } = await run('faketime', ['-f', '+0', 'printenv', 'LD_PRELOAD']);
  const preload = { LD_PRELOAD: stdout.trim() };
  const jumping = join(folder, 'clock');
  await writeFile(jumping, '+3600');
  const env = {
    ...preload,
    FAKETIME_TIMESTAMP_FILE: jumping,
    FAKETIME_CACHE_DURATION: '1',
    // No kernel lets this one jump.
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  const launches = [{}, { env }, { env: { ...preload, FAKETIME: '-86400s x1.1' } }];
  return { launches, clockFiles: new Map([[2, jumping]]) };
}

/** Removes what faketime keeps for processes that were killed: their numbers come again. */
export async function forgetEnded(members: readonly ClusterMember[]): Promise<void> {
  for (const { pid, isRunning } of members.flatMap(({ lives }) => lives)) {
    if (isRunning) continue;
    await rm(join(sharedMemory, `sem.faketime_sem_${pid}`), { force: true });
    await rm(join(sharedMemory, `faketime_shm_${pid}`), { force: true });
  }
}
