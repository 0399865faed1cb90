import { BlockAssembly } from './block-assembly.js';
import type { FloodGuard } from './flood-guard.js';
import type { FrameHandler } from './frame-parser.js';
import type { Http2Limits } from './limits.js';
import { ConnectionError, errorCode, flag, frameType, settingId, type Http2ErrorCode } from './protocol.js';
import type { ReceiveWindows } from './receive-windows.js';
import type { RequestBlocks, StreamOpener } from './request-blocks.js';
import type { ResponseBlocks } from './response-blocks.js';
import type { Sender } from './sender.js';
import { readSettings } from './settings.js';
import type { Stream } from './stream.js';
import type { StreamTable } from './stream-table.js';

/** What the receiver works on, and what it asks of the connection. */
export interface ReceiverParts {
  readonly limits: Http2Limits;
  readonly streams: StreamTable;
  readonly sender: Sender;
  readonly windows: ReceiveWindows;
  readonly requests: RequestBlocks;
  readonly responses: ResponseBlocks;
  readonly guard: FloodGuard;
  readonly connection: ReceiverConnection;
}

export interface ReceiverConnection {
  nowMs(): number;
  /** No new calls any more. */
  readonly refusing: boolean;
  open(opener: StreamOpener, id: number, endStream: boolean): Stream;
  /** RST_STREAM for a stream that was not opened, or is open. */
  resetId(id: number, code: Http2ErrorCode): void;
  /** The peer has sent its last byte. */
  receiveEnded(stream: Stream): void;
  streamReset(stream: Stream): void;
  settingsReceived(): void;
  settingsAcknowledged(): void;
  pinged(payload: Buffer): void;
  pingAcknowledged(payload: Buffer): void;
  goAwayReceived(): void;
  /** Something was written to the output. */
  wrote(): void;
}

/** What a frame costs of the work that a connection may do in a turn. */
const headersCost = 8;
const frameCost = 1;

/** Takes the frames of one connection in (RFC 9113, section 6). Throws ConnectionError for what must end it. */
export class Receiver implements FrameHandler {
  readonly #parts: ReceiverParts;
  readonly #block: BlockAssembly;
  #settingsSeen = false;
  /** The stream of the last frame: most often the next frame's too. */
  #last: Stream | undefined;
  /** Frames that have come. */
  frames = 0;
  /** Below zero, the rest waits for the next turn. */
  workLeft = 0;

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#block = new BlockAssembly(parts.limits);
  }

  get midBlock(): boolean {
    return this.#block.streamId !== 0;
  }

  frame(type: number, flags: number, id: number, bytes: Buffer, from: number, to: number): boolean {
    this.workLeft -= frameCost;
    this.frames++;
    if (this.#block.streamId !== 0 && (type !== frameType.continuation || id !== this.#block.streamId)) {
      fail('a frame within a header block');
    }
    if (!this.#settingsSeen && (type !== frameType.settings || (flags & flag.ack) !== 0)) {
      fail('the first frame is not SETTINGS');
    }
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
        this.#rstStream(id, to - from);
        break;
      case frameType.windowUpdate:
        this.#windowUpdate(id, bytes, from, to);
        break;
      case frameType.settings:
        this.#settings(flags, id, bytes, from, to);
        break;
      case frameType.ping:
        this.#ping(flags, id, bytes, from, to);
        break;
      case frameType.goAway:
        if (id !== 0) fail('GOAWAY on a stream');
        if (to - from < 8) failSize('GOAWAY');
        this.#parts.connection.goAwayReceived();
        break;
      case frameType.pushPromise:
        fail('PUSH_PROMISE from a client');
        break;
      case frameType.priority:
        this.#priority(id, to - from);
        break;
      default:
        // Section 5.5: unknown types are passed over.
        this.#useless();
    }
    return this.workLeft > 0;
  }

  #useless(): void {
    this.#parts.guard.uselessFrame(this.#parts.connection.nowMs());
  }

  #streamOf(id: number): Stream | undefined {
    const last = this.#last;
    if (last !== undefined && last.id === id && !last.gone) return last;
    const stream = this.#parts.streams.get(id);
    if (stream !== undefined) this.#last = stream;
    return stream;
  }

  /** A frame for a stream that is not open; throws unless it may have crossed our reset of it. */
  #passOver(id: number, what: string): void {
    const { streams } = this.#parts;
    if (id > streams.lastId || id % 2 === 0) fail(`${what} on a stream that was not opened`);
    if (!streams.isIgnored(id)) {
      throw new ConnectionError(errorCode.streamClosed, `${what} on a stream that is closed`);
    }
    this.#useless();
  }

  #data(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection, windows, guard } = this.#parts;
    if (id === 0) fail('DATA on the connection');
    const flowBytes = to - from;
    if (windows.arrived(flowBytes)) connection.wrote();
    if ((flags & flag.padded) !== 0) {
      to = withoutPadding(bytes, from, to);
      from++;
    }
    const stream = this.#streamOf(id);
    if (stream === undefined) {
      this.#passOver(id, 'DATA');
      return;
    }
    if (stream.receiveClosed) {
      connection.resetId(id, errorCode.streamClosed);
      return;
    }
    stream.receiveWindow -= flowBytes;
    if (stream.receiveWindow < 0) {
      connection.resetId(id, errorCode.flowControlError);
      return;
    }
    const last = (flags & flag.endStream) !== 0;
    if (from === to && !last) guard.emptyFrame(connection.nowMs());
    if (stream.contentLeftBytes >= 0) {
      stream.contentLeftBytes -= to - from;
      if (stream.contentLeftBytes < 0 || (last && stream.contentLeftBytes > 0)) {
        connection.resetId(id, errorCode.protocolError);
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
    if (!stream.gone) this.#parts.connection.receiveEnded(stream);
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
    if (from === to) this.#parts.guard.emptyFrame(this.#parts.connection.nowMs());
    this.#block.begin(id, endStream, bytes.subarray(from, to));
  }

  #continuation(flags: number, bytes: Buffer, from: number, to: number): void {
    if (this.#block.streamId === 0) fail('CONTINUATION without HEADERS');
    if (from === to) this.#parts.guard.emptyFrame(this.#parts.connection.nowMs());
    this.#block.add(bytes.subarray(from, to));
    if ((flags & flag.endHeaders) === 0) return;
    const { streamId, endStream } = this.#block;
    const block = this.#block.end();
    this.#requestBlock(streamId, endStream, block, 0, block.length);
  }

  #requestBlock(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    const { streams, requests, connection } = this.#parts;
    if (id <= streams.lastId) {
      this.#trailers(id, endStream, bytes, from, to);
      return;
    }
    streams.lastId = id;
    if (connection.refusing || streams.full) {
      requests.skip(bytes, from, to);
      connection.resetId(id, errorCode.refusedStream);
      return;
    }
    const opener = requests.request(bytes, from, to);
    if (opener === undefined) {
      connection.resetId(id, errorCode.protocolError);
      return;
    }
    const stream = connection.open(opener, id, endStream);
    this.#last = stream;
    if (!endStream || stream.gone) return;
    if (stream.contentLeftBytes > 0) connection.resetId(id, errorCode.protocolError);
    else this.#end(stream, bytes, 0, 0);
  }

  #trailers(id: number, endStream: boolean, bytes: Buffer, from: number, to: number): void {
    const { requests, connection } = this.#parts;
    const stream = this.#streamOf(id);
    const wellFormed = requests.trailers(bytes, from, to);
    if (stream === undefined) this.#passOver(id, 'HEADERS');
    else if (stream.receiveClosed) connection.resetId(id, errorCode.streamClosed);
    else if (!endStream || !wellFormed || stream.contentLeftBytes > 0) {
      connection.resetId(id, errorCode.protocolError);
    } else this.#end(stream, bytes, 0, 0);
  }

  #priority(id: number, length: number): void {
    if (id === 0) fail('PRIORITY on the connection');
    this.#useless();
    if (length === 5) return;
    if (this.#streamOf(id) === undefined) failSize('PRIORITY');
    this.#parts.connection.resetId(id, errorCode.frameSizeError);
  }

  #rstStream(id: number, length: number): void {
    const { streams, connection, guard } = this.#parts;
    if (length !== 4) failSize('RST_STREAM');
    if (id === 0 || id > streams.lastId || id % 2 === 0) fail('RST_STREAM on a stream that was not opened');
    const stream = this.#streamOf(id);
    if (stream === undefined) {
      this.#useless();
      return;
    }
    guard.reset(connection.nowMs());
    connection.streamReset(stream);
  }

  #windowUpdate(id: number, bytes: Buffer, from: number, to: number): void {
    const { streams, sender, connection, guard } = this.#parts;
    if (to - from !== 4) failSize('WINDOW_UPDATE');
    const incrementBytes = bytes.readUInt32BE(from) & 0x7fff_ffff;
    guard.windowUpdate(connection.nowMs(), sender.framesSent);
    if (id === 0) {
      if (incrementBytes === 0) fail('WINDOW_UPDATE by 0');
      sender.openWindow(incrementBytes);
      connection.wrote();
      return;
    }
    const stream = this.#streamOf(id);
    if (stream === undefined) {
      if (id > streams.lastId || id % 2 === 0) fail('WINDOW_UPDATE on a stream that was not opened');
      this.#useless();
      return;
    }
    if (incrementBytes === 0) connection.resetId(id, errorCode.protocolError);
    else if (sender.moveStreamWindow(stream, incrementBytes)) connection.wrote();
    else connection.resetId(id, errorCode.flowControlError);
  }

  #settings(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection, guard } = this.#parts;
    if (id !== 0) fail('SETTINGS on a stream');
    if ((flags & flag.ack) !== 0) {
      if (from !== to) failSize('SETTINGS');
      connection.settingsAcknowledged();
      return;
    }
    guard.settings(connection.nowMs());
    readSettings(bytes, from, to, (setting, value) => this.#apply(setting, value));
    this.#settingsSeen = true;
    connection.settingsReceived();
  }

  #apply(setting: number, value: number): void {
    const { sender, responses, streams } = this.#parts;
    if (setting === settingId.headerTableSize) responses.setTableSizeMax(value);
    else if (setting === settingId.maxFrameSize) sender.setFrameSizeMax(value);
    else if (setting === settingId.initialWindowSize) sender.setInitialWindow(value, streams.all());
  }

  #ping(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection, guard, sender } = this.#parts;
    if (id !== 0) fail('PING on a stream');
    if (to - from !== 8) failSize('PING');
    const payload = bytes.subarray(from, to);
    if ((flags & flag.ack) !== 0) {
      connection.pingAcknowledged(payload);
      return;
    }
    guard.ping(connection.nowMs(), sender.framesSent);
    connection.pinged(payload);
  }
}

/** Section 6.1: the first byte says how many at the end are padding. @returns where the content ends */
function withoutPadding(bytes: Buffer, from: number, to: number): number {
  if (from === to) failSize('a padded frame');
  const end = to - bytes[from]!;
  if (end <= from) fail('more padding than frame');
  return end;
}

function fail(what: string): never {
  throw new ConnectionError(errorCode.protocolError, what);
}

function failSize(what: string): never {
  throw new ConnectionError(errorCode.frameSizeError, `${what} of a wrong length`);
}
