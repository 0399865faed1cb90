import { Metadata, type ReadonlyMetadata } from '../base/metadata.js';

/** Fields that are gRPC's or HTTP/2's own, and no metadata. */
const ownFields: ReadonlySet<string> = new Set(['content-type', 'te', 'content-length', 'host']);

function isOwn(name: string): boolean {
  return ownFields.has(name) || name.startsWith('grpc-');
}

/** Appends metadata to a header list. What is reserved for gRPC is left out. */
export function metadataFields(metadata: ReadonlyMetadata, fields: string[]): void {
  for (const [name, value] of metadata) {
    if (isOwn(name)) continue;
    fields.push(name, typeof value === 'string' ? value : toBase64(value));
  }
}

/** Whether bytes were sent as text that is none. */
export function hasMalformedBytes(fields: readonly string[]): boolean {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at]!.endsWith('-bin') && !isBase64List(fields[at + 1]!)) return true;
  }
  return false;
}

/** @param fields regular fields of a header list, without malformed bytes */
export function toMetadata(fields: readonly string[]): ReadonlyMetadata {
  const metadata = new Metadata();
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!;
    const value = fields[at + 1]!;
    if (isOwn(name)) continue;
    if (!name.endsWith('-bin')) addText(metadata, name, value);
    // Values of one name may have been joined on the way.
    else for (const part of value.split(',')) metadata.add(name, Buffer.from(part.trim(), 'base64'));
  }
  return metadata;
}

/** HTTP/2 allows more characters than gRPC does; who sends those is not heard. */
function addText(metadata: Metadata, name: string, value: string): void {
  try {
    metadata.add(name, value);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

/** Where a value stands between two commas: its digits, one or two signs of padding, spaces on either side. */
const part = { before: 0, digits: 1, padding: 2, paddingEnd: 3, behind: 4 } as const;

/**
 * Whether a text is base64 values, joined by commas, each with or without padding, as gRPC asks of receivers. In one
 * pass: what strangers send must not make an expression try again and again.
 */
export function isBase64List(text: string): boolean {
  let place: number = part.before;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x2c) place = part.before;
    else if (code === 0x20) {
      if (place !== part.before) place = part.behind;
    } else if (code === 0x3d) {
      if (place >= part.paddingEnd) return false;
      place = place === part.padding ? part.paddingEnd : part.padding;
    } else {
      if (place > part.digits || !isBase64Digit(code)) return false;
      place = part.digits;
    }
  }
  return true;
}

function isBase64Digit(code: number): boolean {
  const letter = code | 0x20;
  return (
    (letter >= 0x61 && letter <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2b || code === 0x2f
  );
}

/** Without padding, as gRPC asks of senders. */
export function toBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  const paddedAt = text.indexOf('=', text.length - 2);
  return paddedAt < 0 ? text : text.slice(0, paddedAt);
}
