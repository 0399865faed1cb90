import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** The server's end of a connection that is in memory alone. */
export class MemorySocket extends Duplex {
  /** What the server has sent. */
  readonly sent: Buffer[] = [];
  /** The peer does not read: what is written waits. */
  stalled = false;
  /** It was cut off while more waited to be sent: what was sent may end anywhere. */
  cutShort = false;
  readonly #waiting: (() => void)[] = [];

  constructor() {
    super({ allowHalfOpen: true });
    this.on('error', () => {});
  }

  get asSocket(): Socket {
    return this as unknown as Socket;
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    // The server uses its buffers again.
    this.sent.push(Buffer.from(chunk));
    if (this.stalled) this.#waiting.push(done);
    else done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.cutShort = this.writableLength > 0;
    done(error);
  }

  readOn(): void {
    this.stalled = false;
    for (const done of this.#waiting.splice(0)) done();
  }
}
