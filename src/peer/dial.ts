import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { parseHostPort } from '../base/address.js';
import { MalformedBytesError } from '../base/byte-stream.js';
import type { MemberId } from '../base/ids.js';
import { isItself } from '../base/self-connection.js';
import type { Clock } from '../ports/clock.js';
import type { PeerAddress, PeerIdentity } from '../ports/peers.js';
import { FrameParser, greetingSizeBytesMax } from './frame.js';
import type { Answer, Purpose, Refusal } from './greeting.js';
import { CallerHandshake, nonceSizeBytes, UnprovenError } from './handshake.js';
import type { OwnNonces } from './own-nonces.js';
import { VersionError, type ProtocolVersions } from './protocol-versions.js';

/** Connecting and greeting together may take this long, at either end. */
export const greetingTimeoutMs = 5000;

/** The callee sent this member away. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super(refusal.reason);
    this.refusal = refusal;
  }
}

export interface Call {
  readonly self: PeerIdentity;
  readonly secret: Uint8Array;
  readonly ownNonces: OwnNonces;
  readonly target: MemberId;
  readonly address: PeerAddress;
  readonly purpose: Purpose;
  readonly clock: Clock;
  /** Default: those of this version of Kvorum. */
  readonly versions?: ProtocolVersions | undefined;
  readonly signal?: AbortSignal;
}

/** A connection whose other end has said that this member is welcome. No listeners are left on the socket. */
export interface Line {
  readonly socket: Socket;
  readonly parser: FrameParser;
}

/** To a member, who has said which version of the protocol is spoken. */
export interface DialledLine extends Line {
  readonly version: number;
  /** Of whoever listens there; undefined: it did not say. */
  readonly startEpoch: number | undefined;
}

/**
 * Connects to a member and greets it. Rejects with RefusedError, or with what went wrong.
 */
export function dial(call: Call): Promise<DialledLine> {
  const { host, port } = parseHostPort('peer address', call.address);
  return new Promise((resolve, reject) => {
    const nonce = randomBytes(nonceSizeBytes);
    const { self: caller, target, purpose } = call;
    const handshake = new CallerHandshake(call.secret, nonce, { caller, target, purpose }, call.versions);
    const forgetNonce = call.ownNonces.add(nonce);
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 });
    // What comes back on it is short, also later.
    const parser = new FrameParser(greetingSizeBytesMax);
    const settle = (): void => {
      forgetNonce();
      timer.cancel();
      call.signal?.removeEventListener('abort', aborted);
      socket.removeAllListeners();
      // A socket without an error listener would end the process.
      socket.on('error', () => {});
    };
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(explained(error, call.address));
    };
    const aborted = (): void => fail(new Error('called off'));
    const timer = call.clock.setTimer(greetingTimeoutMs, () =>
      fail(new Error(`${call.address} did not answer within ${greetingTimeoutMs} ms`)),
    );
    call.signal?.addEventListener('abort', aborted, { once: true });
    socket.on('error', fail);
    socket.on('close', () => fail(new Error(`${call.address} closed the connection`)));
    socket.on('connect', () => {
      if (isItself(socket)) {
        // At once, or it would hold the port that the member is to listen on.
        socket.resetAndDestroy();
        fail(new Error(`connect ECONNREFUSED ${call.address}`));
      } else socket.write(handshake.opening());
    });
    const answered = (answer: Answer): void => {
      if (!answer.welcome) {
        fail(new RefusedError(answer));
        return;
      }
      settle();
      socket.pause();
      resolve({ socket, parser, version: handshake.version, startEpoch: answer.startEpoch });
    };
    socket.on('data', (chunk: Buffer) => {
      try {
        parser.push(chunk);
        for (let payload = parser.next(); payload !== undefined; payload = parser.next()) {
          const step = handshake.take(payload);
          if ('answer' in step) {
            answered(step.answer);
            return;
          }
          socket.write(step.say);
        }
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    if (call.signal?.aborted === true) aborted();
  });
}

/** What whoever reads the log can do something about. */
function explained(error: Error, address: PeerAddress): Error {
  if (error instanceof VersionError) {
    return new RefusedError({ code: 'wrong-version', reason: `${address}: ${error.message}` });
  }
  if (error instanceof MalformedBytesError) {
    return new Error(
      `whoever listens at ${address} is no member: it should be a Raft port (-raftport), and may be a client port (${error.message})`,
    );
  }
  if (!(error instanceof UnprovenError)) return error;
  const reason = `whoever listens at ${address} does not know this cluster's secret: a member of another cluster, or no member at all; if all members say so, it is this one whose secret (identity.json) is another`;
  return new RefusedError({ code: 'refused', reason });
}
