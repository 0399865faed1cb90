import type { MemberId, Term } from '../base/ids.js';
import { randomInt, type RandomSource } from '../base/prng.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { PeerAddress, PeerIdentity } from '../ports/peers.js';
import type { Message } from '../raft/types.js';
import { dial, RefusedError, type DialledLine } from './dial.js';
import { encodeFrame } from './frame.js';
import { decodeAnswer, type Refusal } from './greeting.js';
import { decodeTaken, partsSinceVersion } from './message-parts.js';
import { OutgoingFrames } from './outgoing-frames.js';
import type { OwnNonces } from './own-nonces.js';
import type { ProtocolVersions } from './protocol-versions.js';
import { SendWindow } from './send-window.js';

const backoffMsMin = 50;
const backoffMsMax = 1000;
/** Beyond this, messages wait in the queue (where heartbeats can give way), not in the socket; see also SendWindow. */
const socketSizeBytesMax = 4 * 1024 * 1024;
/** Bytes that nobody takes for so long: the other end is gone without a word. */
const stallTimeoutMs = 5000;
/** So often something is sent, if only an empty frame, and the other end says that it arrived. */
const pingIntervalMs = 1000;
/**
 * After so many pings without an answer the connection is made anew: behind a network that was cut, TCP tries again
 * after ever longer times. Pings are counted, not time, so that a process that was paused does not blame the others.
 */
const unansweredPingsMax = 3;

const ping = encodeFrame(() => {}, 0);

export interface PeerLinkOptions {
  readonly self: PeerIdentity;
  readonly secret: Uint8Array;
  readonly versions: ProtocolVersions | undefined;
  readonly ownNonces: OwnNonces;
  readonly target: MemberId;
  /** Where it may be, in the order in which they are tried; never empty. */
  readonly addresses: () => readonly PeerAddress[];
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly listener: {
    /** Whether no newer process of the member is known than the one that answers. */
    isCurrent(startEpoch: number | undefined): boolean;
    /** Up: the other end has welcomed this member. */
    up(address: PeerAddress, remoteAddress: string): void;
    /** It was up, and the other end or the network closed it. */
    lost(): void;
    /** Messages are dropped from now on, until it is up. Told again when an address has another reason. */
    unreachable(address: PeerAddress, reason: string): void;
    /** Bytes of a long message that is on its way, and was sent in `term`, have arrived. */
    taken(term: Term): void;
    refused(refusal: Refusal): void;
  };
}

/** A connection that is up, with what is on its way there; no window: the other end does not say what it has taken. */
interface UpLine extends DialledLine {
  readonly window: SendWindow | undefined;
}

/** The way of messages to one member: connects on its own, again and again. */
export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #frames = new OutgoingFrames();
  #line: UpLine | undefined;
  #retry: Timer | undefined;
  #ping: Timer | undefined;
  #unansweredPings = 0;
  #failures = 0;
  /** Since the first address was tried. */
  #attempts = 0;
  #address: PeerAddress = '';
  /** Why messages are dropped, as it was told, by address; empty while they are not. */
  readonly #toldReasons = new Map<PeerAddress, string>();
  /** Of the line that is up: what is said when it ends. */
  #whyClosed = '';
  #flushing = false;
  #closed = false;
  readonly #abort = new AbortController();

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    void this.#connect();
  }

  get isUp(): boolean {
    return this.#line !== undefined;
  }

  /** Of the connection that is up, or was tried last. */
  get address(): PeerAddress {
    return this.#address;
  }

  /** Of the process at the other end; undefined: it is not up, or did not say. */
  get startEpoch(): number | undefined {
    return this.#line?.startEpoch;
  }

  /** Messages that were dropped because the queue was full or there was no connection. */
  get dropped(): number {
    return this.#frames.dropped;
  }

  send(message: Message): void {
    if (this.#closed) return;
    this.#frames.push(message);
    if (this.#flushing || this.#line === undefined) return;
    this.#flushing = true;
    // After the code that is running now: what one turn sends leaves in one write.
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#line === undefined) return;
    const { socket, version, window } = this.#line;
    socket.cork();
    while (socket.writableLength < socketSizeBytesMax) {
      const frame = this.#frames.next(version, window?.open ?? true);
      if (frame === undefined) break;
      this.#write(this.#line, frame);
    }
    socket.uncork();
  }

  #write({ socket, window }: UpLine, frame: Uint8Array): void {
    socket.write(frame);
    window?.wrote(frame.length, this.#options.clock.monotonicMs());
  }

  async #connect(): Promise<void> {
    const { self, secret, versions, ownNonces, target, clock, listener } = this.#options;
    const { signal } = this.#abort;
    const addresses = this.#options.addresses();
    this.#address = addresses[this.#attempts++ % addresses.length]!;
    const caller = { self, secret, versions, ownNonces };
    try {
      const line = await dial({
        ...caller,
        target,
        address: this.#address,
        purpose: 'messages',
        clock,
        signal,
      });
      if (this.#closed) line.socket.destroy();
      else if (listener.isCurrent(line.startEpoch)) this.#established(line);
      else {
        line.socket.destroy();
        this.#down(`${this.#address} is served by an older process of the member`);
      }
    } catch (error) {
      if (this.#closed) return;
      if (error instanceof RefusedError) listener.refused(error.refusal);
      this.#down(error instanceof Error ? error.message : String(error));
    }
  }

  #established(dialled: DialledLine): void {
    const { listener } = this.#options;
    const window = dialled.version < partsSinceVersion ? undefined : new SendWindow();
    const line: UpLine = { ...dialled, window };
    this.#line = line;
    this.#failures = 0;
    this.#attempts = 0;
    this.#toldReasons.clear();
    const { socket, parser } = line;
    this.#whyClosed = 'the connection was closed';
    socket.setTimeout(stallTimeoutMs);
    socket.on('timeout', () => {
      if (socket.writableLength > 0) this.#end(line, `it has taken nothing for ${stallTimeoutMs} ms`);
    });
    socket.on('drain', () => this.#flush());
    socket.on('data', (chunk: Buffer) => {
      this.#unansweredPings = 0;
      try {
        parser.push(chunk);
        for (let payload = parser.next(); payload !== undefined; payload = parser.next()) {
          this.#answered(line, payload);
        }
      } catch {
        this.#end(line, 'its answers cannot be read');
      }
    });
    // The other end says nothing more: its process ended, or it sends this member away.
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      if (this.#closed) return;
      this.#line = undefined;
      this.#ping?.cancel();
      listener.lost();
      this.#down(this.#whyClosed);
    });
    socket.resume();
    this.#unansweredPings = 0;
    this.#armPing(line);
    listener.up(this.#address, socket.remoteAddress ?? '');
    this.#flush();
  }

  #answered({ window }: UpLine, payload: Uint8Array): void {
    const { listener, clock } = this.#options;
    const takenBytes = window === undefined ? undefined : decodeTaken(payload);
    if (window === undefined || takenBytes === undefined) {
      const answer = decodeAnswer(payload);
      if (!answer.welcome) listener.refused(answer);
      return;
    }
    window.taken(takenBytes, clock.monotonicMs());
    const { longTerm } = this.#frames;
    if (longTerm !== undefined) listener.taken(longTerm);
    this.#flush();
  }

  #end({ socket }: DialledLine, why: string): void {
    this.#whyClosed = why;
    socket.destroy();
  }

  #armPing(line: UpLine): void {
    this.#ping = this.#options.clock.setTimer(pingIntervalMs, () => {
      if (this.#line !== line || this.#closed) return;
      if (this.#unansweredPings >= unansweredPingsMax) {
        this.#end(line, `it has not answered for ${unansweredPingsMax * pingIntervalMs} ms`);
        return;
      }
      this.#unansweredPings++;
      // In a full socket more would not arrive any sooner.
      if (line.socket.writableLength === 0) this.#write(line, ping);
      this.#armPing(line);
    });
  }

  /** Waits, and tries again: the longer it failed the longer, never all members in step. */
  #down(reason: string): void {
    const { clock, random, listener } = this.#options;
    this.#frames.clear();
    if (this.#toldReasons.get(this.#address) !== reason) {
      this.#toldReasons.set(this.#address, reason);
      listener.unreachable(this.#address, reason);
    }
    const limitMs = Math.min(backoffMsMax, backoffMsMin * 2 ** Math.min(this.#failures++, 10));
    const delayMs = limitMs / 2 + randomInt(random, Math.ceil(limitMs / 2) + 1);
    this.#retry = clock.setTimer(delayMs, () => {
      this.#retry = undefined;
      void this.#connect();
    });
  }

  /** Tries at once: the other end has just shown that it is there. */
  hurry(): void {
    if (this.#closed || this.#line !== undefined || this.#retry === undefined) return;
    this.#retry.cancel();
    this.#retry = undefined;
    this.#attempts = 0;
    void this.#connect();
  }

  /** Sends what is queued, and closes. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    this.#retry?.cancel();
    this.#ping?.cancel();
    this.#abort.abort();
    this.#line?.socket.end();
    this.#line?.socket.destroySoon();
  }
}
