import type { Command } from './command.js';

/** What other programs call it. */
const otherNames: Readonly<Record<string, string>> = {
  cas: 'set',
  write: 'set',
  read: 'get',
  rm: 'delete',
  unset: 'delete',
  scan: 'list',
  range: 'list',
  dump: 'export',
  backup: 'export',
  load: 'import',
  restore: 'import',
  server: 'serve',
  start: 'serve',
  run: 'serve',
  join: 'serve -join',
  add: 'serve -join',
  'add-member': 'serve -join',
  member: 'members',
  nodes: 'members',
  info: 'status',
  health: 'status',
  benchmark: 'bench',
  compaction: 'compact',
  defrag: 'compact',
  defragment: 'compact',
  '-endpoints': '-server',
  '-endpoint': '-server',
  '-host': '-server',
  '-print-value-only': '-raw',
};

/** The known name that was probably meant; undefined if none is like what was written. */
export function likeliest(written: string, known: readonly string[]): string | undefined {
  const name = written.toLowerCase();
  const other = Object.hasOwn(otherNames, name) ? otherNames[name] : undefined;
  if (other !== undefined && known.includes(other.split(' ')[0]!)) return other;
  // One letter of three may be wrong.
  const most = Math.min(2, Math.floor(name.replace(/^-/, '').length / 3));
  const likes = known
    .map((each) => ({ each, edits: editsBetween(name, each.toLowerCase()) }))
    .filter(({ edits }) => edits <= most || edits === 0)
    .sort((left, right) => left.edits - right.edits);
  return likes[0]?.each;
}

/** A command with its arguments, where one of them was written as if it were a flag: `list PREFIX` for -prefix. */
export function asArgument(
  flag: string,
  { name, usage }: Pick<Command, 'name' | 'usage'>,
): string | undefined {
  const names = usage.replace(/[[\]]/g, '');
  return names.split(' ').includes(flag.replace(/^-/, '').toUpperCase()) ? `${name} ${names}` : undefined;
}

/** No name is longer than this; what was written may be of any length. */
const nameLengthMax = 40;

/** Letters that are missing, too many or wrong, and neighbours that have changed places. */
function editsBetween(left: string, right: string): number {
  if (left.length > nameLengthMax || right.length > nameLengthMax) return Infinity;
  const rows = Array.from({ length: left.length + 1 }, (_, at) => [at]);
  for (let column = 1; column <= right.length; column++) rows[0]!.push(column);
  for (let at = 1; at <= left.length; at++) {
    for (let of = 1; of <= right.length; of++) {
      const same = left[at - 1] === right[of - 1];
      const above = rows[at - 1]!;
      let edits = Math.min(above[of]! + 1, rows[at]![of - 1]! + 1, above[of - 1]! + (same ? 0 : 1));
      const swapped = at > 1 && of > 1 && left[at - 1] === right[of - 2] && left[at - 2] === right[of - 1];
      if (swapped) edits = Math.min(edits, rows[at - 2]![of - 2]! + 1);
      rows[at]!.push(edits);
    }
  }
  return rows[left.length]![right.length]!;
}
