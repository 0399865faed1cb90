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

/** Takes in the frames that carry no content (RFC 9113, sections 6.3 to 6.9). */
export class ControlReceiver {
  readonly #parts: ControlParts;
  /** The peer has sent its SETTINGS, which must come first. */
  settingsSeen = false;

  constructor(parts: ControlParts) {
    this.#parts = parts;
  }

  useless(): void {
    this.#parts.guard.uselessFrame(this.#parts.connection.nowMs());
  }

  priority(id: number, length: number): void {
    if (id === 0) fail('PRIORITY on the connection');
    this.useless();
    if (length === 5) return;
    if (this.#parts.streams.table.get(id) === undefined) failSize('PRIORITY');
    this.#parts.streams.fault(id, errorCode.frameSizeError);
  }

  rstStream(id: number, length: number): void {
    const { streams, connection, guard } = this.#parts;
    if (length !== 4) failSize('RST_STREAM');
    if (!streams.table.wasOpened(id)) fail('RST_STREAM on a stream that was not opened');
    const stream = streams.table.get(id);
    if (stream === undefined) {
      this.useless();
      return;
    }
    guard.reset(connection.nowMs());
    streams.abort(stream, 'reset');
  }

  windowUpdate(id: number, bytes: Buffer, from: number, to: number): void {
    const { streams, connection, guard } = this.#parts;
    const { sender, table } = streams;
    if (to - from !== 4) failSize('WINDOW_UPDATE');
    const incrementBytes = bytes.readUInt32BE(from) & 0x7fff_ffff;
    guard.windowUpdate(connection.nowMs(), sender.framesSent);
    connection.wrote();
    if (id === 0) {
      if (incrementBytes === 0) fail('WINDOW_UPDATE by 0');
      sender.openWindow(incrementBytes);
      return;
    }
    const stream = table.get(id);
    if (stream === undefined) {
      if (!table.wasOpened(id)) fail('WINDOW_UPDATE on a stream that was not opened');
      this.useless();
    } else if (incrementBytes === 0) streams.fault(id, errorCode.protocolError);
    else if (!sender.moveStreamWindow(stream, incrementBytes)) streams.fault(id, errorCode.flowControlError);
  }

  settings(flags: number, id: number, bytes: Buffer, from: number, to: number): void {
    const { connection, guard } = this.#parts;
    if (id !== 0) fail('SETTINGS on a stream');
    if ((flags & flag.ack) !== 0) {
      if (from !== to) failSize('SETTINGS');
      connection.settingsAcknowledged();
      return;
    }
    guard.settings(connection.nowMs());
    readSettings(bytes, from, to, (setting, value) => this.#apply(setting, value));
    this.settingsSeen = true;
    connection.settingsReceived();
  }

  #apply(setting: number, value: number): void {
    const { streams, responses } = this.#parts;
    if (setting === settingId.headerTableSize) responses.setTableSizeMax(value);
    else if (setting === settingId.maxFrameSize) streams.sender.setFrameSizeMax(value);
    else if (setting === settingId.initialWindowSize) {
      streams.sender.setInitialWindow(value, streams.table.all());
    }
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
