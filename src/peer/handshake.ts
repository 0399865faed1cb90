import { createHmac, timingSafeEqual } from 'node:crypto';
import { ByteReader, ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import { emptyBytes } from '../base/bytes.js';
import { encodeFrame } from './frame.js';
import {
  decodeAnswer,
  decodeHello,
  encodeHello,
  readStartEpoch,
  writeAnswer,
  type Answer,
  type Hello,
} from './greeting.js';
import {
  commonVersion,
  protocolVersions,
  rangesSinceVersion,
  VersionError,
  type ProtocolVersions,
} from './protocol-versions.js';

/**
 * How two members meet. Both prove that they know the cluster's secret, and neither says who it is to one that has not:
 *
 *     caller  opening    magic, the versions it speaks, nonce; fields that not all versions know, each with its number
 *     callee  challenge  the version that is spoken from here on, nonce; proof over the opening and these
 *     caller  claims     who it is and whom it calls; proof over all that and the claims
 *     callee  answer     welcome, with its start epoch, or why not; proof over all that and the answer
 *
 * A proof is HMAC-SHA256 under the secret (RFC 2104). Each of the three begins with words of its own, so that none can
 * be turned against whoever made it; the nonces make it good for one connection alone. As the opening is proven too,
 * nobody in between can talk the two into an older version. What follows on the connection is not protected.
 */

/** "KVRM": the first thing that a member says, so that nothing else is taken for one. */
const magic = 0x4d52_564b;

export const nonceSizeBytes = 32;
const proofSizeBytes = 32;

/** Behind the nonce of an opening, as a number and bytes: versions that do not know one pass over it. */
const openingFields = { startEpoch: 1 } as const;

/** The first byte of what the callee says; 0 and 1 are answers without a proof. */
const kinds = { challenge: 2, provenAnswer: 3 } as const;

type Prover = 'kvorum callee opens' | 'kvorum caller claims' | 'kvorum callee answers';

function prove(
  secret: Uint8Array,
  prover: Prover,
  meeting: Meeting,
  said: readonly Uint8Array[],
): Uint8Array {
  const writer = new ByteWriter(512);
  writer.string(prover).bytes(meeting.opening).bytes(meeting.challenge);
  for (const bytes of said) writer.bytes(bytes);
  return createHmac('sha256', secret).update(writer.finish()).digest();
}

/** What both ends have said before either has proven anything, but for the proof; a nonce in each. */
interface Meeting {
  readonly opening: Uint8Array;
  readonly challenge: Uint8Array;
  readonly version: number;
}

/** The other end does not know the secret of this cluster. */
export class UnprovenError extends Error {
  override readonly name = 'UnprovenError';
}

/** The caller's side of one greeting. */
export class CallerHandshake {
  readonly #secret: Uint8Array;
  readonly #claims: Uint8Array;
  readonly #versions: ProtocolVersions;
  readonly #opening: Uint8Array;
  #meeting: Meeting | undefined;

  constructor(secret: Uint8Array, nonce: Uint8Array, hello: Hello, versions = protocolVersions) {
    this.#secret = secret;
    this.#versions = versions;
    this.#claims = encodeHello(hello);
    const writer = new ByteWriter(64);
    writer.uint32(magic).varint(versions.min).varint(versions.max).raw(nonce);
    const { startEpoch } = hello.caller;
    if (startEpoch !== undefined) {
      const field = new ByteWriter(8).uint64(BigInt(startEpoch)).finish();
      writer.uint8(openingFields.startEpoch).bytes(field);
    }
    this.#opening = writer.finish();
  }

  opening(): Uint8Array {
    return encodeFrame((writer) => writer.raw(this.#opening));
  }

  /** What is spoken; 0 before that was said. */
  get version(): number {
    return this.#meeting?.version ?? 0;
  }

  /**
   * @returns what to say next, or the answer
   * @throws UnprovenError, VersionError, MalformedBytesError
   */
  take(payload: Uint8Array): { readonly say: Uint8Array } | { readonly answer: Answer } {
    const reader = new ByteReader(payload);
    const kind = reader.uint8();
    if (kind === kinds.challenge && this.#meeting === undefined)
      return { say: this.#answerChallenge(reader) };
    if (kind === kinds.provenAnswer && this.#meeting !== undefined) {
      return { answer: this.#readAnswer(reader, this.#meeting) };
    }
    // Whatever one says that has proven nothing is not believed, but for this.
    const answer = decodeAnswer(payload);
    if (!answer.welcome && answer.code === 'wrong-version') {
      throw new VersionError(this.#versions, answer.versions);
    }
    throw new UnprovenError('sent away without a proof');
  }

  #answerChallenge(reader: ByteReader): Uint8Array {
    const challenge = new Uint8Array(reader.bytes());
    const proof = readLast(reader);
    const inside = new ByteReader(challenge);
    const version = inside.varint();
    const meeting = { opening: this.#opening, challenge, version };
    checkProof(proof, prove(this.#secret, 'kvorum callee opens', meeting, []));
    if (version < this.#versions.min || version > this.#versions.max) {
      throw new VersionError(this.#versions, { min: version, max: version });
    }
    inside.skip(nonceSizeBytes);
    checkEnd(inside);
    this.#meeting = meeting;
    const claimed = prove(this.#secret, 'kvorum caller claims', meeting, [this.#claims]);
    return encodeFrame((writer) => writer.bytes(this.#claims).raw(claimed));
  }

  #readAnswer(reader: ByteReader, meeting: Meeting): Answer {
    const answer = reader.bytes();
    checkProof(
      readLast(reader),
      prove(this.#secret, 'kvorum callee answers', meeting, [this.#claims, answer]),
    );
    return decodeAnswer(answer);
  }
}

/** The callee's side of one greeting. */
export class CalleeHandshake {
  readonly #secret: Uint8Array;
  readonly #nonce: Uint8Array;
  readonly #versions: ProtocolVersions;
  #meeting: Meeting | undefined;
  #claims: Uint8Array = emptyBytes;
  #startEpoch: number | undefined;

  constructor(secret: Uint8Array, nonce: Uint8Array, versions = protocolVersions) {
    this.#secret = secret;
    this.#nonce = nonce;
    this.#versions = versions;
  }

  /** What is spoken; 0 before an opening. */
  get version(): number {
    return this.#meeting?.version ?? 0;
  }

  /** The opening has been answered: the claims are awaited. */
  get opened(): boolean {
    return this.#meeting !== undefined;
  }

  /** @throws MalformedBytesError: this is no member; VersionError */
  readOpening(payload: Uint8Array): { readonly callerNonce: Uint8Array; readonly challenge: Uint8Array } {
    const reader = new ByteReader(payload);
    if (reader.uint32() !== magic) throw new MalformedBytesError('not the greeting of a member');
    const version = this.#versionFor(readVersions(reader));
    const callerNonce = new Uint8Array(reader.raw(nonceSizeBytes));
    this.#readFields(reader);
    const challenge = new ByteWriter(64).varint(version).raw(this.#nonce).finish();
    const meeting = { opening: new Uint8Array(payload), challenge, version };
    this.#meeting = meeting;
    const proof = prove(this.#secret, 'kvorum callee opens', meeting, []);
    const frame = encodeFrame((writer) => writer.uint8(kinds.challenge).bytes(challenge).raw(proof));
    return { callerNonce, challenge: frame };
  }

  /** Believed once the claims are proven, which the opening is a part of. */
  #readFields(reader: ByteReader): void {
    while (reader.remaining > 0) {
      const field = reader.uint8();
      const bytes = reader.bytes();
      if (field === openingFields.startEpoch) this.#startEpoch = readStartEpoch(new ByteReader(bytes));
    }
  }

  #versionFor(theirs: ProtocolVersions): number {
    const version = commonVersion(this.#versions, theirs);
    if (version === undefined) throw new VersionError(this.#versions, theirs);
    return version;
  }

  /** @throws UnprovenError, MalformedBytesError */
  readClaims(payload: Uint8Array): Hello {
    if (this.#meeting === undefined) throw new MalformedBytesError('claims before an opening');
    const reader = new ByteReader(payload);
    this.#claims = new Uint8Array(reader.bytes());
    checkProof(readLast(reader), prove(this.#secret, 'kvorum caller claims', this.#meeting, [this.#claims]));
    const hello = decodeHello(this.#claims);
    if (this.#startEpoch === undefined) return hello;
    return { ...hello, caller: { ...hello.caller, startEpoch: this.#startEpoch } };
  }

  /** To a caller that has proven itself. */
  answer(answer: Answer): Uint8Array {
    const writer = new ByteWriter(64);
    writeAnswer(writer, answer);
    const bytes = writer.finish();
    const proof = prove(this.#secret, 'kvorum callee answers', this.#meeting!, [this.#claims, bytes]);
    return encodeFrame((frame) => frame.uint8(kinds.provenAnswer).bytes(bytes).raw(proof));
  }
}

function readVersions(reader: ByteReader): ProtocolVersions {
  const min = reader.varint();
  const max = min < rangesSinceVersion ? min : reader.varint();
  if (max < min) throw new MalformedBytesError(`versions from ${min} to ${max}`);
  return { min, max };
}

function readLast(reader: ByteReader): Uint8Array {
  const proof = reader.raw(proofSizeBytes);
  checkEnd(reader);
  return proof;
}

function checkEnd(reader: ByteReader): void {
  if (reader.remaining > 0) throw new MalformedBytesError(`${reader.remaining} bytes behind a greeting`);
}

function checkProof(given: Uint8Array, expected: Uint8Array): void {
  if (!timingSafeEqual(given, expected)) throw new UnprovenError('the proof is wrong');
}
