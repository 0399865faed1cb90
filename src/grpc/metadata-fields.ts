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
    if (fields[at]!.endsWith('-bin') && !base64List.test(fields[at + 1]!)) return true;
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

/** With or without padding, as gRPC asks of receivers. */
const base64List = /^ *[A-Za-z0-9+/]*={0,2} *(?:, *[A-Za-z0-9+/]*={0,2} *)*$/;

/** Without padding, as gRPC asks of senders. */
export function toBase64(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
  return text.replace(/=+$/, '');
}
