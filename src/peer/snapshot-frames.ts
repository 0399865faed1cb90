import { ByteReader, MalformedBytesError } from '../base/byte-stream.js';
import { echoed } from '../base/echo.js';
import type { SnapshotHeader } from '../ports/peers.js';
import { encodeFrame } from './frame.js';
import { readSnapshotHeader, writeSnapshotHeader } from './snapshot-meta-codec.js';

/** Bytes of the file in one frame. */
export const chunkSizeBytes = 256 * 1024;

/** What the sending end says. */
export type FromSender =
  | { readonly type: 'offer'; readonly header: SnapshotHeader }
  | { readonly type: 'chunk'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly type: 'end' };

/** What the receiving end says: once to the offer, once to the end. */
export type FromReceiver =
  | { readonly type: 'go-on'; readonly receivedBytes: number }
  | { readonly type: 'not-wanted' }
  /** It cannot be read there, now or later. */
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'taken' }
  | { readonly type: 'damaged'; readonly reason: string };

export function encodeFromSender(said: FromSender): Uint8Array {
  const sizeBytes = said.type === 'chunk' ? said.bytes.length + 16 : 256;
  return encodeFrame((writer) => {
    if (said.type === 'offer') writeSnapshotHeader(writer.uint8(1), said.header);
    else if (said.type === 'chunk') writer.uint8(2).varint(said.position).raw(said.bytes);
    else writer.uint8(3);
  }, sizeBytes);
}

/** @throws MalformedBytesError */
export function decodeFromSender(payload: Uint8Array): FromSender {
  const reader = new ByteReader(payload);
  switch (reader.uint8()) {
    case 1:
      return { type: 'offer', header: readSnapshotHeader(reader) };
    case 2:
      return { type: 'chunk', position: reader.varint(), bytes: reader.raw(reader.remaining) };
    case 3:
      return { type: 'end' };
    default:
      throw new MalformedBytesError('not part of a snapshot');
  }
}

export function encodeFromReceiver(said: FromReceiver): Uint8Array {
  return encodeFrame((writer) => {
    if (said.type === 'go-on') writer.uint8(1).varint(said.receivedBytes);
    else if (said.type === 'not-wanted') writer.uint8(2);
    else if (said.type === 'taken') writer.uint8(3);
    else writer.uint8(said.type === 'damaged' ? 4 : 5).string(echoed(said.reason));
  });
}

/** @throws MalformedBytesError */
export function decodeFromReceiver(payload: Uint8Array): FromReceiver {
  const reader = new ByteReader(payload);
  switch (reader.uint8()) {
    case 1:
      return { type: 'go-on', receivedBytes: reader.varint() };
    case 2:
      return { type: 'not-wanted' };
    case 3:
      return { type: 'taken' };
    case 4:
      return { type: 'damaged', reason: reader.string() };
    case 5:
      return { type: 'refused', reason: reader.string() };
    default:
      throw new MalformedBytesError('not an answer to a snapshot');
  }
}
