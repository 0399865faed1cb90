import { checkMemberName, checkReachable } from '../base/address.js';
import { echoed } from '../base/echo.js';
import { KvorumError } from '../base/errors.js';

/**
 * `NAME=HOST:PORT,...` as typed.
 *
 * @returns `host:port` by the member's name
 * @throws KvorumError INVALID_REQUEST
 */
export function parsePeers(text: string): ReadonlyMap<string, string> {
  const peers = new Map<string, string>();
  for (const each of text.split(',')) {
    const [name = '', address, ...rest] = each.trim().split('=');
    if (address === undefined || rest.length > 0) {
      throw refused(`peers must be NAME=HOST:PORT,..., not ${JSON.stringify(echoed(each))}`);
    }
    checkMemberName('peers', name);
    checkReachable('peers', address);
    if (peers.has(name)) throw refused(`peers must name each member once, and names ${name} twice`);
    peers.set(name, address);
  }
  return peers;
}

function refused(message: string): KvorumError {
  return new KvorumError('INVALID_REQUEST', message);
}
