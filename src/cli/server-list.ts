import { isIPv6 } from 'node:net';
import { parseEndpoints } from '../client/options.js';

/** Where the original serves its clients. */
const portDefault = 50051;

/**
 * `HOST:PORT,...` as typed: a port may be missing, and the brackets of an IPv6 address with it.
 *
 * @returns `host:port` each
 * @throws KvorumError INVALID_REQUEST
 */
export function parseServerList(text: string): readonly string[] {
  return parseEndpoints(text.split(',').map((each) => withPort(each.trim())));
}

/** As parseServerList, but that there may be none: an empty text takes back what the environment says. */
export function parseKnownServers(text: string): readonly string[] {
  return text.trim() === '' ? [] : parseServerList(text);
}

function withPort(server: string): string {
  if (server === '') return server;
  if (server.startsWith('[')) return server.endsWith(']') ? `${server}:${portDefault}` : server;
  const colons = server.split(':').length - 1;
  if (colons === 0) return `${server}:${portDefault}`;
  // Of what has several it is a slow question.
  return colons > 1 && isIPv6(server) ? `[${server}]:${portDefault}` : server;
}
