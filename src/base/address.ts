import { KvorumError } from './errors.js';

interface HostPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

const addressLengthMax = 261;

/**
 * Splits `host:port`, `[ipv6]:port`.
 *
 * @param field what the message calls it
 * @throws KvorumError INVALID_REQUEST
 */
export function parseHostPort(field: string, text: string): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:/[\]@]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (text.length > addressLengthMax || host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new KvorumError(
      'INVALID_REQUEST',
      `${field} must be host:port with a port from 1 to 65535, not ${JSON.stringify(text.slice(0, 100))}`,
    );
  }
  return { host, port };
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

const memberNameLengthMax = 128;

/**
 * A member's name also names its data folder and stands in logs and metrics: letters, digits, `.`, `_` and
 * `-`, the first one a letter or digit.
 *
 * @param field what the message calls it
 * @throws KvorumError INVALID_REQUEST
 */
export function checkMemberName(field: string, name: string): void {
  if (name.length <= memberNameLengthMax && /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) return;
  throw new KvorumError(
    'INVALID_REQUEST',
    `${field} must be 1 to ${memberNameLengthMax} letters, digits, '.', '_' or '-', beginning with a letter or digit, not ${JSON.stringify(name.slice(0, 100))}`,
  );
}
