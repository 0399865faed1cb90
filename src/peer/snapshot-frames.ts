import { assert } from '../base/assert.js';
import { ByteReader, MalformedBytesError, type ByteWriter } from '../base/byte-stream.js';
import { echoed } from '../base/echo.js';
import type { SnapshotChunk, SnapshotEnd, SnapshotOffer, SnapshotPlace } from '../ports/peers.js';
import { encodeFrame } from './frame.js';
import { readSnapshotOffer, writeSnapshotOffer } from './snapshot-meta-codec.js';

/** Bytes of rows in one frame, at most. */
const chunkSizeBytesMax = 256 * 1024;

/** Chunks that are on their way, and not known to be taken. */
export const snapshotWindowChunksMax = 32;

/** What the sending end says. */
export type FromSender =
  | { readonly type: 'offer'; readonly offer: SnapshotOffer }
  | { readonly type: 'chunk'; readonly chunk: SnapshotChunk }
  | { readonly type: 'end'; readonly end: SnapshotEnd }
  /** Nothing but that it is there. */
  | { readonly type: 'alive' };

/** What the receiving end says. */
export type FromReceiver =
  /** To the offer: what it has of it. */
  | { readonly type: 'go-on'; readonly place: SnapshotPlace }
  | { readonly type: 'not-wanted' }
  /** It cannot be taken there: read, or kept. */
  | { readonly type: 'refused'; readonly reason: string }
  /** So many chunks are taken. */
  | { readonly type: 'progress'; readonly chunks: number }
  | { readonly type: 'alive' }
  /** To the end: all of it is there, and durable. */
  | { readonly type: 'taken' }
  | { readonly type: 'damaged'; readonly reason: string };

export function encodeFromSender(said: FromSender): Uint8Array {
  const sizeBytes = said.type === 'chunk' ? said.chunk.bytes.length + 16 : 256;
  return encodeFrame((writer) => writeFromSender(writer, said), sizeBytes);
}

/** 2 and 3 were chunk and end of a file. */
function writeFromSender(writer: ByteWriter, said: FromSender): void {
  switch (said.type) {
    case 'offer':
      writeSnapshotOffer(writer.uint8(1), said.offer);
      break;
    case 'chunk':
      assert(said.chunk.bytes.length <= chunkSizeBytesMax, 'a chunk fits into a frame');
      writer.uint8(4).varint(said.chunk.number).uint32(said.chunk.sum).raw(said.chunk.bytes);
      break;
    case 'end':
      writer.uint8(5).varint(said.end.chunks).uint32(said.end.sum).varint(said.end.rows);
      break;
    case 'alive':
      writer.uint8(6);
  }
}

/** @throws MalformedBytesError */
export function decodeFromSender(payload: Uint8Array): FromSender {
  const reader = new ByteReader(payload);
  switch (reader.uint8()) {
    case 1:
      return { type: 'offer', offer: readSnapshotOffer(reader) };
    case 4: {
      const [number, sum] = [reader.varint(), reader.uint32()];
      return { type: 'chunk', chunk: { number, sum, bytes: reader.raw(reader.remaining) } };
    }
    case 5:
      return { type: 'end', end: { chunks: reader.varint(), sum: reader.uint32(), rows: reader.varint() } };
    case 6:
      return { type: 'alive' };
    default:
      throw new MalformedBytesError('not part of a snapshot');
  }
}

/** 1 was an answer to the offer of a file. */
export function encodeFromReceiver(said: FromReceiver): Uint8Array {
  return encodeFrame((writer) => {
    switch (said.type) {
      case 'not-wanted':
        return void writer.uint8(2);
      case 'taken':
        return void writer.uint8(3);
      case 'damaged':
        return void writer.uint8(4).string(echoed(said.reason));
      case 'refused':
        return void writer.uint8(5).string(echoed(said.reason));
      case 'go-on':
        return void writer.uint8(6).varint(said.place.chunks).uint32(said.place.sum);
      case 'progress':
        return void writer.uint8(7).varint(said.chunks);
      case 'alive':
        return void writer.uint8(8);
    }
  });
}

/** @throws MalformedBytesError */
export function decodeFromReceiver(payload: Uint8Array): FromReceiver {
  const reader = new ByteReader(payload);
  switch (reader.uint8()) {
    case 2:
      return { type: 'not-wanted' };
    case 3:
      return { type: 'taken' };
    case 4:
      return { type: 'damaged', reason: reader.string() };
    case 5:
      return { type: 'refused', reason: reader.string() };
    case 6:
      return { type: 'go-on', place: { chunks: reader.varint(), sum: reader.uint32() } };
    case 7:
      return { type: 'progress', chunks: reader.varint() };
    case 8:
      return { type: 'alive' };
    default:
      throw new MalformedBytesError('not an answer to a snapshot');
  }
}
