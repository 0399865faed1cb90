import { open, readFile, rename, rm } from 'node:fs/promises';
import { formatId, parseId, type ClusterId } from '../base/ids.js';
import { CommandError, exitCodes } from './exit-codes.js';

/** How far an import got, and where. */
export interface Imported {
  /** That are acknowledged, from the first on. */
  readonly lines: number;
  /** By which cluster; undefined: it did not say. */
  readonly cluster?: ClusterId | undefined;
}

/** Keeps beside a file how many of its lines, from the first on, are acknowledged. */
export class ImportProgress {
  readonly path: string;
  #usable = true;

  constructor(file: string) {
    this.path = `${file}.progress`;
  }

  /** Whether what was kept last can be gone on from. */
  get usable(): boolean {
    return this.#usable;
  }

  /** No lines if nothing is kept. @throws CommandError if it cannot be read */
  async read(): Promise<Imported> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return { lines: 0 };
      throw new CommandError(exitCodes.usage, `${this.path} cannot be read (${code ?? String(error)})`);
    }
    const imported = importedIn(text);
    if (imported !== undefined) return imported;
    throw new CommandError(exitCodes.usage, `${this.path} is damaged: remove it to begin at the first line`);
  }

  /** Durable when it resolves. @returns why it cannot be kept, the first time */
  async keep(imported: Imported): Promise<string | undefined> {
    if (!this.#usable) return undefined;
    const next = `${this.path}.tmp`;
    try {
      const { lines, cluster } = imported;
      const file = await open(next, 'w');
      try {
        await file.writeFile(
          `${JSON.stringify({ lines, cluster: cluster === undefined ? undefined : formatId(cluster) })}\n`,
        );
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(next, this.path);
      return undefined;
    } catch (error) {
      this.#usable = false;
      const { code } = error as NodeJS.ErrnoException;
      return `how far the import got cannot be kept in ${this.path} (${code ?? String(error)})`;
    }
  }

  async remove(): Promise<void> {
    if (this.#usable) await rm(this.path, { force: true });
  }
}

function importedIn(text: string): Imported | undefined {
  try {
    const told = JSON.parse(text) as { readonly lines?: unknown; readonly cluster?: unknown };
    const cluster = parseId(told.cluster);
    if (told.cluster !== undefined && cluster === undefined) return undefined;
    const { lines } = told;
    if (typeof lines === 'number' && Number.isSafeInteger(lines) && lines >= 0) return { lines, cluster };
  } catch {
    // Told as damage.
  }
  return undefined;
}
