import { MalformedBytesError, type ByteReader, type ByteWriter } from '../base/byte-stream.js';
import type { MemberId } from '../base/ids.js';
import type { SnapshotOffer } from '../ports/peers.js';
import type { SnapshotMeta } from '../raft/types.js';

/** More members than this in one list are no configuration of ours. */
const membersMax = 1000;

export function writeSnapshotMeta(writer: ByteWriter, meta: SnapshotMeta): void {
  const { config } = meta;
  writer.varint(meta.index).varint(meta.term).varint(meta.configIndex);
  for (const ids of [config.voters, config.votersOutgoing, config.learners, config.learnersNext]) {
    writer.varint(ids.length);
    for (const id of ids) writer.uint64(id);
  }
  writer.boolean(config.autoLeave);
}

/** @throws MalformedBytesError */
export function readSnapshotMeta(reader: ByteReader): SnapshotMeta {
  const [index, term, configIndex] = [reader.varint(), reader.varint(), reader.varint()];
  const [voters, votersOutgoing] = [readIds(reader), readIds(reader)];
  const [learners, learnersNext] = [readIds(reader), readIds(reader)];
  const autoLeave = reader.boolean();
  return { index, term, configIndex, config: { voters, votersOutgoing, learners, learnersNext, autoLeave } };
}

function readIds(reader: ByteReader): MemberId[] {
  const count = reader.varint();
  if (count > membersMax) throw new MalformedBytesError(`${count} members in one list`);
  return Array.from({ length: count }, () => reader.uint64());
}

/**
 * Of the offer and of the stream behind it: 2 since it is a stream of a view, and no file. Which rows it may hold is told by
 * the feature level.
 */
export const snapshotFormatVersion = 2;

export function writeSnapshotOffer(writer: ByteWriter, offer: SnapshotOffer): void {
  writer.varint(snapshotFormatVersion).varint(offer.featureLevel);
  writer.uint64(offer.id).varint(offer.sizeBytesEstimated);
  writeSnapshotMeta(writer, offer.meta);
}

/** The sender brings its state in another format than this version reads. */
export class SnapshotFormatError extends MalformedBytesError {}

/** @throws MalformedBytesError, SnapshotFormatError */
export function readSnapshotOffer(reader: ByteReader): SnapshotOffer {
  const version = reader.varint();
  if (version !== snapshotFormatVersion) {
    throw new SnapshotFormatError(
      `a snapshot of format ${version}, this version of Kvorum reads ${snapshotFormatVersion}`,
    );
  }
  const featureLevel = reader.varint();
  const [id, sizeBytesEstimated] = [reader.uint64(), reader.varint()];
  return { id, sizeBytesEstimated, featureLevel, meta: readSnapshotMeta(reader) };
}
