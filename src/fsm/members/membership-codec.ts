import { ByteReader, ByteWriter, MalformedBytesError } from '../../base/byte-stream.js';
import type { LevelRange } from '../../base/feature-levels.js';
import type { ClusterConfig } from '../../raft/types.js';
import type { MemberId } from '../../base/ids.js';
import type { MemberRecord, MembershipUpdate } from './membership.js';

const updateTypes = { add: 1, remove: 2, promote: 3 } as const;

export function encodeMembershipUpdate(update: MembershipUpdate): Uint8Array {
  const writer = new ByteWriter(128);
  writer.uint8(updateTypes[update.type]);
  if (update.type === 'add') writeMember(writer, update.record);
  else writer.uint64(update.id);
  return writer.finish();
}

/** @throws MalformedBytesError */
export function decodeMembershipUpdate(bytes: Uint8Array): MembershipUpdate {
  const reader = new ByteReader(bytes);
  const type = reader.uint8();
  switch (type) {
    case updateTypes.add:
      return { type: 'add', record: readMember(reader) };
    case updateTypes.remove:
      return { type: 'remove', id: reader.uint64() };
    case updateTypes.promote:
      return { type: 'promote', id: reader.uint64() };
    default:
      throw new MalformedBytesError(`unknown membership update ${type}`);
  }
}

export function encodeMember(record: MemberRecord): Uint8Array {
  const writer = new ByteWriter(128);
  writeMember(writer, record);
  return writer.finish();
}

export function decodeMember(bytes: Uint8Array): MemberRecord {
  return readMember(new ByteReader(bytes));
}

function writeMember(writer: ByteWriter, record: MemberRecord): void {
  writer.uint64(record.id).string(record.name).string(record.peerAddress).string(record.clientAddress);
  writer.boolean(record.promoteWhenReady);
  writeLevels(writer, record.levels);
}

export function writeLevels(writer: ByteWriter, { min, max }: LevelRange): void {
  writer.varint(min).varint(max);
}

export function readLevels(reader: ByteReader): LevelRange {
  return { min: reader.varint(), max: reader.varint() };
}

function readMember(reader: ByteReader): MemberRecord {
  return {
    id: reader.uint64(),
    name: reader.string(),
    peerAddress: reader.string(),
    clientAddress: reader.string(),
    promoteWhenReady: reader.boolean(),
    levels: readLevels(reader),
  };
}

export function encodeConfig(config: ClusterConfig): Uint8Array {
  const writer = new ByteWriter(64);
  for (const list of [config.voters, config.votersOutgoing, config.learners, config.learnersNext]) {
    writer.varint(list.length);
    for (const id of list) writer.uint64(id);
  }
  return writer.boolean(config.autoLeave).finish();
}

export function decodeConfig(bytes: Uint8Array): ClusterConfig {
  const reader = new ByteReader(bytes);
  const list = (): MemberId[] => Array.from({ length: reader.varint() }, () => reader.uint64());
  return {
    voters: list(),
    votersOutgoing: list(),
    learners: list(),
    learnersNext: list(),
    autoLeave: reader.boolean(),
  };
}
