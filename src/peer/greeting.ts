import { ByteReader, MalformedBytesError } from '../base/byte-stream.js';
import { formatId, type MemberId } from '../base/ids.js';
import { refusalCodes, type PeerIdentity, type RefusalCode } from '../ports/peers.js';
import { encodeFrame } from './frame.js';

/** "KVRM": the first thing that a member says, so that nothing else is taken for one. */
const magic = 0x4d52_564b;

/** Raised when an older version could not follow a newer one. */
export const protocolVersion = 1;

export type Purpose = 'messages' | 'snapshot';
const purposes: readonly Purpose[] = ['messages', 'snapshot'];

/** Who calls, whom it believes to have reached, and what for. */
export interface Hello {
  readonly version: number;
  readonly caller: PeerIdentity;
  readonly target: MemberId;
  readonly purpose: Purpose;
}

export interface Refusal {
  readonly code: RefusalCode;
  /** One line for the log of who was refused. */
  readonly reason: string;
}

/** What the callee says: first its answer to the hello; a removal may come later too. */
export type Answer = { readonly welcome: true } | ({ readonly welcome: false } & Refusal);

export function encodeHello(hello: Omit<Hello, 'version'>): Uint8Array {
  const { caller } = hello;
  return encodeFrame((writer) =>
    writer
      .uint32(magic)
      .varint(protocolVersion)
      .uint64(caller.clusterId)
      .uint64(caller.memberId)
      .string(caller.name)
      .string(caller.address)
      .uint64(hello.target)
      .uint8(purposes.indexOf(hello.purpose)),
  );
}

/** @throws MalformedBytesError: this is no member */
export function decodeHello(payload: Uint8Array): Hello {
  const reader = new ByteReader(payload);
  if (reader.uint32() !== magic) throw new MalformedBytesError('not the greeting of a member');
  const version = reader.varint();
  const caller: PeerIdentity = {
    clusterId: reader.uint64(),
    memberId: reader.uint64(),
    name: reader.string(),
    address: reader.string(),
  };
  const target = reader.uint64();
  const purpose = purposes[reader.uint8()];
  if (purpose === undefined) throw new MalformedBytesError('a connection of unknown purpose');
  return { version, caller, target, purpose };
}

export function encodeAnswer(answer: Answer): Uint8Array {
  return encodeFrame((writer) => {
    if (answer.welcome) writer.uint8(0);
    else writer.uint8(1).uint8(refusalCodes.indexOf(answer.code)).string(answer.reason.slice(0, 1000));
  });
}

/** @throws MalformedBytesError */
export function decodeAnswer(payload: Uint8Array): Answer {
  const reader = new ByteReader(payload);
  if (reader.uint8() === 0) return { welcome: true };
  const code = refusalCodes[reader.uint8()];
  if (code === undefined) throw new MalformedBytesError('refused for a reason this version does not know');
  return { welcome: false, code, reason: reader.string() };
}

/** What a member knows when it is called. */
export interface Acquaintance {
  readonly self: PeerIdentity;
  readonly members: ReadonlyMap<MemberId, string>;
  readonly removed: ReadonlySet<MemberId>;
}

/**
 * Whether the caller may stay. A member that is not in the table yet is let in: it may have been added by
 * entries that this one has not seen.
 *
 * @returns undefined: welcome
 */
export function refusalOf(hello: Hello, { self, members, removed }: Acquaintance): Refusal | undefined {
  const { caller } = hello;
  if (hello.version !== protocolVersion) {
    const reason = `it speaks version ${hello.version} of the member protocol, ${self.name} speaks ${protocolVersion}`;
    return { code: 'wrong-version', reason };
  }
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
  if (hello.target !== self.memberId) {
    const reason = `${formatId(hello.target)} was called, but ${self.name} (${formatId(self.memberId)}) listens at ${self.address}`;
    return { code: 'wrong-target', reason };
  }
  const known = members.get(caller.memberId);
  if (known !== undefined && known !== caller.address) {
    const reason = `member ${caller.name} (${formatId(caller.memberId)}) is known at ${known}, not at ${caller.address}; if it moved, say so first: kvorum update-member ${caller.name} ${caller.address}`;
    return { code: 'wrong-address', reason };
  }
  return undefined;
}
