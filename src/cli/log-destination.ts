import type { Output } from './command.js';

/** Lines that wait because nobody takes them; further ones are lost, and counted. */
export const logBytesWaitingMax = 1024 * 1024;

/** Handed over at once: little enough that whoever reads slowly sees something go on. */
const writeSizeBytesMax = 64 * 1024;

/**
 * Where the log goes, without anybody ever waiting for it: when it is not read, or the disk is slow, lines wait here
 * up to a limit. What is past it is lost, and a line says so where it was.
 */
export class LogDestination {
  readonly #output: Output;
  readonly #lostLine: (lines: number) => string;
  #waiting: string[] = [];
  #waitingBytes = 0;
  /** Of `#waiting`, those that have been handed over. */
  #taken = 0;
  #lost = 0;
  #writing = false;
  #idle: (() => void)[] = [];

  /** @param lostLine what says that so many lines were lost */
  constructor(output: Output, lostLine: (lines: number) => string) {
    this.#output = output;
    this.#lostLine = lostLine;
    // A bug may end the process in the turn in which it is logged.
    output.atExit?.(() => this.#waiting.slice(this.#taken).join(''));
  }

  write(line: string): void {
    const sizeBytes = Buffer.byteLength(line);
    if (this.#lost > 0 || this.#waitingBytes + sizeBytes > logBytesWaitingMax) {
      this.#lost++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += sizeBytes;
    if (!this.#writing) this.#next();
  }

  #next(): void {
    const text = this.#take();
    if (text === '') {
      this.#writing = false;
      for (const idle of this.#idle.splice(0)) idle();
      return;
    }
    this.#writing = true;
    // A failed write is as good as any: whoever reads has left, and the server goes on.
    const done = (): void => {
      this.#waitingBytes -= Buffer.byteLength(text);
      this.#next();
    };
    this.#output.write(text).then(done, done);
  }

  #take(): string {
    if (this.#taken === this.#waiting.length) {
      this.#waiting = [];
      this.#taken = 0;
      if (this.#lost === 0) return '';
      const line = this.#lostLine(this.#lost);
      this.#lost = 0;
      this.#waitingBytes += Buffer.byteLength(line);
      return line;
    }
    let text = this.#waiting[this.#taken++]!;
    while (text.length < writeSizeBytesMax && this.#taken < this.#waiting.length) {
      text += this.#waiting[this.#taken++]!;
    }
    return text;
  }

  /** Resolves when everything has been written, or `timeoutMs` are over. */
  flush(timeoutMs: number): Promise<void> {
    if (!this.#writing) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
