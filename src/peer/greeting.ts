import { ByteReader, ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import { decodeUtf8 } from '../base/bytes.js';
import { echoed } from '../base/echo.js';
import { formatId, noMember, type MemberId } from '../base/ids.js';
import { refusalCodes, type PeerIdentity, type RefusalCode } from '../ports/peers.js';
import { encodeFrame } from './frame.js';
import type { StartEpochs } from './start-epochs.js';
import type { ProtocolVersions } from './protocol-versions.js';

export type Purpose = 'messages' | 'snapshot';
const purposes: readonly Purpose[] = ['messages', 'snapshot'];

/** Of a name and of an address. */
const textSizeBytesMax = 512;

/** Who calls, whom it believes to have reached, and what for. */
export interface Hello {
  readonly caller: PeerIdentity;
  readonly target: MemberId;
  readonly purpose: Purpose;
}

export interface Refusal {
  readonly code: RefusalCode;
  /** One line for the log of who was refused. */
  readonly reason: string;
  /** With `wrong-version`, of whoever refuses. */
  readonly versions?: ProtocolVersions;
}

/** What the callee says: first its answer to the hello; a removal may come later too. */
export type Answer =
  /** The start epoch of whoever says so; only as the answer to a hello. */
  { readonly welcome: true; readonly startEpoch?: number } | ({ readonly welcome: false } & Refusal);

export function encodeHello({ caller, target, purpose }: Hello): Uint8Array {
  const writer = new ByteWriter(128);
  writer.uint64(caller.clusterId).uint64(caller.memberId).string(caller.name).string(caller.address);
  return writer.uint64(target).uint8(purposes.indexOf(purpose)).finish();
}

/** @throws MalformedBytesError: this is no member */
export function decodeHello(bytes: Uint8Array): Hello {
  const reader = new ByteReader(bytes);
  const caller: PeerIdentity = {
    clusterId: reader.uint64(),
    memberId: reader.uint64(),
    name: readText(reader),
    address: readText(reader),
  };
  const target = reader.uint64();
  const purpose = purposes[reader.uint8()];
  if (purpose === undefined) throw new MalformedBytesError('a connection of unknown purpose');
  if (caller.memberId === noMember) throw new MalformedBytesError('a member without an id');
  if (reader.remaining > 0) throw new MalformedBytesError(`${reader.remaining} bytes behind a greeting`);
  return { caller, target, purpose };
}

function readText(reader: ByteReader): string {
  const bytes = reader.bytes();
  if (bytes.length > textSizeBytesMax) throw new MalformedBytesError(`a text of ${bytes.length} bytes`);
  return decodeUtf8(bytes);
}

export function writeAnswer(writer: ByteWriter, answer: Answer): void {
  if (answer.welcome) {
    writer.uint8(0);
    // Earlier versions do not read on here.
    if (answer.startEpoch !== undefined) writer.uint64(BigInt(answer.startEpoch));
  } else {
    writer.uint8(1).uint8(refusalCodes.indexOf(answer.code)).string(echoed(answer.reason));
    if (answer.versions !== undefined) writer.varint(answer.versions.min).varint(answer.versions.max);
  }
}

/** @throws MalformedBytesError */
export function readStartEpoch(reader: ByteReader): number {
  const epoch = Number(reader.uint64());
  if (!Number.isSafeInteger(epoch)) throw new MalformedBytesError('a start epoch out of range');
  return epoch;
}

/** Without a proof: to one that has not given any, or later on a connection that was greeted. */
export function encodeAnswer(answer: Answer): Uint8Array {
  return encodeFrame((writer) => writeAnswer(writer, answer));
}

/** @throws MalformedBytesError */
export function decodeAnswer(payload: Uint8Array): Answer {
  const reader = new ByteReader(payload);
  const kind = reader.uint8();
  if (kind === 0) {
    return reader.remaining === 0 ? { welcome: true } : { welcome: true, startEpoch: readStartEpoch(reader) };
  }
  if (kind !== 1) throw new MalformedBytesError(`an answer of kind ${kind}`);
  // One that is not known here is of a later version: its reason says it all the same.
  const code = refusalCodes[reader.uint8()] ?? 'refused';
  const refusal = { welcome: false, code, reason: reader.string() } as const;
  if (code !== 'wrong-version' || reader.remaining === 0) return refusal;
  return { ...refusal, versions: { min: reader.varint(), max: reader.varint() } };
}

/** What a member knows when it is called. */
export interface Acquaintance {
  readonly self: PeerIdentity;
  readonly removed: ReadonlySet<MemberId>;
  readonly startEpochs: Pick<StartEpochs, 'isOutdated'>;
}

/**
 * Whether a caller that has proven itself may stay. A member is known by cluster and id, wherever it comes from. One that is
 * not in the table yet is let in: it may have been added by entries that this one has not seen.
 *
 * @returns undefined: welcome
 */
export function refusalOf(hello: Hello, { self, removed, startEpochs }: Acquaintance): Refusal | undefined {
  const { caller } = hello;
  if (caller.clusterId !== self.clusterId) {
    const reason = `${self.name} is of cluster ${formatId(self.clusterId)}, not of ${formatId(caller.clusterId)}`;
    return { code: 'wrong-cluster', reason };
  }
  if (removed.has(caller.memberId)) {
    return { code: 'removed', reason: `member ${caller.name} (${formatId(caller.memberId)}) was removed` };
  }
  if (caller.memberId === self.memberId) {
    const reason = `${self.name} at ${self.address} has the same id ${formatId(caller.memberId)}: a data folder may be used by one process only`;
    return { code: 'own-id', reason };
  }
  if (startEpochs.isOutdated(caller.memberId, caller.startEpoch)) return supersededBy(caller);
  if (hello.target !== self.memberId) {
    const reason = `${formatId(hello.target)} was called, but ${self.name} (${formatId(self.memberId)}) listens at ${self.address}`;
    return { code: 'wrong-target', reason };
  }
  return undefined;
}

/** Of two processes with one identity the older one hears this. */
export function supersededBy({ name, memberId }: Pick<PeerIdentity, 'name' | 'memberId'>): Refusal {
  const reason = `another process with the id of member ${name} (${formatId(memberId)}) was started later: a copy of its data folder is in use, and one of the two must go`;
  return { code: 'superseded', reason };
}
