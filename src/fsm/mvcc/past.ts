import { compareBytes } from '../../base/bytes.js';
import type { Revision } from '../../base/ids.js';
import type { BackendReader, Row } from '../../ports/backend.js';
import { decodeHistoryKey, decodeVersion, historyPrefix, type VersionRecord } from './rows.js';

export interface KeyBounds {
  readonly start: Uint8Array | undefined;
  /** Exclusive. */
  readonly end: Uint8Array | undefined;
}

interface Found {
  readonly key: Uint8Array;
  readonly record: VersionRecord;
}

/** The keys that lived at `revision`, in key order: of each, the newest version up to then. */
export function* keysAt(
  backend: BackendReader,
  bounds: KeyBounds,
  revision: Revision,
  reverse: boolean,
): Generator<Found> {
  const direction = reverse ? -1 : 1;
  const current = backend.range('current', { ...bounds, reverse })[Symbol.iterator]();
  const past = pastVersions(backend, bounds, revision, reverse);
  let newest: IteratorResult<Row, unknown> = current.next();
  let older = past.next();
  try {
    while (newest.done !== true || older.done !== true) {
      const order =
        newest.done === true
          ? 1
          : older.done === true
            ? -1
            : direction * compareBytes(newest.value.key, older.value.key);
      let found: Found | undefined;
      if (order <= 0 && newest.done !== true) {
        const record = decodeVersion(newest.value.value);
        if (record.mod.revision <= revision) found = { key: newest.value.key, record };
        newest = current.next();
      }
      if (order >= 0 && older.done !== true) {
        found ??= older.value.record.deleted ? undefined : older.value;
        older = past.next();
      }
      if (found !== undefined) yield found;
    }
  } finally {
    current.return?.();
    past.return(undefined);
  }
}

/** Of each key with rows in `history` up to `revision`, the newest of them, tombstones too. */
function* pastVersions(
  backend: BackendReader,
  bounds: KeyBounds,
  revision: Revision,
  reverse: boolean,
): Generator<Found> {
  const range = {
    start: bounds.start === undefined ? undefined : historyPrefix(bounds.start),
    end: bounds.end === undefined ? undefined : historyPrefix(bounds.end),
    reverse,
  };
  let held: Found | undefined;
  for (const row of backend.range('history', range)) {
    const { key, place } = decodeHistoryKey(row.key);
    if (place.revision > revision) continue;
    const isSameKey = held !== undefined && compareBytes(held.key, key) === 0;
    if (held !== undefined && !isSameKey) yield held;
    // Forward the newest comes last, backward it comes first.
    if (!isSameKey || !reverse) held = { key, record: decodeVersion(row.value) };
  }
  if (held !== undefined) yield held;
}
