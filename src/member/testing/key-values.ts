import { decodeUtf8, encodeUtf8 } from '../../base/bytes.js';
import type { Command, CommandResult } from '../../fsm/command.js';
import type { CallOptions, Member } from '../types.js';

export function put(
  member: Member,
  key: string,
  value: string,
  options?: CallOptions,
): Promise<CommandResult> {
  return member.write(
    { type: 'put', key: encodeUtf8(key), value: encodeUtf8(value), lease: 0n, previous: false },
    options,
  );
}

/** Of so many keys, `key0` and so on. */
export function puts(count: number): Command[] {
  return Array.from({ length: count }, (_, nth) => {
    return { type: 'put', key: encodeUtf8(`key${nth}`), value: encodeUtf8('v'), lease: 0n, previous: false };
  });
}

/** Linearizable. @returns undefined if there is no such key */
export async function get(member: Member, key: string, options?: CallOptions): Promise<string | undefined> {
  const answer = await member.range({ key: encodeUtf8(key), revision: 0, limit: 0 }, options);
  const pair = answer.items[0];
  return pair === undefined ? undefined : decodeUtf8(pair.value);
}
