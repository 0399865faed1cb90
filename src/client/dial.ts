import { connect, isIPv4, type Socket } from 'node:net';
import { isItself } from '../base/self-connection.js';

/** Why there is no connection, in words that stand behind `cannot connect to HOST:PORT: `. */
export class DialError extends Error {
  override readonly name = 'DialError';
}

/** The addresses of a name, in the order in which they are to be tried. */
export type Lookup = (host: string) => Promise<readonly string[]>;

export interface DialTarget {
  readonly host: string;
  readonly port: number;
}

/** A next address is tried when the last one has said nothing for so long (RFC 8305, section 8). */
const staggerMs = 250;

/** Loopback, whatever the resolver has of it (RFC 6761, section 6.3): it often has ::1 alone. */
const loopback: readonly string[] = ['127.0.0.1', '::1'];

export const lookUp: Lookup = async (host) => {
  if (host === 'localhost') return loopback;
  // A name has no colon; Node's own look at an IPv6 address takes ten times as long as all else here.
  if (isIPv4(host) || host.includes(':')) return [host];
  const dns = await import('node:dns/promises');
  const found = await dns.lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};

/**
 * A TCP connection to the first of a name's addresses that takes one.
 *
 * Rejects with DialError; nothing is left open then.
 */
export async function dial(
  { host, port }: DialTarget,
  timeoutMs: number,
  signal: AbortSignal,
  lookup: Lookup = lookUp,
): Promise<Socket> {
  const deadlineMs = performance.now() + timeoutMs;
  const addresses = await within(timeoutMs, signal, resolved(host, lookup));
  const remainingMs = Math.max(1, deadlineMs - performance.now());
  return tryAll(addresses, port, { timeoutMs: remainingMs, signal });
}

async function resolved(host: string, lookup: Lookup): Promise<readonly string[]> {
  let addresses: readonly string[];
  try {
    addresses = await lookup(host);
  } catch (error) {
    throw new DialError(causeOf(error), { cause: error });
  }
  if (addresses.length > 0) return addresses;
  throw new DialError('the host name has no address');
}

/** What comes of `asked` too late, or after the signal, is of no use. */
function within<T>(timeoutMs: number, signal: AbortSignal, asked: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
    };
    const stop = (): void => {
      end();
      reject(calledOff());
    };
    const timer = setTimeout(() => {
      end();
      reject(new DialError(`the host name was not looked up within ${Math.round(timeoutMs)} ms`));
    }, timeoutMs);
    signal.addEventListener('abort', stop);
    void asked.then(resolve, reject).finally(end);
    if (signal.aborted) stop();
  });
}

function calledOff(): DialError {
  return new DialError('called off');
}

interface Patience {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** One after the other; a slow one does not hold up the next. */
function tryAll(
  addresses: readonly string[],
  port: number,
  { timeoutMs, signal }: Patience,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const open = new Set<Socket>();
    const failures: unknown[] = [];
    let tried = 0;
    let stagger: NodeJS.Timeout | undefined;
    const end = (taken?: Socket): void => {
      clearTimeout(timer);
      clearTimeout(stagger);
      signal.removeEventListener('abort', stop);
      for (const socket of open) if (socket !== taken) socket.destroy();
    };
    const fail = (error: DialError): void => {
      end();
      reject(error);
    };
    const stop = (): void => fail(calledOff());
    const next = (): void => {
      clearTimeout(stagger);
      const socket = connect({ host: addresses[tried++]!, port, noDelay: true });
      open.add(socket);
      socket.once('connect', () => {
        if (isItself(socket)) {
          socket.resetAndDestroy();
          socket.emit('error', Object.assign(new Error('connected to itself'), { code: 'ECONNREFUSED' }));
          return;
        }
        end(socket);
        socket.removeAllListeners();
        resolve(socket);
      });
      socket.on('error', (error) => {
        open.delete(socket);
        failures.push(error);
        if (tried < addresses.length) next();
        else if (open.size === 0) fail(mostTelling(failures));
      });
      if (tried < addresses.length) stagger = setTimeout(next, staggerMs);
    };
    const timer = setTimeout(() => {
      fail(new DialError(`no answer within ${Math.round(timeoutMs)} ms: a wrong address, or a firewall?`));
    }, timeoutMs);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    else next();
  });
}

const causes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there',
  ECONNRESET: 'the connection was reset',
  ETIMEDOUT: 'no answer: a wrong address, or a firewall?',
  EACCES: 'the system does not allow it',
  EPERM: 'the system does not allow it',
  EMFILE: 'this process has too many open files',
  ENFILE: 'this machine has too many open files',
  EHOSTUNREACH: 'there is no way to this address',
  ENETUNREACH: 'there is no way to this address',
  EADDRNOTAVAIL: 'there is no way to this address',
  EAFNOSUPPORT: 'there is no way to this address',
  ENOTFOUND: 'no host has this name',
  ENODATA: 'no host has this name',
  EAI_AGAIN: 'the host name cannot be looked up now',
};

function causeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : causes[code]) ?? code ?? message;
}

/** Of several addresses: what an answer was, before what had none. */
function mostTelling(failures: readonly unknown[]): DialError {
  const order = Object.keys(causes);
  const rank = (error: unknown): number => {
    const at = order.indexOf((error as NodeJS.ErrnoException).code ?? '');
    return at < 0 ? order.length : at;
  };
  const cause = [...failures].sort((left, right) => rank(left) - rank(right))[0];
  return new DialError(causeOf(cause), { cause });
}
