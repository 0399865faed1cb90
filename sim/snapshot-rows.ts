import { assert } from '../src/base/assert.js';
import { crc32c } from '../src/base/crc32c.js';
import type { MemberParts } from '../src/member/parts.js';
import { tableNames, type Row, type TableName } from '../src/ports/backend.js';
import type { Machine } from './machine.js';

/** What a snapshot brings is, row for row, what was taken at the member that made it. */
export class SnapshotRows {
  /** By the snapshot's id. */
  readonly #sums = new Map<bigint, number>();

  attach(machine: Machine, { snapshots, backend, machine: state }: MemberParts): void {
    const create = snapshots.create.bind(snapshots);
    snapshots.create = async (view, of, signal) => {
      const sum = machine.backend.holdsRot ? undefined : sumOf(view.rows());
      const file = await create(view, of, signal);
      if (sum !== undefined) this.#sums.set(file.header.id, sum);
      return file;
    };
    let arrived: bigint | undefined;
    const install = snapshots.install.bind(snapshots);
    snapshots.install = async (header, replacement) => {
      await install(header, replacement);
      arrived = header.id;
    };
    const reload = state.reload.bind(state);
    state.reload = () => {
      reload();
      const made = arrived === undefined ? undefined : this.#sums.get(arrived);
      if (made === undefined || machine.backend.holdsRot) return;
      const rows = function* (): Generator<Row & { readonly table: TableName }> {
        for (const table of tableNames) for (const row of backend.range(table, {})) yield { table, ...row };
      };
      assert(
        sumOf(rows()) === made,
        `${machine.name} has installed a snapshot ${arrived} that none has made`,
      );
    };
  }
}

/** In any order. */
function sumOf(rows: Iterable<Row & { readonly table: TableName }>): number {
  let sum = 0;
  for (const { table, key, value } of rows) {
    sum = (sum + crc32c(value, crc32c(key, tableNames.indexOf(table)))) % 0x1_0000_0000;
  }
  return sum;
}
