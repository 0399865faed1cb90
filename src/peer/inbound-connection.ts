import type { Socket } from 'node:net';
import { ByteReader } from '../base/byte-stream.js';
import type { MemberId } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import type { PeersHandler } from '../ports/peers.js';
import { greetingTimeoutMs } from './dial.js';
import { FrameParser, frameSizeBytesMax, greetingSizeBytesMax } from './frame.js';
import { decodeHello, encodeAnswer, type Hello, type Refusal } from './greeting.js';
import { readMessage } from './message-codec.js';
import { receiveSnapshot } from './snapshot-receiver.js';

export interface InboundOptions {
  readonly socket: Socket;
  readonly clock: Clock;
  readonly handler: PeersHandler;
  readonly listener: {
    /** @returns why the caller must go, undefined if it is welcome */
    greeted(hello: Hello): Refusal | undefined;
    closed(byOther: boolean): void;
  };
}

/** Whoever sends hears at most so often that it arrives. */
const beatIntervalMs = 900;

/** One accepted connection: a greeting, then messages or a snapshot. Whatever else it brings, it is closed. */
export class InboundConnection {
  readonly #options: InboundOptions;
  readonly #parser = new FrameParser(greetingSizeBytesMax);
  #hello: Hello | undefined;
  #closed = false;
  #lastBeatMs = -Infinity;

  constructor(options: InboundOptions) {
    this.#options = options;
    const { socket, clock } = options;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    const greeting = clock.setTimer(greetingTimeoutMs, () => {
      if (this.#hello === undefined) socket.destroy();
    });
    socket.on('data', this.#onData);
    socket.on('error', () => {});
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      greeting.cancel();
      options.listener.closed(!this.#closed);
    });
  }

  get caller(): MemberId | undefined {
    return this.#hello?.caller.memberId;
  }

  get purpose(): Hello['purpose'] | undefined {
    return this.#hello?.purpose;
  }

  readonly #onData = (chunk: Buffer): void => {
    try {
      this.#parser.push(chunk);
      this.#readFrames();
      if (this.#hello?.purpose === 'messages') this.#beat();
    } catch {
      this.#options.socket.destroy();
    }
  };

  /** Says that bytes arrive, also in the middle of a long message on a slow line. */
  #beat(): void {
    const { socket, clock } = this.#options;
    const now = clock.monotonicMs();
    if (this.#closed || now - this.#lastBeatMs < beatIntervalMs) return;
    this.#lastBeatMs = now;
    socket.write(encodeAnswer({ welcome: true }));
  }

  #readFrames(): void {
    for (;;) {
      if (this.#closed || this.#hello?.purpose === 'snapshot') return;
      const payload = this.#parser.next();
      if (payload === undefined) return;
      if (this.#hello === undefined) this.#greet(decodeHello(payload));
      else this.#readMessages(this.#hello, payload);
    }
  }

  #greet(hello: Hello): void {
    const { socket, handler, listener } = this.#options;
    const refusal = listener.greeted(hello);
    if (refusal !== undefined) {
      this.refuse(refusal);
      return;
    }
    this.#hello = hello;
    this.#parser.payloadSizeBytesMax = frameSizeBytesMax;
    socket.write(encodeAnswer({ welcome: true }));
    if (hello.purpose === 'messages') return;
    socket.off('data', this.#onData);
    receiveSnapshot({ socket, parser: this.#parser }, hello.caller.memberId, handler).catch(() =>
      socket.destroy(),
    );
  }

  /** A member speaks for itself only: what it passes on in another's name is not taken. */
  #readMessages(hello: Hello, payload: Uint8Array): void {
    const reader = new ByteReader(payload);
    while (reader.remaining > 0) {
      const message = readMessage(reader);
      if (message.from === hello.caller.memberId && message.to === hello.target) {
        this.#options.handler.message(message);
      }
    }
  }

  /** Tells the other end why, and closes. */
  refuse(refusal: Refusal): void {
    this.#closed = true;
    this.#options.socket.end(encodeAnswer({ welcome: false, ...refusal }));
    this.#options.socket.destroySoon();
  }

  /** Closes without a word. */
  close(): void {
    this.#closed = true;
    this.#options.socket.destroy();
  }
}
