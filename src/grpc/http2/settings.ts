import { ConnectionError, errorCode, frameSizeBytesDefault, frameSizeBytesMax } from './protocol.js';
import { settingId, windowSizeBytesMax } from './protocol.js';

const entrySizeBytes = 6;

/**
 * Reads a SETTINGS payload (RFC 9113, section 6.5) and hands each setting on, in order. Unknown ones are
 * handed on too; ignoring them is the caller's.
 *
 * @returns how many there were
 * @throws ConnectionError for a length or value that is not allowed
 */
export function readSettings(
  bytes: Uint8Array,
  from: number,
  to: number,
  apply: (id: number, value: number) => void,
): number {
  if ((to - from) % entrySizeBytes !== 0) {
    throw new ConnectionError(errorCode.frameSizeError, `SETTINGS of ${to - from} bytes`);
  }
  for (let at = from; at < to; at += entrySizeBytes) {
    const id = (bytes[at]! << 8) | bytes[at + 1]!;
    const value =
      ((bytes[at + 2]! << 24) | (bytes[at + 3]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!) >>> 0;
    check(id, value);
    apply(id, value);
  }
  return (to - from) / entrySizeBytes;
}

/** Section 6.5.2. */
function check(id: number, value: number): void {
  switch (id) {
    case settingId.enablePush:
      if (value > 1) fail('SETTINGS_ENABLE_PUSH', value);
      break;
    case settingId.initialWindowSize:
      if (value > windowSizeBytesMax) fail('SETTINGS_INITIAL_WINDOW_SIZE', value, errorCode.flowControlError);
      break;
    case settingId.maxFrameSize:
      if (value < frameSizeBytesDefault || value > frameSizeBytesMax) fail('SETTINGS_MAX_FRAME_SIZE', value);
      break;
  }
}

function fail(
  name: string,
  value: number,
  code: typeof errorCode.protocolError | typeof errorCode.flowControlError = errorCode.protocolError,
): never {
  throw new ConnectionError(code, `${name} is ${value}`);
}

/** A SETTINGS payload. */
export function encodeSettings(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.alloc(settings.length * entrySizeBytes);
  for (const [index, [id, value]] of settings.entries()) {
    bytes.writeUInt16BE(id, index * entrySizeBytes);
    bytes.writeUInt32BE(value, index * entrySizeBytes + 2);
  }
  return bytes;
}
