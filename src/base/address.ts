import { echoed } from './echo.js';
import { KvorumError } from './errors.js';

interface HostPort {
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

const addressLengthMax = 261;

/** Of a name in DNS (RFC 1035, section 2.3.4). */
const hostNameLengthMax = 253;

/**
 * Splits `host:port`, `[ipv6]:port`. A host is told to other members and printed by them: nothing may stand in it that
 * a terminal or a log takes for its own.
 *
 * @param field what the message calls it
 * @throws KvorumError INVALID_REQUEST
 */
export function parseHostPort(field: string, text: string): HostPort {
  const match = text.length > addressLengthMax ? null : /^(?:\[(.+)\]|([^[\]]+)):(\d{1,5})$/s.exec(text);
  const port = Number(match?.[3]);
  if (match === null || !(port >= 1 && port <= 65_535)) {
    throw refused(field, 'host:port with a port from 1 to 65535', text);
  }
  const [, bracketed, plain] = match;
  if (bracketed === undefined ? !isHostName(plain!) : !isIpv6(bracketed)) {
    const rule = `letters, digits, '.', '-', '_', up to ${hostNameLengthMax}`;
    throw refused(
      field,
      `host:port with a host name (${rule}), an IPv4 address, or an IPv6 address in brackets`,
      text,
    );
  }
  return { host: bracketed ?? plain!, port };
}

function refused(field: string, rule: string, text: string): KvorumError {
  return new KvorumError('INVALID_REQUEST', `${field} must be ${rule}, not ${JSON.stringify(echoed(text))}`);
}

/** An IPv4 address is one too. */
function isHostName(text: string): boolean {
  return text.length <= hostNameLengthMax && text.split('.').every((label) => /^[A-Za-z0-9_-]+$/.test(label));
}

/** RFC 4291, section 2.2, and a zone of RFC 4007, section 11. */
function isIpv6(text: string): boolean {
  const match = /^([0-9A-Fa-f:.]{2,45})(?:%[A-Za-z0-9._-]{1,32})?$/.exec(text);
  if (match === null) return false;
  // What ends as an IPv4 address has two groups there.
  const address = match[1]!.replace(/(^|:)(?:\d{1,3}\.){3}\d{1,3}$/, '$10:0');
  const halves = address.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const groups = halves.flat();
  if (!groups.every((group) => /^[0-9A-Fa-f]{1,4}$/.test(group))) return false;
  return halves.length === 1 ? groups.length === 8 : halves.length === 2 && groups.length < 8;
}

/** 0.0.0.0 behind the prefix of RFC 4291, section 2.5.5.2, as a URL writes it. */
const wildcards = ['0.0.0.0', '[::]', '[::ffff:0:0]'];

/**
 * An address to listen on that nobody can connect to, however it is written (`::0`, `0:0::0`, `0`, `0x0`). URLs know all
 * the forms that a system's resolver takes.
 */
export function isWildcard(host: string): boolean {
  const [withoutZone = host] = host.split('%');
  const url = `http://${formatHostPort(withoutZone, 1)}`;
  return URL.canParse(url) && wildcards.includes(new URL(url).hostname);
}

/**
 * As parseHostPort, for an address that others are to connect to.
 * @throws KvorumError INVALID_REQUEST
 */
export function checkReachable(field: string, text: string): void {
  if (!isWildcard(parseHostPort(field, text).host)) return;
  throw new KvorumError(
    'INVALID_REQUEST',
    `${field} must be an address that others can connect to, not ${text}`,
  );
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
    `${field} must be 1 to ${memberNameLengthMax} letters, digits, '.', '_' or '-', beginning with a letter or digit, not ${JSON.stringify(echoed(name))}`,
  );
}
