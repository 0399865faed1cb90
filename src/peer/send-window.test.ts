import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SendWindow, windowSizeBytesMax, windowSizeBytesMin } from './send-window.js';

const frameSizeBytes = 64 * 1024;

/** A link on which bytes wait for those before them, and then take the way; what has arrived is told at once. */
class Link {
  readonly window = new SendWindow();
  readonly #bytesPerMs: number;
  readonly #wayMs: number;
  readonly #frames: { readonly endBytes: number; readonly atMs: number }[] = [];
  nowMs = 0;
  #freeMs = 0;
  #writtenBytes = 0;
  takenBytes = 0;

  constructor(bytesPerMs: number, wayMs: number) {
    this.#bytesPerMs = bytesPerMs;
    this.#wayMs = wayMs;
  }

  write(sizeBytes: number): void {
    this.window.wrote(sizeBytes, this.nowMs);
    this.#writtenBytes += sizeBytes;
    this.#freeMs = Math.max(this.#freeMs, this.nowMs) + sizeBytes / this.#bytesPerMs;
    this.#frames.push({ endBytes: this.#writtenBytes, atMs: this.#freeMs + this.#wayMs });
  }

  /** Sends all that the window lets through. */
  run(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; this.nowMs++) {
      while (this.#frames[0] !== undefined && this.#frames[0].atMs <= this.nowMs) {
        this.takenBytes = this.#frames.shift()!.endBytes;
        this.window.taken(this.takenBytes, this.nowMs);
      }
      while (this.window.open) this.write(frameSizeBytes);
    }
  }

  /** What a heartbeat that is written now takes. */
  get delayMs(): number {
    return Math.max(0, this.#freeMs - this.nowMs) + this.#wayMs;
  }
}

describe('the window of bytes on their way to a member', () => {
  it('keeps the wait on a slow link short, and the link busy', () => {
    for (const [bytesPerMs, wayMs] of [
      [2000, 1],
      [3000, 20],
      [10_000, 50],
    ] as const) {
      const link = new Link(bytesPerMs, wayMs);
      let mostMs = 0;
      link.run(1000);
      const fromBytes = link.takenBytes;
      for (let turn = 0; turn < 1000; turn++) {
        link.run(10);
        mostMs = Math.max(mostMs, link.delayMs);
      }
      const used = (link.takenBytes - fromBytes) / (bytesPerMs * 10_000);
      assert.ok(mostMs < 600, `${bytesPerMs} bytes/ms: a heartbeat takes ${mostMs} ms`);
      assert.ok(used > 0.9, `${bytesPerMs} bytes/ms: ${used} of the link is used`);
    }
  });

  it('grows to what a fast and long way holds', () => {
    const link = new Link(100_000, 40);
    link.run(2000);
    assert.equal(link.window.sizeBytes, windowSizeBytesMax);
  });

  it('does not grow while the sender has nothing to wait for', () => {
    const window = new SendWindow();
    const before = window.sizeBytes;
    for (let at = 1; at < 1000; at++) {
      window.wrote(100, at);
      window.taken(at * 100, at);
    }
    assert.equal(window.sizeBytes, before);
  });

  it('is never so small that the other end has nothing to say, and recovers', () => {
    const link = new Link(50, 1);
    link.run(60_000);
    assert.equal(link.window.sizeBytes, windowSizeBytesMin);
    assert.ok(link.takenBytes > 50 * 60_000 * 0.9);
  });

  it('believes in no more than was written, and nothing less than before', () => {
    const window = new SendWindow();
    window.wrote(100, 0);
    assert.throws(() => window.taken(101, 1), /101 bytes taken, 100 were written/);
    window.taken(50, 1);
    assert.throws(() => window.taken(49, 1), /49 bytes taken/);
  });
});
