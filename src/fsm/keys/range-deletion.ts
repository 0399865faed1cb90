import { ByteReader, ByteWriter } from '../../base/byte-stream.js';
import { encodeUtf8 } from '../../base/bytes.js';
import type { Work } from '../../base/work.js';
import type { Backend } from '../../ports/backend.js';
import type { KeyBounds } from './key-bounds.js';
import type { KeyValue } from './key-commands.js';
import type { KeySpace } from './key-space.js';
import { chargeLongKey } from './row-cost.js';
import type { WriteTxn } from './write-txn.js';

const rowKey = encodeUtf8('deleting');

/** Rows that one deletion touches: the key's own, the change, the entry of its past. */
const rowsPerKey = 3;

/**
 * A deletion of many keys at one revision, made in slices. What is done goes to disk as it goes on, so that memory is
 * bounded whatever the range holds; a row says how far it has come. Nobody sees any of it before its end.
 */
export class RangeDeletion {
  readonly #backend: Backend;
  readonly #keys: KeySpace;
  readonly #txn: WriteTxn;
  readonly #end: Uint8Array | undefined;
  #next: Uint8Array | undefined;
  #deletedCount: number;
  #saved: boolean;
  /** In the order of the keys, if the answer wants them. Those from before a restart are missing: nobody waits then. */
  readonly previous: KeyValue[] | undefined;

  private constructor(
    backend: Backend,
    keys: KeySpace,
    at: KeyBounds & { readonly sub: number; readonly deletedCount: number; readonly saved: boolean },
    previous: boolean,
  ) {
    this.#backend = backend;
    this.#keys = keys;
    this.#next = at.start;
    this.#end = at.end;
    this.#deletedCount = at.deletedCount;
    this.#saved = at.saved;
    this.#txn = keys.beginWrite(at.sub);
    this.previous = previous ? [] : undefined;
  }

  static begin(backend: Backend, keys: KeySpace, bounds: KeyBounds, previous: boolean): RangeDeletion {
    return new RangeDeletion(backend, keys, { ...bounds, sub: 0, deletedCount: 0, saved: false }, previous);
  }

  /** The one that the backend holds a part of, if there is such a one. */
  static resume(backend: Backend, keys: KeySpace): RangeDeletion | undefined {
    const row = backend.get('meta', rowKey);
    if (row === undefined) return undefined;
    const reader = new ByteReader(row);
    const [sub, deletedCount] = [reader.varint(), reader.varint()];
    const start = reader.bytes().slice();
    const end = reader.remaining > 0 ? reader.bytes().slice() : undefined;
    return new RangeDeletion(backend, keys, { start, end, sub, deletedCount, saved: true }, false);
  }

  get deletedCount(): number {
    return this.#deletedCount;
  }

  /** @returns whether it is done */
  step(work: Work): boolean {
    const { keys, more } = this.#take(work);
    for (const key of keys) {
      const pair = this.#txn.delete(key);
      this.previous?.push(pair!);
    }
    this.#deletedCount += keys.length;
    if (!more) this.end();
    return !more;
  }

  /** All keys of the slice first: the backend must not change while it is being read. */
  #take(work: Work): { readonly keys: readonly Uint8Array[]; readonly more: boolean } {
    const keys: Uint8Array[] = [];
    let first = true;
    const bounds = { start: this.#next, end: this.#end, withRemoved: true };
    for (const { key, value, removed } of this.#backend.range('current', bounds)) {
      if (work.spent && !first) {
        this.#next = key.slice();
        return { keys, more: true };
      }
      first = false;
      work.charge(this.previous === undefined ? 0 : value.length);
      if (removed === true) continue;
      for (let row = 1; row < rowsPerKey; row++) work.charge();
      for (let row = 0; row < rowsPerKey; row++) chargeLongKey(work, key);
      keys.push(key.slice());
    }
    return { keys, more: false };
  }

  /** With what it has done so far. */
  end(): void {
    if (this.#saved) this.#backend.delete('meta', rowKey);
    this.#keys.endWrite();
  }

  /** Before a commit that holds a part of it. */
  save(): void {
    const writer = new ByteWriter(64).varint(this.#txn.sub).varint(this.#deletedCount).bytes(this.#next!);
    if (this.#end !== undefined) writer.bytes(this.#end);
    this.#backend.put('meta', rowKey, writer.finish());
    this.#saved = true;
  }
}
