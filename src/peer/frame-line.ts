import type { Clock, Timer } from '../ports/clock.js';
import type { Line } from './dial.js';
import { greetingSizeBytesMax } from './frame.js';

/** Who waits for the other end, and hears nothing for so long, takes it for dead. */
export const progressTimeoutMs = 30_000;

/** Whoever has nothing to say for so long says that it is there. */
export const aliveIntervalMs = 5000;

/** Whoever has said its last word reads on for so long, at most, until the other end hangs up. */
export const lingerTimeoutMs = 10_000;

/** Frames one at a time, for the two ends of a snapshot: reading waits for the reader, writing for the socket. */
export class FrameLine {
  readonly #line: Line;
  readonly #clock: Clock;
  /** When anything came from the other end, or it began to be waited for. */
  #heardMs: number;
  #timer: Timer | undefined;
  #waiting: { resolve(payload: Uint8Array): void; reject(error: Error): void } | undefined;
  #ended: Error | undefined;
  /** Nothing that comes is looked at any more. */
  #isOver = false;
  #drained: (() => void) | undefined;

  /** @param alive the frame that says that this end is there */
  constructor(line: Line, clock: Clock, alive: Uint8Array) {
    this.#line = line;
    this.#clock = clock;
    this.#heardMs = clock.monotonicMs();
    const { socket } = line;
    this.#watch(alive);
    socket.on('data', (chunk: Buffer) => {
      if (this.#isOver) return;
      this.#heardMs = clock.monotonicMs();
      line.parser.push(chunk);
      socket.pause();
      this.#serve();
    });
    socket.on('drain', () => this.#drained?.());
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the connection was closed')));
    socket.pause();
  }

  #watch(alive: Uint8Array): void {
    this.#timer = this.#clock.setTimer(aliveIntervalMs, () => {
      const { socket } = this.#line;
      const silentMs = this.#clock.monotonicMs() - this.#heardMs;
      if (this.#waiting !== undefined && silentMs >= progressTimeoutMs) {
        this.#end(new Error(`nothing was heard for ${progressTimeoutMs} ms`));
        socket.destroy();
        return;
      }
      // What waits to be sent is a sign of life by itself.
      if (socket.writableLength <= greetingSizeBytesMax) socket.write(alive);
      this.#watch(alive);
    });
  }

  #end(error: Error): void {
    this.#ended ??= error;
    this.#timer?.cancel();
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
    this.#heardMs = this.#clock.monotonicMs();
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

  /**
   * Sends what was written, and closes when the other end does: a socket that is closed with unread bytes resets the
   * connection, and what was said last is lost on its way.
   */
  close(): void {
    const { socket } = this.#line;
    this.#timer?.cancel();
    this.#isOver = true;
    socket.end();
    socket.resume();
    const end = this.#clock.setTimer(lingerTimeoutMs, () => socket.destroy());
    if (socket.closed) end.cancel();
    else socket.once('close', () => end.cancel());
  }

  destroy(): void {
    this.#timer?.cancel();
    this.#line.socket.destroy();
  }
}
