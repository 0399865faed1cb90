import { connect, constants, type ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { dial, DialError, type DialTarget, type Lookup } from './dial.js';

/** A response comes without waiting for us to say each 64 KiB that more may come. */
const streamWindowSizeBytes = 4 * 1024 * 1024;
const connectionWindowSizeBytes = 16 * 1024 * 1024;

/** It never had an answer that a server of HTTP/2 gives. */
export class NotHttp2Error extends Error {
  override readonly name = 'NotHttp2Error';
}

/** A session, and the socket below it, which Node would keep until the server has closed its side too. */
export interface OpenSession {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
}

/**
 * An HTTP/2 connection whose server has spoken (RFC 9113, section 3.4). Nothing of it holds the process alive. The socket is
 * closed as soon as the session has written its last.
 *
 * Rejects with DialError, and with NotHttp2Error; nothing is left open then.
 */
export async function openSession(
  target: DialTarget,
  timeoutMs: number,
  signal: AbortSignal,
  lookup?: Lookup,
): Promise<OpenSession> {
  const deadlineMs = performance.now() + timeoutMs;
  const socket = await dial(target, timeoutMs, signal, lookup);
  return greeted(socket, Math.max(1, deadlineMs - performance.now()), signal);
}

function greeted(socket: Socket, timeoutMs: number, signal: AbortSignal): Promise<OpenSession> {
  const session = connect('http://kvorum', {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: streamWindowSizeBytes },
    // What is held is bounded by the client's own limits.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  });
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', calledOff);
      session.off('close', closed);
      session.off('remoteSettings', spoken);
    };
    const fail = (error: Error): void => {
      end();
      session.destroy();
      socket.destroy();
      reject(error);
    };
    const calledOff = (): void => fail(new DialError('called off'));
    const closed = (): void => fail(new NotHttp2Error('the connection ended before the server spoke HTTP/2'));
    const spoken = (): void => {
      end();
      session.setLocalWindowSize(connectionWindowSizeBytes);
      session.unref();
      resolve({ session, socket });
    };
    const timer = setTimeout(() => {
      const waited = `within ${Math.round(timeoutMs)} ms`;
      fail(
        new DialError(`it takes connections, but said nothing ${waited}: it hangs, or is no Kvorum server`),
      );
    }, timeoutMs);
    signal.addEventListener('abort', calledOff);
    session.on('remoteSettings', spoken);
    socket.once('finish', () => socket.destroy());
    session.on('close', closed);
    // The end that follows tells all there is to tell.
    session.on('error', () => {});
    if (signal.aborted) calledOff();
  });
}

/** Ends it with everything that is on its way. */
export function cutOff({ session, socket }: OpenSession): void {
  session.destroy(undefined, constants.NGHTTP2_CANCEL);
  socket.destroy();
}
