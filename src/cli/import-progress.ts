import { open, readFile, rename, rm } from 'node:fs/promises';
import { CommandError, exitCodes } from './exit-codes.js';

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

  /** 0 if nothing is kept. @throws CommandError if it cannot be read */
  async read(): Promise<number> {
    let text: string;
    try {
      text = await readFile(this.path, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return 0;
      throw new CommandError(exitCodes.usage, `${this.path} cannot be read (${code ?? String(error)})`);
    }
    const lines = linesIn(text);
    if (lines !== undefined) return lines;
    throw new CommandError(exitCodes.usage, `${this.path} is damaged: remove it to begin at the first line`);
  }

  /** Durable when it resolves. @returns why it cannot be kept, the first time */
  async keep(lines: number): Promise<string | undefined> {
    if (!this.#usable) return undefined;
    const next = `${this.path}.tmp`;
    try {
      const file = await open(next, 'w');
      try {
        await file.writeFile(`${JSON.stringify({ lines })}\n`);
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

function linesIn(text: string): number | undefined {
  try {
    const { lines } = JSON.parse(text) as { readonly lines?: unknown };
    if (typeof lines === 'number' && Number.isSafeInteger(lines) && lines >= 0) return lines;
  } catch {
    // Told as damage.
  }
  return undefined;
}
