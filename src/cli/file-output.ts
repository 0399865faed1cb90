import { close, constants, fstatSync, open, readlinkSync, write as writeFile, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Output } from './command.js';

const openFile = promisify(open);
const closeFile = promisify(close);

/** A file, with one write at a time, in a thread of its own. */
export class FileOutput implements Output {
  readonly isTTY = false;
  atExit?: (rest: () => string) => void;
  readonly #ownFd: number;
  readonly #path: string | undefined;
  #fd: number;
  /** Of the write that is under way. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();

  /** @param path where it was when it was opened; undefined: unknown, and it cannot be opened anew */
  constructor(fd: number, path: string | undefined) {
    this.#ownFd = this.#fd = fd;
    this.#path = path;
  }

  write(text: string | Uint8Array): Promise<void> {
    return this.#next(() => writeAll(this.#fd, Buffer.from(text)));
  }

  /** The rest at the end of the process. */
  writeNow(text: string): void {
    if (text === '') return;
    try {
      writeSync(this.#fd, text);
    } catch {
      // Nobody takes it.
    }
  }

  reopen(): Promise<string> {
    return this.#next(async () => {
      const path = this.#path;
      if (path === undefined)
        return 'nothing to reload: where the file of the log is cannot be found out here';
      try {
        return (await this.#openAnew(path))
          ? `${path} was opened anew`
          : `${path} is the same file as before`;
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return `the log goes on where it was, as its file cannot be opened anew (${why})`;
      }
    });
  }

  /** @returns whether there is another file now */
  async #openAnew(path: string): Promise<boolean> {
    const { O_WRONLY, O_APPEND, O_CREAT } = constants;
    const before = fstatSync(this.#fd);
    const fd = await openFile(path, O_WRONLY | O_APPEND | O_CREAT, before.mode & 0o777);
    const now = fstatSync(fd);
    if (now.dev === before.dev && now.ino === before.ino) {
      await closeFile(fd);
      return false;
    }
    const old = this.#fd;
    this.#fd = fd;
    // The process's own stays open: were its number free, the next file would get it.
    if (old !== this.#ownFd) await closeFile(old);
    return true;
  }

  #next<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#last.then(action);
    this.#last = done.catch(() => {});
    return done;
  }
}

function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const go = (at: number): void => {
      writeFile(fd, bytes, at, (error, count) => {
        if (error !== null || at + count === bytes.length) resolve();
        else go(at + count);
      });
    };
    go(0);
  });
}

/** The path of an open file, where the system tells it. */
export function pathOf(fd: number): string | undefined {
  try {
    const path = readlinkSync(`/proc/self/fd/${fd}`);
    return path.startsWith('/') && !path.endsWith(' (deleted)') ? path : undefined;
  } catch {
    return undefined;
  }
}
