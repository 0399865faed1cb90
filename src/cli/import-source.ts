import { open } from 'node:fs/promises';
import type { Invocation } from './command.js';
import { CommandError, exitCodes, UsageError } from './exit-codes.js';
import { ImportProgress } from './import-progress.js';

export interface Source {
  readonly stream: AsyncIterable<Uint8Array>;
  /** Undefined: not known. */
  readonly sizeBytes: number | undefined;
  /** Undefined for what cannot be read a second time. */
  readonly progress: ImportProgress | undefined;
  close(): Promise<void>;
}

/** @throws UsageError, CommandError */
export async function openSource({ args: [file], io, flags }: Invocation): Promise<Source> {
  const source =
    file === undefined || file === '-'
      ? { stream: io.stdin, sizeBytes: undefined, progress: undefined, close: () => Promise.resolve() }
      : await openFile(file);
  if (!flags.boolean('resume') || source.progress !== undefined) return source;
  await source.close();
  throw new UsageError('flag -resume needs a FILE: what comes through a pipe cannot be read again');
}

async function openFile(file: string): Promise<Source> {
  try {
    const handle = await open(file);
    const stats = await handle.stat();
    const source = {
      stream: handle.createReadStream({ autoClose: false }),
      sizeBytes: stats.isFile() ? stats.size : undefined,
      progress: stats.isFile() ? new ImportProgress(file) : undefined,
      close: () => handle.close(),
    };
    if (!stats.isDirectory()) return source;
    await source.close();
    throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CommandError(exitCodes.usage, `FILE ${file} cannot be read (${code ?? String(error)})`);
  }
}

/** Ends early when `signal` does, though `source` may keep silent. */
export async function* endedBy<T>(signal: AbortSignal, source: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined));
  });
  try {
    while (!signal.aborted) {
      const next = await Promise.race([iterator.next(), aborted]);
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  } finally {
    // Not awaited: it waits behind a read that may never end.
    void iterator.return?.();
  }
}
