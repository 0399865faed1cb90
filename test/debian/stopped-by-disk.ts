import assert from 'node:assert/strict';
import type { Exit, MemberProcess } from '../system/processes/member-process.js';

const storageFailedExitCode = 1;

function assertSaid(process: MemberProcess, { code, signal }: Exit, expected: RegExp): void {
  const line = process.log.plain.at(-1) ?? 'without a word';
  assert.equal(code, storageFailedExitCode, `${process.name} ended (${code ?? signal}): ${line}`);
  assert.match(line, expected);
}

/** Whoever runs this member is told to free space. */
export function assertSaidDiskIsFull(process: MemberProcess, exit: Exit): void {
  assertSaid(
    process,
    exit,
    /^member \S+ had to stop: the disk is full .*: free space and start this member again/,
  );
}

/** Whoever runs this member is told to mend the disk. */
export function assertSaidDiskFailed(process: MemberProcess, exit: Exit): void {
  assertSaid(
    process,
    exit,
    /^member \S+ had to stop: the disk failed .*: mend it and start this member again/,
  );
}

/** What lmdb-js may do when a disk fails at the moment of a write: src/storage/backend/DESIGN.md. */
export function isCrashOfLmdb({ signal }: Exit): boolean {
  return signal === 'SIGABRT' || signal === 'SIGSEGV';
}
