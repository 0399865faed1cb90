import { assert } from '../src/base/assert.js';
import { crc32c } from '../src/base/crc32c.js';
import type { MemberParts } from '../src/member/parts.js';
import { tableNames, type AppliedPosition, type TableRow } from '../src/ports/backend.js';
import type { Machine } from './machine.js';

/** What a snapshot brings is, row for row, what was seen at the member that made it. */
export class SnapshotRows {
  /** By where the state was: compaction may have come further at one member than at another. */
  readonly #sums = new Map<string, Set<number>>();

  attach(machine: Machine, { backend, machine: state }: MemberParts): void {
    const open = backend.view.bind(backend);
    backend.view = async () => {
      const view = await open();
      if (!machine.backend.holdsRot) this.#add(view.position, sumOf(view.rows()));
      return view;
    };
    const reload = state.reload.bind(state);
    state.reload = () => {
      reload();
      if (machine.backend.holdsRot) return;
      const rows = function* (): Generator<TableRow> {
        for (const table of tableNames) for (const row of backend.range(table, {})) yield { table, ...row };
      };
      assert(
        this.#sums.get(nameOf(backend.applied))?.has(sumOf(rows())) === true,
        `${machine.name} has installed a snapshot of ${backend.applied.index} that none has made`,
      );
    };
  }

  #add(position: AppliedPosition, sum: number): void {
    const name = nameOf(position);
    const sums = this.#sums.get(name) ?? new Set();
    this.#sums.set(name, sums.add(sum));
  }
}

function nameOf({ index, term }: AppliedPosition): string {
  return `${index} of term ${term}`;
}

/** In any order. */
function sumOf(rows: Iterable<TableRow>): number {
  let sum = 0;
  for (const { table, key, value } of rows) {
    sum = (sum + crc32c(value, crc32c(key, tableNames.indexOf(table)))) % 0x1_0000_0000;
  }
  return sum;
}
