import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { ByteReader, MalformedBytesError } from '../base/byte-stream.js';
import type { MemberId } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import type { PeersHandler } from '../ports/peers.js';
import { greetingTimeoutMs } from './dial.js';
import { FrameParser, frameSizeBytesMax, greetingSizeBytesMax, snapshotFrameSizeBytesMax } from './frame.js';
import { encodeAnswer, supersededBy, type Hello, type Refusal } from './greeting.js';
import { CalleeHandshake, nonceSizeBytes, UnprovenError } from './handshake.js';
import type { InboundBudget } from './inbound-budget.js';
import { readMessage } from './message-codec.js';
import { encodeTaken, isPart, PartAssembler, partSizeBytes, partsSinceVersion } from './message-parts.js';
import { queueLimits } from './message-queue.js';
import { protocolVersions, VersionError, type ProtocolVersions } from './protocol-versions.js';
import { receiveSnapshot } from './snapshot-receiver.js';

export interface InboundOptions {
  readonly socket: Socket;
  /** Of this member. */
  readonly startEpoch: number | undefined;
  readonly secret: Uint8Array;
  /** Default: those of this version of Kvorum. */
  readonly versions?: ProtocolVersions | undefined;
  readonly clock: Clock;
  readonly handler: PeersHandler;
  readonly budget: InboundBudget;
  readonly listener: {
    /** Whether the caller's nonce is one of this member's own. */
    isOwnNonce(nonce: Uint8Array): boolean;
    /** It has proven itself. @returns why it must go all the same, undefined if it is welcome */
    greeted(hello: Hello): Refusal | undefined;
    /** It will be closed. @param hello undefined: it has not proven itself */
    failed(reason: string, hello: Hello | undefined): void;
    closed(byOther: boolean): void;
  };
}

/** Whoever sends hears at most so often that it arrives, unless much does. */
const beatIntervalMs = 900;
/** While a long message is under way: it is a sign of life that heartbeats may wait for on a slow line. */
const longBeatIntervalMs = 100;

const hungUp =
  'hung up when this member proved that it knows its secret: probably a member of another cluster, which looks for one of its own here';

/** One accepted connection: a greeting, then messages or a snapshot. Whatever else it brings, it is closed. */
export class InboundConnection {
  readonly #options: InboundOptions;
  readonly #parser = new FrameParser(greetingSizeBytesMax);
  readonly #assembler = new PartAssembler();
  readonly #handshake: CalleeHandshake;
  readonly remoteAddress: string;
  #hello: Hello | undefined;
  #closed = false;
  /** Why it ends was told. */
  #failed = false;
  #lastBeatMs = -Infinity;
  /** Since the greeting, and how much of it the other end has been told. */
  #takenBytes = 0;
  #toldBytes = 0;

  constructor(options: InboundOptions) {
    this.#options = options;
    const { socket, clock, secret, versions, listener, budget } = options;
    this.#handshake = new CalleeHandshake(secret, randomBytes(nonceSizeBytes), versions);
    this.remoteAddress = socket.remoteAddress ?? '';
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 10_000);
    const greeting = clock.setTimer(greetingTimeoutMs, () => {
      if (this.#hello === undefined) this.#fail('no greeting in time');
    });
    socket.on('data', this.#onData);
    socket.on('error', () => {});
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      greeting.cancel();
      budget.delete(this);
      // Whoever is shown a proof that is none to it says nothing more.
      if (this.#handshake.opened && this.#hello === undefined) this.#tellFailure(hungUp);
      listener.closed(!this.#closed);
    });
  }

  get caller(): MemberId | undefined {
    return this.#hello?.caller.memberId;
  }

  /** Of the caller. */
  get startEpoch(): number | undefined {
    return this.#hello?.caller.startEpoch;
  }

  get purpose(): Hello['purpose'] | undefined {
    return this.#hello?.purpose;
  }

  /** While too much is held of frames that are not whole. */
  pause(): void {
    this.#options.socket.pause();
  }

  resume(): void {
    this.#options.socket.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#closed) return;
    if (this.#hello !== undefined) this.#takenBytes += chunk.length;
    try {
      this.#parser.push(chunk);
      this.#readFrames();
      if (this.#hello?.purpose === 'messages') {
        this.#options.budget.update(this, this.#assembler.heldBytes + this.#parser.heldBytes);
        this.#beat();
      }
    } catch (error) {
      this.#failWith(error);
    }
  };

  /** Says that bytes arrive, also in the middle of a long message on a slow line, and how many have. */
  #beat(): void {
    const { socket, clock } = this.#options;
    const saysHowMuch = this.#handshake.version >= partsSinceVersion;
    const isMuch = saysHowMuch && this.#takenBytes - this.#toldBytes >= partSizeBytes;
    const isLong = saysHowMuch && this.#assembler.heldBytes > 0;
    const now = clock.monotonicMs();
    const isDue = isMuch || now - this.#lastBeatMs >= (isLong ? longBeatIntervalMs : beatIntervalMs);
    // Who does not read what is said is not told more: the next one says all that this one would.
    if (this.#closed || !isDue || socket.writableLength > greetingSizeBytesMax) return;
    this.#lastBeatMs = now;
    this.#toldBytes = this.#takenBytes;
    socket.write(saysHowMuch ? encodeTaken(this.#takenBytes) : encodeAnswer({ welcome: true }));
  }

  #readFrames(): void {
    for (;;) {
      if (this.#closed || this.#hello?.purpose === 'snapshot') return;
      const payload = this.#parser.next();
      if (payload === undefined) break;
      if (this.#hello !== undefined) this.#readFrame(this.#hello, payload);
      else if (this.#handshake.opened) this.#greet(this.#handshake.readClaims(payload));
      else this.#open(payload);
    }
    if (this.#hello === undefined && this.#parser.heldBytes > greetingSizeBytesMax) {
      throw new MalformedBytesError(`more than ${greetingSizeBytesMax} bytes before a greeting`);
    }
  }

  #open(payload: Uint8Array): void {
    const { callerNonce, challenge } = this.#handshake.readOpening(payload);
    if (this.#options.listener.isOwnNonce(callerNonce)) throw new UnprovenError('played back');
    this.#options.socket.write(challenge);
  }

  #greet(hello: Hello): void {
    const { socket, handler, listener } = this.#options;
    const refusal = listener.greeted(hello);
    if (refusal !== undefined) {
      this.#end(this.#handshake.answer({ welcome: false, ...refusal }));
      return;
    }
    this.#hello = hello;
    this.#parser.payloadSizeBytesMax =
      hello.purpose === 'messages' ? frameSizeBytesMax : snapshotFrameSizeBytesMax;
    const { startEpoch } = this.#options;
    const epoch = startEpoch === undefined ? {} : { startEpoch };
    socket.write(this.#handshake.answer({ welcome: true, ...epoch }));
    if (hello.purpose === 'messages') return;
    socket.off('data', this.#onData);
    const line = { socket, parser: this.#parser };
    receiveSnapshot(line, hello.caller.memberId, handler, this.#options.clock).catch(() => socket.destroy());
  }

  #readFrame(hello: Hello, payload: Uint8Array): void {
    if (this.#handshake.version < partsSinceVersion || !isPart(payload)) {
      this.#readMessages(hello, payload);
      return;
    }
    const whole = this.#assembler.take(payload);
    this.#options.handler.heard(hello.caller.memberId, this.#assembler.term);
    if (whole !== undefined) this.#readMessages(hello, whole);
  }

  /** A member speaks for itself, and to this one. */
  #readMessages(hello: Hello, payload: Uint8Array): void {
    const { handler } = this.#options;
    const reader = new ByteReader(payload);
    for (let left = queueLimits.messagesMax; reader.remaining > 0; left--) {
      // No member has more that wait; hundreds of thousands of tiny ones would keep this one for seconds.
      if (left === 0)
        throw new MalformedBytesError(`more than ${queueLimits.messagesMax} messages in a frame`);
      const message = readMessage(reader);
      if (message.from !== hello.caller.memberId || message.to !== hello.target) {
        throw new MalformedBytesError("a message in another's name, or for another");
      }
      handler.message(message);
    }
  }

  #failWith(error: unknown): void {
    if (error instanceof VersionError) {
      this.#tellFailure(error.message);
      // Of the versions alone: it must be possible to find out why two do not understand each other.
      const { versions = protocolVersions } = this.#options;
      this.#end(encodeAnswer({ welcome: false, code: 'wrong-version', reason: '', versions }));
    } else if (error instanceof UnprovenError) {
      this.#tellFailure(
        "does not know this cluster's secret: a member of another cluster, or no member, or the secret in its identity.json is another",
      );
      this.#end(encodeAnswer({ welcome: false, code: 'refused', reason: '' }));
    } else {
      const known = error instanceof MalformedBytesError;
      this.#fail(
        this.#hello === undefined ? 'not the greeting of a member' : known ? error.message : String(error),
      );
    }
  }

  #fail(reason: string): void {
    this.#tellFailure(reason);
    this.#options.socket.destroy();
  }

  #tellFailure(reason: string): void {
    if (this.#closed || this.#failed) return;
    this.#failed = true;
    this.#options.listener.failed(reason, this.#hello);
  }

  /** Tells the other end, which has been welcomed before, why, and closes. */
  refuse(refusal: Refusal): void {
    this.#end(encodeAnswer({ welcome: false, ...refusal }));
  }

  /** As refuse(): a newer process of the same member has been heard. */
  supersede(): void {
    if (this.#hello !== undefined) this.refuse(supersededBy(this.#hello.caller));
  }

  #end(last: Uint8Array): void {
    this.#closed = true;
    this.#options.socket.end(last);
    this.#options.socket.destroySoon();
  }

  /** Closes without a word. */
  close(): void {
    this.#closed = true;
    this.#options.socket.destroy();
  }
}
