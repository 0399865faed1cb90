import { fieldSizeBytes, varintSizeBytes, writeVarint } from '../../base/wire.js';
import type { KeyValue } from '../../fsm/command.js';

/* Fields of answers, straight into a buffer. Zero and nothing are left out. */

/** Field 1, a Pair. */
export function pairFieldSizeBytes(pair: KeyValue): number {
  return fieldSizeBytes(pairSizeBytes(pair));
}

function pairSizeBytes(pair: KeyValue): number {
  return (
    bytesSizeBytes(pair.key.length) +
    bytesSizeBytes(pair.value.length) +
    numberSizeBytes(pair.createRevision) +
    numberSizeBytes(pair.modRevision) +
    numberSizeBytes(pair.version)
  );
}

export function writePairField(bytes: Buffer, from: number, pair: KeyValue): number {
  bytes[from] = 0x0a;
  let at = writeVarint(bytes, from + 1, pairSizeBytes(pair));
  at = writeBytes(bytes, at, 0x0a, pair.key);
  at = writeBytes(bytes, at, 0x12, pair.value);
  at = writeNumber(bytes, at, 0x18, pair.createRevision);
  at = writeNumber(bytes, at, 0x20, pair.modRevision);
  return writeNumber(bytes, at, 0x28, pair.version);
}

export function numberSizeBytes(value: number): number {
  return value === 0 ? 0 : 1 + varintSizeBytes(value);
}

export function bytesSizeBytes(sizeBytes: number): number {
  return sizeBytes === 0 ? 0 : fieldSizeBytes(sizeBytes);
}

export function writeNumber(bytes: Buffer, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, value);
}

export function writeBytes(bytes: Buffer, from: number, tag: number, content: Uint8Array): number {
  if (content.length === 0) return from;
  bytes[from] = tag;
  const at = writeVarint(bytes, from + 1, content.length);
  bytes.set(content, at);
  return at + content.length;
}
