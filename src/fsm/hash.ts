import { ByteWriter } from '../base/byte-stream.js';
import type { KeyValue } from './command.js';
import type { MemberTable } from './members/member-table.js';
import { encodeConfig, encodeMember } from './members/membership-codec.js';
import type { EntryName } from './passed-over.js';
import type { KeySpace } from './keys/key-space.js';

/** Sums up the visible contents in their order. */
export function hashOf(
  keys: KeySpace,
  members: MemberTable,
  passedOver: readonly EntryName[],
  sum: (bytes: Uint8Array, previous: number) => number,
): number {
  let hash = 0;
  const writer = new ByteWriter(256);
  const add = (write: () => void): void => {
    writer.clear();
    write();
    hash = sum(writer.finish(), hash);
  };
  add(() => {
    writer.uint64(members.clusterId).varint(members.configIndex).bytes(encodeConfig(members.config));
    writer.varint(members.featureLevel);
    for (const member of members.members) writer.bytes(encodeMember(member));
    for (const id of [...members.removed].sort((left, right) => (left < right ? -1 : 1))) writer.uint64(id);
    writer.varint(keys.revision).varint(keys.compactRevision + 1);
  });
  for (const { index, term, checksum } of passedOver) {
    add(() => writer.varint(index).varint(term).uint32(checksum));
  }
  for (const pair of keys.live()) add(() => writePair(writer, pair));
  for (const event of keys.changesSince(Math.max(keys.compactRevision, 0))) {
    add(() => {
      writer.varint(event.place.revision).varint(event.place.sub).boolean(event.deleted).bytes(event.key);
      if (event.previous !== undefined) writePair(writer, event.previous);
      // Live versions were summed up above; older ones are the previous of their successor.
    });
  }
  return hash;
}

function writePair(writer: ByteWriter, pair: KeyValue): void {
  writer.bytes(pair.key).bytes(pair.value).uint64(pair.lease);
  writer.varint(pair.createRevision).varint(pair.modRevision).varint(pair.version);
}
