import { MalformedBytesError, type ByteReader, type ByteWriter } from '../base/byte-stream.js';
import type { MemberId } from '../base/ids.js';
import type { SnapshotHeader } from '../ports/peers.js';
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

/** Of the file: its rows, and what stands before them on the wire. Which rows it may hold is told by the feature level. */
export const snapshotFormatVersion = 1;

export function writeSnapshotHeader(writer: ByteWriter, header: SnapshotHeader): void {
  writer.varint(snapshotFormatVersion).varint(header.featureLevel);
  writer.uint64(header.id).varint(header.sizeBytes).uint32(header.crc);
  writeSnapshotMeta(writer, header.meta);
}

/** The sender makes files of another format than this version reads. */
export class SnapshotFormatError extends MalformedBytesError {}

/** @throws MalformedBytesError, SnapshotFormatError */
export function readSnapshotHeader(reader: ByteReader): SnapshotHeader {
  const version = reader.varint();
  if (version !== snapshotFormatVersion) {
    throw new SnapshotFormatError(
      `a snapshot of format ${version}, this version of Kvorum reads ${snapshotFormatVersion}`,
    );
  }
  const featureLevel = reader.varint();
  const [id, sizeBytes, crc] = [reader.uint64(), reader.varint(), reader.uint32()];
  return { id, sizeBytes, crc, featureLevel, meta: readSnapshotMeta(reader) };
}
