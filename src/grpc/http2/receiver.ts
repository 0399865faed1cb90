import { BlockAssembly } from './block-assembly.js';
import type { ConnectionStreams } from './connection-streams.js';
import { ControlReceiver, type ControlConnection } from './control-receiver.js';
import type { FloodGuard } from './flood-guard.js';
import type { FrameHandler } from './frame-parser.js';
import type { Http2Limits } from './limits.js';
import { ConnectionError, errorCode, flag, frameType, streamIdMax } from './protocol.js';
import { fail, failSize } from './protocol-faults.js';
import type { RequestBlocks } from './request-blocks.js';
import type { ResponseBlocks } from './response-blocks.js';
import type { Stream } from './stream.js';

/** What the receiver works on. */
interface ReceiverParts {
  readonly limits: Http2Limits;
  readonly streams: ConnectionStreams;
  readonly requests: RequestBlocks;
  readonly responses: ResponseBlocks;
  readonly guard: FloodGuard;
  readonly connection: ControlConnection;
}

/** What a frame costs of the work that a connection may do in a turn. */
const headersCost = 8;
const frameCost = 1;

/** Takes the frames of one connection in (RFC 9113, section 6). Throws ConnectionError for what must end it. */
export class Receiver implements FrameHandler {
  readonly #parts: ReceiverParts;
  readonly #block: BlockAssembly;
  readonly #control: ControlReceiver;
  /** The stream of the last frame: most often the next frame's too. */
  #last: Stream | undefined;
  /** Frames that have come; a header block is one, however many carry it. */
  frames = 0;
  /** Below zero, the rest waits for the next turn. */
  workLeft = 0;
  /** The last stream that our GOAWAY has named: those behind it are not served. */
  lastServedId = streamIdMax;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#block = new BlockAssembly(parts.limits);
    this.#control = new ControlReceiver(parts);
  }

  get midBlock(): boolean {
    return this.#block.streamId !== 0;
  }

  /** In memory for a header block that has not ended. */
  get heldBytes(): number {
    return this.#block.heldBytes;
  }

  /** Nothing more is taken in: lets go of the block that has not ended. */
  clear(): void {
    this.#block.clear();
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): boolean {
    this.workLeft -= frameCost;
    // CONTINUATION is part of the frame that began the block.
    if (!this.midBlock) this.frames++;
    if (this.#block.streamId !== 0 && (type !== frameType.continuation || id !== this.#block.streamId)) {
      fail('a frame within a header block');
    }
    if (!this.#control.settingsSeen && (type !== frameType.settings || (flags & flag.ack) !== 0)) {
      fail('the first frame is not SETTINGS');
    }
    if (id > this.lastServedId && this.#passOverLate(type, from, to)) return this.workLeft > 0;
    switch (type) {
      case frameType.data:
        this.#data(flags, id, bytes, from, to);
        break;
      case frameType.headers:
        this.#headers(flags, id, bytes, from, to);
        break;
      case frameType.continuation:
        this.#continuation(flags, bytes, from, to);
        break;
      case frameType.rstStream:
        this.#control.rstStream(id, to - from);
        break;
      case frameType.windowUpdate:
        this.#charge(this.#control.windowUpdate(id, bytes, from, to));
        break;
      case frameType.settings:
        this.#charge(this.#control.settings(flags, id, bytes, from, to));
        break;
      case frameType.ping:
        this.#control.ping(flags, id, bytes, from, to);
        break;
      case frameType.goAway:
        this.#control.goAway(id, to - from);
        break;
      case frameType.pushPromise:
        fail('PUSH_PROMISE from a client');
        break;
      case frameType.priority:
        this.#control.priority(id, to - from);
        break;
      default:
        // Section 5.5: unknown types are passed over.
        this.#control.useless();
    }
    return this.workLeft > 0;
  }

  /** After the frame: it may have been the last, and have taken all that was left. */
  #charge(cost: number): void {
    this.workLeft -= cost;
  }

  #streamOf(id: number): Stream | undefined {
    const last = this.#last;
    if (last !== undefined && last.id === id && !last.gone) return last;
    const stream = this.#parts.streams.table.get(id);
    if (stream !== undefined) this.#last = stream;
    return stream;
  }

  /**
   * A frame on a stream that came behind our GOAWAY. It means nothing but to what the connection keeps count of: its
   * window, and the table of header blocks (section 6.8).
   *
   * @returns false for frames that must be looked at all the same
   */
  #passOverLate(type: number, from: number, to: number): boolean {
    const { streams, connection } = this.#parts;
    if (type === frameType.rstStream || type === frameType.windowUpdate) return true;
    if (type !== frameType.data) return false;
    if (streams.windows.arrived(to - from)) connection.wrote();
    return true;
  }

  /**
   * A frame for a stream that is not open; throws unless it may have crossed our reset of it.
   *
   * @param last of what the peer sends on the stream
   */
  #passOver(id: number, what: string, last: boolean, sizeBytes: number): void {
    const { table } = this.#parts.streams;
    if (!table.wasOpened(id)) fail(`${what} on a stream that was not opened`);
    if (!table.isIgnored(id)) {
      throw new ConnectionError(errorCode.streamClosed, `${what} on a stream that is closed`);
    }
    if (!table.passOver(id, sizeBytes, last)) {
      throw new ConnectionError(errorCode.flowControlError, `more ${what} than the window of a stream`);
    }
    if (sizeBytes === 0 && !last) this.#control.useless();
  }

  #data(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection, streams } = this.#parts;
    if (id === 0) fail('DATA on the connection');
    const flowBytes = to - from;
    if (streams.windows.arrived(flowBytes)) connection.wrote();
    if ((flags & flag.padded) !== 0) {
      to = withoutPadding(bytes, from, to);
      from++;
    }
    const stream = this.#streamOf(id);
    if (stream === undefined) {
      this.#passOver(id, 'DATA', (flags & flag.endStream) !== 0, flowBytes);
      return;
    }
    if (stream.receiveClosed) {
      streams.fault(id, errorCode.streamClosed);
      return;
    }
    stream.receiveWindow -= flowBytes;
    if (stream.receiveWindow < 0) {
      streams.fault(id, errorCode.flowControlError);
      return;
    }
    const last = (flags & flag.endStream) !== 0;
    if (from === to && !last) this.#empty();
    if (stream.contentLeftBytes >= 0) {
      stream.contentLeftBytes -= to - from;
      if (stream.contentLeftBytes < 0 || (last && stream.contentLeftBytes > 0)) {
        streams.fault(id, errorCode.protocolError);
        return;
      }
    }
    // Padding is done with at once.
    const paddingBytes = flowBytes - (to - from);
    if (paddingBytes > 0) stream.owner.credit(stream, paddingBytes);
    if (last) this.#end(stream, bytes, from, to);
    else stream.data(bytes, from, to, false);
  }

  #end(stream: Stream, bytes: Buffer, from: number, to: number): void {
    stream.receiveClosed = true;
    stream.data(bytes, from, to, true);
    if (!stream.gone) this.#parts.streams.receiveEnded(stream);
  }

  #empty(): void {
    const { guard, connection, streams } = this.#parts;
    guard.emptyFrame(connection.nowMs(), streams.answered);
  }

  #headers(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    if (id === 0 || id % 2 === 0) fail(`HEADERS on stream ${id}`);
    this.workLeft -= headersCost;
    if ((flags & flag.padded) !== 0) {
      to = withoutPadding(bytes, from, to);
      from++;
    }
    if ((flags & flag.priority) !== 0) {
      from += 5;
      if (from > to) failSize('HEADERS');
    }
    const endStream = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) !== 0) {
      this.#requestBlock(id, endStream, bytes, from, to);
      return;
    }
    if (from === to) this.#empty();
    this.#block.begin(id, endStream, bytes.subarray(from, to));
  }

  #continuation(flags: number, bytes: Buffer, from: number, to: number): void {
    if (this.#block.streamId === 0) fail('CONTINUATION without HEADERS');
    if (from === to) this.#empty();
    this.#block.add(bytes.subarray(from, to));
    if ((flags & flag.endHeaders) === 0) return;
    const { streamId, endStream } = this.#block;
    const block = this.#block.end();
    this.#requestBlock(streamId, endStream, block, 0, block.length);
  }

  #requestBlock(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    const { streams, requests } = this.#parts;
    if (id > this.lastServedId) {
      requests.skip(bytes, from, to);
      return;
    }
    if (id <= streams.table.lastId) {
      this.#trailers(id, endStream, bytes, from, to);
      return;
    }
    streams.table.lastId = id;
    if (streams.full) {
      requests.skip(bytes, from, to);
      streams.refuse(id);
      return;
    }
    if (streams.overrun) {
      requests.skip(bytes, from, to);
      streams.openRefused(requests.overrun(), id, endStream);
      return;
    }
    const opener = requests.request(bytes, from, to);
    if (opener === undefined) {
      streams.fault(id, errorCode.protocolError);
      return;
    }
    this.workLeft -= opener.cost;
    const stream = streams.open(opener, id, endStream);
    this.#last = stream;
    if (!endStream || stream.gone) return;
    if (stream.contentLeftBytes > 0) streams.fault(id, errorCode.protocolError);
    else this.#end(stream, bytes, 0, 0);
  }

  #trailers(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    const { requests, streams } = this.#parts;
    const stream = this.#streamOf(id);
    const wellFormed = requests.trailers(bytes, from, to);
    if (stream === undefined) this.#passOver(id, 'HEADERS', endStream, 0);
    else if (stream.receiveClosed) streams.fault(id, errorCode.streamClosed);
    else if (!endStream || !wellFormed || stream.contentLeftBytes > 0) {
      streams.fault(id, errorCode.protocolError);
    } else this.#end(stream, bytes, 0, 0);
  }
}

/** Section 6.1: the first byte says how many at the end are padding. @returns where the content ends */
function withoutPadding(bytes: Buffer, from: number, to: number): number {
  if (from === to) failSize('a padded frame');
  const end = to - bytes[from]!;
  if (end <= from) fail('more padding than frame');
  return end;
}
