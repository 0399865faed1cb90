import { KvorumError } from '../../base/errors.js';
import type { Revision } from '../../base/ids.js';
import type { KeyValue } from '../../fsm/command.js';
import type { RangeAnswer, RangeQuery } from '../../member/types.js';

/** Latin-1 text sorts as the bytes do. */
function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1');
}

interface Version {
  readonly revision: Revision;
  /** Undefined: deleted. */
  readonly item: KeyValue | undefined;
}

/** Every version of every key in memory, with etcd's revisions: an empty store is at 1. */
export class VersionedMap {
  readonly #versions = new Map<string, Version[]>();
  revision: Revision = 1;
  /** -1: nothing was compacted, as the state machine has it. */
  compactRevision: Revision = -1;

  put(key: Uint8Array, value: Uint8Array, lease: bigint): KeyValue | undefined {
    const previous = this.#newest(key);
    this.revision += 1;
    this.#push(key, {
      key: Uint8Array.from(key),
      value: Uint8Array.from(value),
      createRevision: previous?.createRevision ?? this.revision,
      modRevision: this.revision,
      version: (previous?.version ?? 0) + 1,
      lease,
    });
    return previous;
  }

  /** What was deleted; the revision moves if there was anything. */
  deleteRange(key: Uint8Array, end: Uint8Array | undefined): KeyValue[] {
    const { items } = this.range({ key, end, revision: 0, limit: 0 });
    if (items.length > 0) this.revision += 1;
    for (const item of items) this.#push(item.key, undefined);
    return [...items];
  }

  range(query: RangeQuery): RangeAnswer {
    const revision = query.revision === 0 ? this.revision : query.revision;
    if (revision > this.revision) {
      throw new KvorumError('REVISION_IN_FUTURE', `revision ${revision} has not been written yet`);
    }
    if (revision < this.compactRevision) {
      throw new KvorumError('REVISION_COMPACTED', `revision ${revision} has been compacted`);
    }
    const all = this.#items(query, revision);
    if (query.reverse === true) all.reverse();
    const wanted = query.countOnly === true ? [] : all;
    const items = wanted
      .slice(0, fitting(wanted, query))
      .map((item) => (query.keysOnly === true ? { ...item, value: new Uint8Array(0) } : item));
    const next = wanted[items.length]?.key;
    return { items, count: all.length, more: next !== undefined, revision: this.revision, next };
  }

  #items({ key, end }: RangeQuery, revision: Revision): KeyValue[] {
    const from = toText(key);
    const to = end === undefined ? `${from}\0` : toText(end);
    const found: KeyValue[] = [];
    for (const text of [...this.#versions.keys()].sort()) {
      if (text < from || (to !== '\0' && text >= to)) continue;
      const item = this.#versions.get(text)!.findLast((version) => version.revision <= revision)?.item;
      if (item !== undefined) found.push(item);
    }
    return found;
  }

  #newest(key: Uint8Array): KeyValue | undefined {
    return this.#versions.get(toText(key))?.at(-1)?.item;
  }

  #push(key: Uint8Array, item: KeyValue | undefined): void {
    const text = toText(key);
    const versions = this.#versions.get(text) ?? [];
    versions.push({ revision: this.revision, item });
    this.#versions.set(text, versions);
  }
}

/** How many of the items the answer has room for. */
function fitting(items: readonly KeyValue[], { limit, sizeBytesMax = Infinity }: RangeQuery): number {
  let sizeBytes = 0;
  for (const [count, { key, value }] of items.entries()) {
    sizeBytes += key.length + value.length;
    if ((limit > 0 && count === limit) || (count > 0 && sizeBytes > sizeBytesMax)) return count;
  }
  return items.length;
}
