import { createHmac, timingSafeEqual } from 'node:crypto';
import { ByteReader, ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import { emptyBytes } from '../base/bytes.js';
import { encodeFrame } from './frame.js';
import { decodeAnswer, decodeHello, encodeHello, writeAnswer, type Answer, type Hello } from './greeting.js';

/**
 * How two members meet. Both prove that they know the cluster's secret, and neither says who it is to one that has not:
 *
 *     caller  opening    magic, version, nonce
 *     callee  challenge  nonce, proof over both nonces
 *     caller  claims     who it is and whom it calls, proof over both nonces and the claims
 *     callee  answer     welcome or why not, proof over both nonces, the claims and the answer
 *
 * A proof is HMAC-SHA256 under the secret (RFC 2104). Each of the three begins with words of its own, so that none can
 * be turned against whoever made it; the nonces make it good for one connection alone. What follows on the connection is
 * not protected.
 */

/** "KVRM": the first thing that a member says, so that nothing else is taken for one. */
const magic = 0x4d52_564b;

/** Raised when an older version could not follow a newer one. */
export const protocolVersion = 2;

export const nonceSizeBytes = 32;
const proofSizeBytes = 32;

/** The first byte of what the callee says; 0 and 1 are answers without a proof. */
const kinds = { challenge: 2, provenAnswer: 3 } as const;

type Prover = 'kvorum callee opens' | 'kvorum caller claims' | 'kvorum callee answers';

function prove(secret: Uint8Array, prover: Prover, nonces: Nonces, said: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(512);
  writer.string(prover).varint(protocolVersion).bytes(nonces.caller).bytes(nonces.callee);
  for (const bytes of said) writer.bytes(bytes);
  return createHmac('sha256', secret).update(writer.finish()).digest();
}

interface Nonces {
  readonly caller: Uint8Array;
  readonly callee: Uint8Array;
}

/** The other end does not know the secret of this cluster. */
export class UnprovenError extends Error {
  override readonly name = 'UnprovenError';
}

/** The other end speaks another version of the protocol. */
export class VersionError extends Error {
  override readonly name = 'VersionError';
}

/** The caller's side of one greeting. */
export class CallerHandshake {
  readonly #secret: Uint8Array;
  readonly #claims: Uint8Array;
  readonly #nonce: Uint8Array;
  #nonces: Nonces | undefined;

  constructor(secret: Uint8Array, nonce: Uint8Array, hello: Hello) {
    this.#secret = secret;
    this.#nonce = nonce;
    this.#claims = encodeHello(hello);
  }

  opening(): Uint8Array {
    return encodeFrame((writer) => writer.uint32(magic).varint(protocolVersion).raw(this.#nonce));
  }

  /**
   * @returns what to say next, or the answer
   * @throws UnprovenError, VersionError, MalformedBytesError
   */
  take(payload: Uint8Array): { readonly say: Uint8Array } | { readonly answer: Answer } {
    const reader = new ByteReader(payload);
    const kind = reader.uint8();
    if (kind === kinds.challenge && this.#nonces === undefined) return { say: this.#answerChallenge(reader) };
    if (kind === kinds.provenAnswer && this.#nonces !== undefined) {
      return { answer: this.#readAnswer(reader, this.#nonces) };
    }
    // Whatever one says that has proven nothing is not believed, but for this.
    const answer = decodeAnswer(payload);
    if (!answer.welcome && answer.code === 'wrong-version') {
      throw new VersionError(
        `another version of the member protocol than ${protocolVersion} is spoken there`,
      );
    }
    throw new UnprovenError('sent away without a proof');
  }

  #answerChallenge(reader: ByteReader): Uint8Array {
    const nonces = { caller: this.#nonce, callee: reader.raw(nonceSizeBytes).slice() };
    checkProof(readLast(reader), prove(this.#secret, 'kvorum callee opens', nonces, []));
    this.#nonces = nonces;
    const proof = prove(this.#secret, 'kvorum caller claims', nonces, [this.#claims]);
    return encodeFrame((writer) => writer.bytes(this.#claims).raw(proof));
  }

  #readAnswer(reader: ByteReader, nonces: Nonces): Answer {
    const answer = reader.bytes();
    checkProof(
      readLast(reader),
      prove(this.#secret, 'kvorum callee answers', nonces, [this.#claims, answer]),
    );
    return decodeAnswer(answer);
  }
}

/** The callee's side of one greeting. */
export class CalleeHandshake {
  readonly #secret: Uint8Array;
  readonly #nonce: Uint8Array;
  #nonces: Nonces | undefined;
  #claims: Uint8Array = emptyBytes;

  constructor(secret: Uint8Array, nonce: Uint8Array) {
    this.#secret = secret;
    this.#nonce = nonce;
  }

  /** The opening has been answered: the claims are awaited. */
  get opened(): boolean {
    return this.#nonces !== undefined;
  }

  /** @throws MalformedBytesError: this is no member; VersionError */
  readOpening(payload: Uint8Array): { readonly callerNonce: Uint8Array; readonly challenge: Uint8Array } {
    const reader = new ByteReader(payload);
    if (reader.uint32() !== magic) throw new MalformedBytesError('not the greeting of a member');
    const version = reader.varint();
    if (version !== protocolVersion) {
      throw new VersionError(`it speaks version ${version} of the member protocol, not ${protocolVersion}`);
    }
    const callerNonce = new Uint8Array(reader.raw(nonceSizeBytes));
    checkEnd(reader);
    const nonces = { caller: callerNonce, callee: this.#nonce };
    this.#nonces = nonces;
    const proof = prove(this.#secret, 'kvorum callee opens', nonces, []);
    const challenge = encodeFrame((writer) => writer.uint8(kinds.challenge).raw(this.#nonce).raw(proof));
    return { callerNonce, challenge };
  }

  /** @throws UnprovenError, MalformedBytesError */
  readClaims(payload: Uint8Array): Hello {
    if (this.#nonces === undefined) throw new MalformedBytesError('claims before an opening');
    const reader = new ByteReader(payload);
    this.#claims = new Uint8Array(reader.bytes());
    checkProof(readLast(reader), prove(this.#secret, 'kvorum caller claims', this.#nonces, [this.#claims]));
    return decodeHello(this.#claims);
  }

  /** To a caller that has proven itself. */
  answer(answer: Answer): Uint8Array {
    const writer = new ByteWriter(64);
    writeAnswer(writer, answer);
    const bytes = writer.finish();
    const proof = prove(this.#secret, 'kvorum callee answers', this.#nonces!, [this.#claims, bytes]);
    return encodeFrame((frame) => frame.uint8(kinds.provenAnswer).bytes(bytes).raw(proof));
  }
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
