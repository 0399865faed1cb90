import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Log } from '../base/log.js';
import type { FairTurns } from './fair-turns.js';
import { MemoryAccount, type MemoryBudget, type MemoryHolder } from './http2/memory-budget.js';
import type { TurnTask } from './http2/turns.js';

/** What all connections of HTTP/1.1 share. */
export interface Http1Environment {
  readonly turns: FairTurns;
  readonly memory: MemoryBudget;
  /** Until a client has taken the next part of an answer. */
  readonly timeoutMs: number;
  readonly log: Log;
}

/** A blank line, which ends the fields of a request, is looked for within so much of the input. */
const pieceSizeBytesMax = 8 * 1024;

/** Of an answer, for which the client has `timeoutMs`. */
const partSizeBytes = 64 * 1024;

/** Most of it are the objects of node:http and the buffers of both streams. */
const footprintBytes = 16 * 1024;

/**
 * Stands between a socket and node:http, which answers in one go whatever comes in one chunk: thousands of pipelined
 * requests. It gets them one by one here, each behind the answer to the last one and when it is the client's turn; so
 * what a connection holds is a chunk of requests and one answer, and who does not read is read no more.
 */
export class Http1Connection extends Duplex implements TurnTask, MemoryHolder {
  readonly memory: MemoryAccount;
  readonly #socket: Socket;
  readonly #environment: Http1Environment;
  /** Whose turn it takes. */
  readonly #client: object;
  #chunk: Buffer | undefined;
  /** Of it, what was handed on. */
  #at = 0;
  #inputEnded = false;
  /** node:http takes more. */
  #wanted = false;
  #scheduled = false;
  #answersOpen = 0;
  #lastRequest: IncomingMessage | undefined;
  /** The socket has not taken what it was given since then; Infinity: it has. */
  #sendingSinceMs = Infinity;

  constructor(socket: Socket, received: Buffer, client: object, environment: Http1Environment) {
    // Not more than one piece is to be buffered.
    super({ readableHighWaterMark: 1, allowHalfOpen: true });
    this.#socket = socket;
    this.#client = client;
    this.#environment = environment;
    this.memory = new MemoryAccount(environment.memory, this);
    this.#receive(received);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => {
      this.#inputEnded = true;
      this.#schedule();
    });
    socket.on('timeout', () => this.emit('timeout'));
    socket.on('close', () => this.destroy());
    if (socket.destroyed) this.destroy();
  }

  // What is known of sockets

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  setTimeout(timeoutMs: number, onTimeout?: () => void): this {
    this.#socket.setTimeout(timeoutMs);
    if (onTimeout !== undefined) this.once('timeout', onTimeout);
    return this;
  }

  /** Once what was written has been taken. */
  destroySoon(): void {
    this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  // Requests

  #receive(chunk: Buffer): void {
    this.#socket.pause();
    this.#chunk = this.#chunk === undefined ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
    this.#hold();
    this.#schedule();
  }

  override _read(): void {
    this.#wanted = true;
    this.#schedule();
  }

  /** A request was handed on, and is being answered. */
  answering(request: IncomingMessage, response: ServerResponse): void {
    this.#answersOpen++;
    this.#lastRequest = request;
    response.once('close', () => {
      this.#answersOpen--;
      this.#schedule();
    });
  }

  /** The next request waits for the last answer to be taken. What belongs to the last request does not. */
  get #mayGoOn(): boolean {
    if (!this.#wanted || (this.#chunk === undefined && !this.#inputEnded)) return false;
    return this.#answersOpen === 0 || this.#lastRequest?.complete !== true;
  }

  #schedule(): void {
    if (this.#scheduled || this.destroyed || !this.#mayGoOn) return;
    this.#scheduled = true;
    this.#environment.turns.schedule(this.#client, this);
  }

  turn(): void {
    this.#scheduled = false;
    if (this.destroyed || !this.#mayGoOn) return;
    this.#wanted = false;
    const chunk = this.#chunk;
    if (chunk === undefined) {
      this.push(null);
      return;
    }
    const from = this.#at;
    this.#at = endOfPiece(chunk, from);
    if (this.#at === chunk.length) this.#chunk = undefined;
    this.push(chunk.subarray(from, this.#at));
    if (this.#chunk === undefined && !(this.destroyed as boolean)) {
      this.#hold();
      this.#socket.resume();
    }
  }

  failed(error: unknown): void {
    this.#environment.log.error({ err: error }, 'a connection failed for a reason that is a bug');
    this.destroy();
  }

  // Answers

  override _write(bytes: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#hold();
    this.#send(bytes, callback);
  }

  #send(bytes: Buffer, callback: () => void): void {
    this.#sendingSinceMs = performance.now();
    this.#socket.write(bytes.subarray(0, partSizeBytes), (error) => {
      if (!error && bytes.length > partSizeBytes) {
        this.#send(bytes.subarray(partSizeBytes), callback);
        return;
      }
      this.#sendingSinceMs = Infinity;
      // Nobody needs to be told of a lost connection.
      if (error) this.destroy();
      callback();
      this.#hold();
    });
  }

  override _final(callback: () => void): void {
    this.#socket.end(() => callback());
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#socket.destroy();
    this.memory.end();
    this.memory.hold(-this.memory.heldBytes);
    callback(error);
  }

  // What it holds

  nowMs(): number {
    return performance.now();
  }

  #hold(): void {
    if (this.destroyed) return;
    const heldBytes = footprintBytes + (this.#chunk?.length ?? 0) + this.writableLength;
    this.memory.hold(heldBytes - this.memory.heldBytes);
  }

  stalledMs(nowMs: number): number {
    return this.#sendingSinceMs === Infinity ? 0 : nowMs - this.#sendingSinceMs;
  }

  evict(): void {
    this.destroy();
  }

  /** Closes it if the client does not take its answers. */
  sweep(nowMs: number): void {
    if (this.stalledMs(nowMs) > this.#environment.timeoutMs) this.destroy();
  }
}

/** Behind the next blank line, if there is one near enough: two requests at most end before it. */
function endOfPiece(chunk: Buffer, from: number): number {
  const near = chunk.subarray(from, from + pieceSizeBytesMax);
  return from + Math.min(behind(near, '\n\r\n'), behind(near, '\n\n'));
}

function behind(bytes: Buffer, blankLine: string): number {
  const at = bytes.indexOf(blankLine);
  return at < 0 ? bytes.length : at + blankLine.length;
}
