import { HpackDecoder } from '../hpack/decoder.js';
import { HpackError } from '../hpack/error.js';
import type { Http2Limits } from './limits.js';
import { ConnectionError, errorCode } from './protocol.js';
import { areTrailers, readRequestFields, type RequestFields } from './request-fields.js';
import type { Stream, StreamOwner } from './stream.js';

export interface StreamWindows {
  readonly receive: number;
  readonly send: number;
}

/** What a header list asks for, read once; opened for each request that sends it. */
export interface StreamOpener {
  /** In memory for the next stream that it opens, beside the stream itself. */
  heldBytes: number;
  /** Of the work that a connection may do in a turn, beside that for the frames. */
  readonly cost: number;
  open(owner: StreamOwner, id: number, windows: StreamWindows): Stream;
}

/** What HTTP/2 carries here. */
export interface Http2Application {
  request(fields: RequestFields): StreamOpener;
  /** For a request whose header list is larger than the limit. */
  headersTooLarge(): StreamOpener;
  /** For a request of a client that cancels calls faster than it may. */
  overrun(): StreamOpener;
}

interface Remembered {
  readonly block: Buffer;
  readonly opener: StreamOpener;
}

/** Clients repeat few different header blocks. */
const rememberedMax = 4;
const rememberedSizeBytesMax = 1024;

/**
 * Reads the header blocks of a connection. A block that left the decoder's table alone is remembered: while the
 * table stands still, the same bytes are the same request, and neither decoded nor checked again.
 */
export class RequestBlocks {
  readonly #decoder: HpackDecoder;
  readonly #application: Http2Application;
  #remembered: Remembered[] = [];
  #generation = 0;

  constructor(limits: Http2Limits, application: Http2Application) {
    this.#decoder = new HpackDecoder({
      dynamicTableSizeBytesMax: limits.headerTableSizeBytesMax,
      headerListSizeBytesMax: limits.headerListSizeBytesMax,
    });
    this.#application = application;
  }

  settingsAcknowledged(): void {
    this.#decoder.settingsAcknowledged();
  }

  /**
   * @returns undefined for a malformed request
   * @throws ConnectionError COMPRESSION_ERROR
   */
  request(bytes: Buffer, from: number, to: number): StreamOpener | undefined {
    if (this.#generation !== this.#decoder.generation) {
      this.#generation = this.#decoder.generation;
      this.#remembered = [];
    }
    for (const { block, opener } of this.#remembered) {
      if (block.length !== to - from || !isSame(block, bytes, from)) continue;
      // The first stream that it opened counts it, the others share it.
      opener.heldBytes = 0;
      return opener;
    }
    const { fields, sizeBytes, tooLarge } = this.#decode(bytes, from, to);
    if (tooLarge) return this.#application.headersTooLarge();
    const read = readRequestFields(fields);
    if (read === undefined) return undefined;
    const opener = this.#application.request(read);
    opener.heldBytes = sizeBytes;
    if (this.#generation === this.#decoder.generation && to - from <= rememberedSizeBytesMax) {
      if (this.#remembered.length === rememberedMax) this.#remembered.shift();
      this.#remembered.push({ block: Buffer.from(bytes.subarray(from, to)), opener });
    }
    return opener;
  }

  /** @returns whether they are well-formed */
  trailers(bytes: Buffer, from: number, to: number): boolean {
    const { fields, tooLarge } = this.#decode(bytes, from, to);
    return !tooLarge && areTrailers(fields);
  }

  /** Of a stream that does not count: keeps the table in step. */
  skip(bytes: Buffer, from: number, to: number): void {
    this.#decode(bytes, from, to);
  }

  /** What refuses a request that was skipped. */
  overrun(): StreamOpener {
    return this.#application.overrun();
  }

  #decode(bytes: Buffer, from: number, to: number): ReturnType<HpackDecoder['decode']> {
    try {
      return this.#decoder.decode(bytes, from, to);
    } catch (error) {
      if (error instanceof HpackError) throw new ConnectionError(errorCode.compressionError, error.message);
      throw error;
    }
  }
}

function isSame(block: Buffer, bytes: Buffer, from: number): boolean {
  for (let at = 0; at < block.length; at++) if (block[at] !== bytes[from + at]) return false;
  return true;
}
