import { decodeLevel, encodeLevel, topLevel, type LongKeys, type ShortKeyReader } from './long-keys.js';

/** A row of the store below; no value: it is removed. */
interface ChangedRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
}

interface Pointer {
  readonly parent: bigint;
  readonly key: Uint8Array;
}

/**
 * What changes of long keys come to in the store below, as one transaction. The store shows nothing of it before it
 * is written, so the rows are gathered here, above those of the store. A level that is left without rows goes, and its
 * pointer with it: no level is ever empty. Its number is not given again.
 */
export class LongKeyChanges {
  readonly #longKeys: LongKeys;
  readonly #reader: ShortKeyReader;
  readonly #newLevel: () => bigint;
  /** The rows of each level, by their keys. */
  readonly #levels = new Map<bigint, Map<string, ChangedRow>>();
  /** To each level that was walked to. */
  readonly #pointers = new Map<bigint, Pointer>();
  /** Levels that lost a row, by their depth; the top has none. */
  readonly #lessened: Set<bigint>[] = [];

  constructor(longKeys: LongKeys, reader: ShortKeyReader, newLevel: () => bigint) {
    this.#longKeys = longKeys;
    this.#reader = reader;
    this.#newLevel = newLevel;
  }

  change(key: Uint8Array, value: Uint8Array | undefined): void {
    let depth = 0;
    const place = this.#longKeys.locate(key, (parent, pointer) => {
      depth++;
      return this.#below(parent, pointer, value !== undefined);
    });
    if (place === undefined) return;
    this.#set(place.level, place.key, value);
    if (value === undefined) this.#lessen(place.level, depth);
  }

  /** @param make the level, if there is none */
  #below(parent: bigint, pointer: Uint8Array, make: boolean): bigint | undefined {
    const known = this.#levels.get(parent)?.get(textOf(pointer))?.value ?? this.#reader.get(parent, pointer);
    if (known === undefined && !make) return undefined;
    const level = known === undefined ? this.#newLevel() : decodeLevel(known);
    if (known === undefined) this.#set(parent, pointer, encodeLevel(level));
    if (!this.#pointers.has(level)) this.#pointers.set(level, { parent, key: pointer });
    return level;
  }

  #set(level: bigint, key: Uint8Array, value: Uint8Array | undefined): void {
    let rows = this.#levels.get(level);
    if (rows === undefined) this.#levels.set(level, (rows = new Map<string, ChangedRow>()));
    rows.set(textOf(key), { key, value });
  }

  #lessen(level: bigint, depth: number): void {
    while (this.#lessened.length <= depth) this.#lessened.push(new Set());
    this.#lessened[depth]!.add(level);
  }

  /** All rows to be written, each once. Nothing is changed any more. */
  *rows(): Generator<ChangedRow & { readonly level: bigint }> {
    this.#removeEmpty();
    for (const [level, rows] of this.#levels) {
      for (const { key, value } of rows.values()) yield { level, key, value };
    }
  }

  /** From the bottom up: a level may be left with nothing but pointers to such. */
  #removeEmpty(): void {
    for (let depth = this.#lessened.length - 1; depth > 0; depth--) {
      for (const level of this.#lessened[depth]!) {
        if (!this.#isEmpty(level)) continue;
        const { parent, key } = this.#pointers.get(level)!;
        this.#set(parent, key, undefined);
        if (parent !== topLevel) this.#lessen(parent, depth - 1);
      }
    }
  }

  /** Looks at no more rows than were removed, and one. */
  #isEmpty(level: bigint): boolean {
    const changed = this.#levels.get(level);
    for (const { value } of changed?.values() ?? []) if (value !== undefined) return false;
    for (const key of this.#reader.keys(level)) if (changed?.has(textOf(key)) !== true) return false;
    return true;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}
