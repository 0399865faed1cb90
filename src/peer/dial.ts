import { connect, type Socket } from 'node:net';
import { parseHostPort } from '../base/address.js';
import type { MemberId } from '../base/ids.js';
import type { Clock } from '../ports/clock.js';
import type { PeerAddress, PeerIdentity } from '../ports/peers.js';
import { FrameParser, frameSizeBytesMax } from './frame.js';
import { decodeAnswer, encodeHello, type Purpose, type Refusal } from './greeting.js';

/** Connecting and greeting together may take this long. */
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
  readonly target: MemberId;
  readonly address: PeerAddress;
  readonly purpose: Purpose;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
}

/** A connection whose other end has said that this member is welcome. No listeners are left on the socket. */
export interface Line {
  readonly socket: Socket;
  readonly parser: FrameParser;
}

/**
 * Connects to a member and greets it. Rejects with RefusedError, or with what went wrong.
 */
export function dial(call: Call): Promise<Line> {
  const { host, port } = parseHostPort('peer address', call.address);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 });
    const parser = new FrameParser(frameSizeBytesMax);
    const settle = (): void => {
      timer.cancel();
      call.signal?.removeEventListener('abort', aborted);
      socket.removeAllListeners();
      // A socket without an error listener would end the process.
      socket.on('error', () => {});
    };
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    const aborted = (): void => fail(new Error('called off'));
    const timer = call.clock.setTimer(greetingTimeoutMs, () =>
      fail(new Error(`${call.address} did not answer within ${greetingTimeoutMs} ms`)),
    );
    call.signal?.addEventListener('abort', aborted, { once: true });
    socket.on('error', fail);
    socket.on('close', () => fail(new Error(`${call.address} closed the connection`)));
    socket.on('connect', () => {
      socket.write(encodeHello({ caller: call.self, target: call.target, purpose: call.purpose }));
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        parser.push(chunk);
        const payload = parser.next();
        if (payload === undefined) return;
        const answer = decodeAnswer(payload);
        if (!answer.welcome) {
          fail(new RefusedError(answer));
          return;
        }
        settle();
        socket.pause();
        resolve({ socket, parser });
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    if (call.signal?.aborted === true) aborted();
  });
}
