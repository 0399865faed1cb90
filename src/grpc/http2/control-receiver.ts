import type { ConnectionStreams } from './connection-streams.js';
import type { FloodGuard } from './flood-guard.js';
import { errorCode, flag, settingId } from './protocol.js';
import { fail, failSize } from './protocol-faults.js';
import type { ResponseBlocks } from './response-blocks.js';
import { readSettings } from './settings.js';

export interface ControlConnection {
  nowMs(): number;
  settingsReceived(): void;
  settingsAcknowledged(): void;
  pinged(payload: Buffer): void;
  pingAcknowledged(payload: Buffer): void;
  goAwayReceived(): void;
  /** Something was written to the output, or may be. */
  wrote(): void;
}

interface ControlParts {
  readonly streams: ConnectionStreams;
  readonly responses: ResponseBlocks;
  readonly guard: FloodGuard;
  readonly connection: ControlConnection;
}

/** What an entry of SETTINGS, and a stream that is looked at for a frame, cost of the work of a turn. */
const entryCost = 1;
const streamCost = 1;

/** Takes in the frames that carry no content (RFC 9113, sections 6.3 to 6.9). */
export class ControlReceiver {
  readonly #parts: ControlParts;
  /** The peer has sent its SETTINGS, which must come first. */
  settingsSeen = false;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  useless(): void {
    const { guard, connection, streams } = this.#parts;
    guard.uselessFrame(connection.nowMs(), streams.answered);
  }

  priority(id: number, length: number): void {
    if (id === 0) fail('PRIORITY on the connection');
    this.useless();
    if (length === 5) return;
    if (this.#parts.streams.table.get(id) === undefined) failSize('PRIORITY');
    this.#parts.streams.fault(id, errorCode.frameSizeError);
  }

  rstStream(id: number, length: number): void {
    const { streams } = this.#parts;
    if (length !== 4) failSize('RST_STREAM');
    if (id % 2 === 0) fail(`RST_STREAM on stream ${id}`);
    const stream = streams.table.get(id);
    if (stream !== undefined) {
      streams.cancelled(stream);
      return;
    }
    // It has crossed the end of the stream (section 5.1). Or the stream was never opened: section 6.4 wants an end of
    // the connection for that, but gRPC's C core does it to calls that it cancels before it has sent them.
    this.useless();
  }

  /** @returns what it costs of the work of a turn, beside the frame */
  windowUpdate(id: number, bytes: Buffer, from: number, to: number): number {
    const { streams, connection, guard } = this.#parts;
    const { sender, table } = streams;
    if (to - from !== 4) failSize('WINDOW_UPDATE');
    const incrementBytes = bytes.readUInt32BE(from) & 0x7fff_ffff;
    guard.windowUpdate(connection.nowMs(), sender.framesSent);
    connection.wrote();
    if (id === 0) {
      if (incrementBytes === 0) fail('WINDOW_UPDATE by 0');
      return streamCost * sender.openWindow(incrementBytes);
    }
    const stream = table.get(id);
    if (stream === undefined) {
      // For what we sent before the stream ended: those frames have paid for it.
      if (!table.wasOpened(id)) fail('WINDOW_UPDATE on a stream that was not opened');
    } else if (incrementBytes === 0) streams.fault(id, errorCode.protocolError);
    else if (!sender.moveStreamWindow(stream, incrementBytes)) streams.fault(id, errorCode.flowControlError);
    return 0;
  }

  /** @returns what it costs of the work of a turn, beside the frame */
  settings(flags: number, id: number, bytes: Buffer, from: number, to: number): number {
    const { connection, guard } = this.#parts;
    if (id !== 0) fail('SETTINGS on a stream');
    if ((flags & flag.ack) !== 0) {
      if (from !== to) failSize('SETTINGS');
      connection.settingsAcknowledged();
      return 0;
    }
    guard.settings(connection.nowMs());
    const cost = this.#apply(bytes, from, to);
    this.settingsSeen = true;
    connection.settingsReceived();
    return cost;
  }

  /**
   * Entries are taken in their order (section 6.5.3). Each value of SETTINGS_INITIAL_WINDOW_SIZE moves the windows of
   * all streams: they are moved once, to the last, and none may overflow by the largest in between.
   */
  #apply(bytes: Buffer, from: number, to: number): number {
    const { streams, responses } = this.#parts;
    let windowBytes = -1;
    let windowBytesLargest = -1;
    const entries = readSettings(bytes, from, to, (setting, value) => {
      if (setting === settingId.headerTableSize) responses.setTableSizeMax(value);
      else if (setting === settingId.maxFrameSize) streams.sender.setFrameSizeMax(value);
      else if (setting === settingId.initialWindowSize) {
        windowBytes = value;
        windowBytesLargest = Math.max(windowBytesLargest, value);
      }
    });
    if (windowBytes < 0) return entryCost * entries;
    const open = streams.table.all();
    streams.sender.setInitialWindow(windowBytes, windowBytesLargest, open);
    return entryCost * entries + streamCost * open.length;
  }

  ping(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection, guard, streams } = this.#parts;
    if (id !== 0) fail('PING on a stream');
    if (to - from !== 8) failSize('PING');
    const payload = bytes.subarray(from, to);
    if ((flags & flag.ack) !== 0) {
      connection.pingAcknowledged(payload);
      return;
    }
    guard.ping(connection.nowMs(), streams.sender.framesSent);
    connection.pinged(payload);
  }

  goAway(id: number, length: number): void {
    if (id !== 0) fail('GOAWAY on a stream');
    if (length < 8) failSize('GOAWAY');
    this.#parts.connection.goAwayReceived();
  }
}
