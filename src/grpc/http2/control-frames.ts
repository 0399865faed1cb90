import type { Output } from './output.js';
import { frameHeaderSizeBytes, frameType, type Http2ErrorCode } from './protocol.js';

/** Writers of the frames that carry no content (RFC 9113, sections 6.4 to 6.9). */

export function writeSettings(output: Output, payload: Uint8Array): void {
  output.reserve(frameHeaderSizeBytes + payload.length);
  output.frameHeader(payload.length, frameType.settings, 0, 0);
  output.append(payload);
}

export function writeSettingsAck(output: Output): void {
  output.reserve(frameHeaderSizeBytes);
  output.frameHeader(0, frameType.settings, 1, 0);
}

/** @param payload eight bytes */
export function writePing(output: Output, payload: Uint8Array, ack: boolean): void {
  output.reserve(frameHeaderSizeBytes + payload.length);
  output.frameHeader(payload.length, frameType.ping, ack ? 1 : 0, 0);
  output.append(payload);
}

export function writeWindowUpdate(output: Output, streamId: number, incrementBytes: number): void {
  writeNumberFrame(output, frameType.windowUpdate, streamId, incrementBytes);
}

export function writeRstStream(output: Output, streamId: number, code: Http2ErrorCode): void {
  writeNumberFrame(output, frameType.rstStream, streamId, code);
}

function writeNumberFrame(output: Output, type: number, streamId: number, value: number): void {
  output.reserve(frameHeaderSizeBytes + 4);
  output.frameHeader(4, type, 0, streamId);
  output.buffer.writeUInt32BE(value, output.at);
  output.at += 4;
}

/** @param debugData shown by many clients in their error message */
export function writeGoAway(
  output: Output,
  lastStreamId: number,
  code: Http2ErrorCode,
  debugData: string,
): void {
  const debug = Buffer.from(debugData, 'utf8');
  const length = 8 + debug.length;
  output.reserve(frameHeaderSizeBytes + length);
  output.frameHeader(length, frameType.goAway, 0, 0);
  output.at = output.buffer.writeUInt32BE(lastStreamId, output.at);
  output.at = output.buffer.writeUInt32BE(code, output.at);
  output.append(debug);
}
