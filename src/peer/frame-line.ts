import type { Line } from './dial.js';

/** Without any progress for so long, a transfer counts as broken off. */
const progressTimeoutMs = 30_000;

/** Frames one at a time, for the two ends of a snapshot: reading waits for the reader, writing for the socket. */
export class FrameLine {
  readonly #line: Line;
  #waiting: { resolve(payload: Uint8Array): void; reject(error: Error): void } | undefined;
  #ended: Error | undefined;
  #drained: (() => void) | undefined;

  constructor(line: Line) {
    this.#line = line;
    const { socket } = line;
    socket.setTimeout(progressTimeoutMs);
    socket.on('timeout', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => {
      line.parser.push(chunk);
      socket.pause();
      this.#serve();
    });
    socket.on('drain', () => this.#drained?.());
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the connection was closed')));
    socket.pause();
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#waiting?.reject(this.#ended);
    this.#waiting = undefined;
    this.#drained?.();
  }

  /** Gives the frame that is waited for, once it is whole. */
  #serve(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    let payload: Uint8Array | undefined;
    try {
      payload = this.#line.parser.next();
    } catch (error) {
      this.#line.socket.destroy();
      this.#end(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (payload !== undefined) {
      this.#waiting = undefined;
      waiting.resolve(payload);
    } else if (this.#ended !== undefined) {
      this.#end(this.#ended);
    } else {
      this.#line.socket.resume();
    }
  }

  /** The next frame's payload, good until the following call. Rejects when the connection ends first. */
  next(): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#serve();
    });
  }

  /** Resolves when the socket takes more. */
  async send(frame: Uint8Array): Promise<void> {
    this.#checkOpen();
    if (this.#line.socket.write(frame)) return;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    this.#checkOpen();
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** Sends what was written, and closes. */
  close(): void {
    this.#line.socket.destroySoon();
  }

  destroy(): void {
    this.#line.socket.destroy();
  }
}
