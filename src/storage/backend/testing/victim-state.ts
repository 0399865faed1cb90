import type { Backend, TableName } from '../../../ports/backend.js';

/** What a victim's state is at each index, so that another process can tell. */
export type VictimRows = ReadonlyMap<string, string>;

interface Change {
  readonly table: TableName;
  readonly key: string;
  readonly value: string | undefined;
}

const pairsPerCommit = 60;
const longPrefix = 'x'.repeat(2500);

/** Overwrites, new keys, removals, long keys, in several tables. */
function* changesAt(index: number): Generator<Change> {
  for (let at = 0; at < pairsPerCommit; at++) {
    const key = `k${(index * 7 + at * 13) % 2000}`;
    yield { table: 'current', key, value: `${index}/${at}/`.padEnd(200, 'v') };
  }
  yield { table: 'history', key: `${longPrefix}${index}`, value: `long ${index}` };
  yield { table: 'history', key: `${longPrefix}${index - 20}`, value: undefined };
  yield { table: 'revisions', key: `r${index}`, value: String(index) };
  yield { table: 'revisions', key: `r${index - 50}`, value: undefined };
  yield { table: 'meta', key: 'index', value: String(index) };
}

/** Writes the batch that makes the state at `index` from the one before, and commits it. */
export function commitVictim(backend: Backend, index: number): void {
  for (const { table, key, value } of changesAt(index)) {
    if (value === undefined) backend.delete(table, Buffer.from(key));
    else backend.put(table, Buffer.from(key), Buffer.from(value));
  }
  backend.commit({ index, term: 1 });
}

/** Follows the state from index to index, upwards. */
export class VictimModel {
  readonly #rows = new Map<string, string>();
  #index = 0;

  at(index: number): VictimRows {
    while (this.#index < index) {
      this.#index++;
      for (const { table, key, value } of changesAt(this.#index)) {
        if (value === undefined) this.#rows.delete(`${table} ${key}`);
        else this.#rows.set(`${table} ${key}`, value);
      }
    }
    return this.#rows;
  }
}

const installedPairs = 6000;

/** The content that the installation at `index` brings; none at 0, before the first. */
export function* installedAt(index: number): Generator<readonly [key: string, value: string]> {
  if (index === 0) return;
  for (let at = 0; at < installedPairs; at++) yield [`i${at}`, `of ${index}`];
}
