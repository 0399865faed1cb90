/** Frames by the names of RFC 9113, apart from the server's own tables: a wrong number there must not hide here. */
export const frameTypes = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
} as const;
export type FrameType = keyof typeof frameTypes;

export const errorCodes = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const;
export type ErrorName = keyof typeof errorCodes;

export const settingIds = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
} as const;
export type SettingName = keyof typeof settingIds;

export const END_STREAM = 0x1;
export const ACK = 0x1;
export const END_HEADERS = 0x4;
export const PADDED = 0x8;
export const PRIORITY = 0x20;

export const clientPreface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
const headerSizeBytes = 9;

export interface Frame {
  /** A name of RFC 9113, or the number of one that it does not know. */
  readonly type: FrameType | number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Of HEADERS: name, value, name, value, ... of the whole block. */
  readonly fields?: readonly string[];
}

/**
 * One frame.
 * @param length what its header says, if that is to be another length than the payload's
 */
export function frame(
  type: FrameType | number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
  length = payload.length,
): Buffer {
  const bytes = Buffer.alloc(headerSizeBytes + payload.length);
  bytes.writeUIntBE(length, 0, 3);
  bytes[3] = typeof type === 'number' ? type : frameTypes[type];
  bytes[4] = flags;
  bytes.writeUInt32BE(streamId >>> 0, 5);
  bytes.set(payload, headerSizeBytes);
  return bytes;
}

/** @param value 32 bits, unsigned */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The payload of a SETTINGS frame. */
export function settingsPayload(settings: readonly (readonly [SettingName | number, number])[]): Buffer {
  const bytes = Buffer.alloc(settings.length * 6);
  settings.forEach(([id, value], at) => {
    bytes.writeUInt16BE(typeof id === 'number' ? id : settingIds[id], at * 6);
    bytes.writeUInt32BE(value, at * 6 + 2);
  });
  return bytes;
}

/** The payload of a PRIORITY frame, or the beginning of HEADERS with that flag (RFC 9113, section 6.3). */
export function priorityFields(dependency: number, weight = 15, exclusive = false): Buffer {
  return Buffer.concat([uint32((dependency | (exclusive ? 0x8000_0000 : 0)) >>> 0), Buffer.of(weight)]);
}

/** A payload with `padLength` octets behind it (section 6.1). */
export function padded(payload: Uint8Array, padLength: number): Buffer {
  return Buffer.concat([Buffer.of(padLength), payload, Buffer.alloc(padLength)]);
}

/** A message of gRPC in its frame: a flag for compression, its length, its bytes. */
export function grpcMessage(message: Uint8Array, compressed = 0): Buffer {
  return Buffer.concat([Buffer.of(compressed), uint32(message.length), message]);
}

export function errorName(code: number): string {
  return nameOf(errorCodes, code) ?? `0x${code.toString(16)}`;
}

function nameOf(table: Record<string, number>, value: number): string | undefined {
  return Object.keys(table).find((name) => table[name] === value);
}

export function describeFrame({ type, flags, streamId, payload }: Frame): string {
  const where = streamId === 0 ? '' : ` stream ${streamId}`;
  const what =
    type === 'GOAWAY'
      ? ` ${errorName(payload.readUInt32BE(4))} "${payload.toString('utf8', 8)}"`
      : type === 'RST_STREAM'
        ? ` ${errorName(payload.readUInt32BE())}`
        : ` ${payload.length} bytes`;
  return `${type}${where} flags 0x${flags.toString(16)}${what}`;
}

/** Cuts what arrives into frames. */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const bytes = this.#pending;
      if (bytes.length < headerSizeBytes) return frames;
      const end = headerSizeBytes + bytes.readUIntBE(0, 3);
      if (bytes.length < end) return frames;
      frames.push({
        type: (nameOf(frameTypes, bytes[3]!) as FrameType | undefined) ?? bytes[3]!,
        flags: bytes[4]!,
        streamId: bytes.readUInt32BE(5) & 0x7fff_ffff,
        payload: bytes.subarray(headerSizeBytes, end),
      });
      this.#pending = bytes.subarray(end);
    }
  }
}
