import { checkMemberName, parseHostPort } from '../base/address.js';
import { ByteReader, MalformedBytesError } from '../base/byte-stream.js';
import { KvorumError } from '../base/errors.js';
import type { FeatureLevel } from '../base/feature-levels.js';
import { formatId, type MemberId } from '../base/ids.js';
import { decodeConfigChange } from '../raft/config-change.js';
import type { ConfigChangeKind, EntryType } from '../raft/types.js';
import {
  batchCommandsMax,
  batchFormatVersion,
  commandFlags,
  commandTypes,
  unknownBatchVersion,
} from './command-codec.js';
import type { MembershipUpdate } from './members/membership.js';
import { decodeMembershipUpdate } from './members/membership-codec.js';

/** What the storage holds, and no API of ours goes beyond. */
const keySizeBytesMax = 64 * 1024;
const valueSizeBytesMax = 8 * 1024 * 1024;
/** Of a name or an address in a command. */
const textSizeBytesMax = 1024;

/**
 * Whether every member of this version can apply the entry, as far as its bytes tell: what comes from outside is looked
 * at before it enters a log, for in the log it stops all members. Makes no objects: it is run for each entry.
 *
 * @throws MalformedBytesError
 */
export function checkEntry(type: EntryType, data: Uint8Array): void {
  if (type === 'normal') checkCommandBatch(data, Infinity);
  else if (type === 'config') readConfigChange(data);
  else if (data.length > 0) throw new MalformedBytesError(`an empty entry with ${data.length} bytes`);
}

/**
 * As checkEntry, and whether a member of ours would propose it.
 * @param removed members that must not come back
 * @param levelMax the highest feature level that this leader knows: nobody raises the cluster above its leader
 * @throws MalformedBytesError
 */
export function checkProposal(
  type: 'normal' | 'config',
  data: Uint8Array,
  removed: ReadonlySet<MemberId>,
  levelMax: FeatureLevel,
): void {
  if (type === 'normal') {
    checkCommandBatch(data, levelMax);
    return;
  }
  const { changes, update } = readConfigChange(data);
  if (update === undefined) return;
  const [change] = changes;
  const { id, kind } = meantBy(update);
  if (changes.length !== 1 || change!.id !== id || change!.kind !== kind) {
    throw new MalformedBytesError(
      `a change of members that says ${update.type} of ${formatId(id)} beside it`,
    );
  }
  if (update.type !== 'add') return;
  if (removed.has(id)) throw new MalformedBytesError(`member ${formatId(id)} was removed`);
  checkText(() => checkMemberName('name', update.record.name));
  checkText(() => parseHostPort('raft address', update.record.peerAddress));
}

function meantBy(update: MembershipUpdate): { readonly id: MemberId; readonly kind: ConfigChangeKind } {
  switch (update.type) {
    case 'add':
      return { id: update.record.id, kind: 'add-learner' };
    case 'promote':
      return { id: update.id, kind: 'add-voter' };
    case 'remove':
      return { id: update.id, kind: 'remove' };
  }
}

function checkText(check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (error instanceof KvorumError) throw new MalformedBytesError(error.message);
    throw error;
  }
}

function readConfigChange(
  data: Uint8Array,
): ReturnType<typeof decodeConfigChange> & { readonly update: MembershipUpdate | undefined } {
  const change = decodeConfigChange(data);
  const update = change.context.length === 0 ? undefined : decodeMembershipUpdate(change.context);
  return { ...change, update };
}

function checkCommandBatch(data: Uint8Array, levelMax: FeatureLevel): void {
  const reader = new ByteReader(data);
  const version = reader.uint8();
  if (version !== batchFormatVersion) throw unknownBatchVersion(version);
  reader.skip(8);
  reader.varint();
  const count = reader.varint();
  if (count > batchCommandsMax) throw new MalformedBytesError(`${count} commands in one batch`);
  for (let at = 0; at < count; at++) checkCommand(reader, levelMax);
  if (reader.remaining > 0) throw new MalformedBytesError(`${reader.remaining} bytes behind a command batch`);
}

function checkCommand(reader: ByteReader, levelMax: FeatureLevel): void {
  const type = reader.uint8();
  switch (type) {
    case commandTypes.put:
    case commandTypes.conditionalPut: {
      const set = checkFlags(reader, commandFlags.previous | commandFlags.lease);
      skipBytes(reader, 1, keySizeBytesMax);
      skipBytes(reader, 0, valueSizeBytesMax);
      if ((set & commandFlags.lease) !== 0) reader.skip(8);
      if (type === commandTypes.conditionalPut) reader.varint();
      return;
    }
    case commandTypes.deleteRange: {
      const set = checkFlags(reader, commandFlags.previous | commandFlags.end);
      skipBytes(reader, 1, keySizeBytesMax);
      if ((set & commandFlags.end) !== 0) skipBytes(reader, 1, keySizeBytesMax);
      return;
    }
    case commandTypes.conditionalDelete:
      checkFlags(reader, commandFlags.previous);
      skipBytes(reader, 1, keySizeBytesMax);
      reader.varint();
      return;
    case commandTypes.compact:
      reader.varint();
      return;
    case commandTypes.raiseLevel:
      if (reader.varint() > levelMax) throw new MalformedBytesError('a feature level that nobody knows');
      return;
    case commandTypes.publish:
      reader.skip(8);
      skipBytes(reader, 0, textSizeBytesMax);
      skipBytes(reader, 0, textSizeBytesMax);
      reader.varint();
      reader.varint();
      return;
    case commandTypes.changeAddress:
      reader.skip(8);
      skipBytes(reader, 0, textSizeBytesMax);
      return;
    default:
      throw new MalformedBytesError(`unknown command type ${type}`);
  }
}

function checkFlags(reader: ByteReader, known: number): number {
  const set = reader.uint8();
  if ((set & ~known) !== 0) throw new MalformedBytesError(`a command with flags ${set}`);
  return set;
}

function skipBytes(reader: ByteReader, sizeBytesMin: number, sizeBytesMax: number): void {
  const sizeBytes = reader.varint();
  if (sizeBytes < sizeBytesMin || sizeBytes > sizeBytesMax) {
    throw new MalformedBytesError(`a key, value or text of ${sizeBytes} bytes`);
  }
  reader.skip(sizeBytes);
}
