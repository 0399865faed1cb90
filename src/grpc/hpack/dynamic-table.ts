import { assert } from '../../base/assert.js';

/** What an entry costs beside its octets (RFC 7541, section 4.1). */
export const entryOverheadBytes = 32;

/** The size that both sides begin with (RFC 9113, section 6.5.2: SETTINGS_HEADER_TABLE_SIZE). */
export const tableSizeBytesDefault = 4096;

export function entrySizeBytes(name: string, value: string): number {
  return name.length + value.length + entryOverheadBytes;
}

const capacityInitial = 16;

/** RFC 7541, section 2.3.2: first in, first out, of bounded size. Position 0 is the newest entry. */
export class DynamicTable {
  /** Rings of the same power of two; the newest entry stands at `#newest`. */
  #names: string[] = new Array<string>(capacityInitial).fill('');
  #values: string[] = new Array<string>(capacityInitial).fill('');
  #newest = 0;
  #length = 0;
  #sizeBytes = 0;
  #sizeBytesMax: number;

  constructor(sizeBytesMax: number) {
    this.#sizeBytesMax = sizeBytesMax;
  }

  get length(): number {
    return this.#length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get sizeBytesMax(): number {
    return this.#sizeBytesMax;
  }

  /** Evicts what no longer fits. */
  set sizeBytesMax(value: number) {
    this.#sizeBytesMax = value;
    this.evictFor(0);
  }

  /** @param position 0 to length - 1 */
  nameAt(position: number): string {
    return this.#names[this.#place(position)]!;
  }

  /** @param position 0 to length - 1 */
  valueAt(position: number): string {
    return this.#values[this.#place(position)]!;
  }

  #place(position: number): number {
    return (this.#newest - position) & (this.#names.length - 1);
  }

  /** Evicts the oldest entries until `sizeBytes` more fit or nothing is left. */
  evictFor(sizeBytes: number): void {
    while (this.#length > 0 && this.#sizeBytes + sizeBytes > this.#sizeBytesMax) this.evictOldest();
  }

  evictOldest(): void {
    assert(this.#length > 0, 'the dynamic table is empty');
    const place = this.#place(this.#length - 1);
    this.#sizeBytes -= entrySizeBytes(this.#names[place]!, this.#values[place]!);
    this.#names[place] = '';
    this.#values[place] = '';
    this.#length--;
  }

  /**
   * Evicts what must give way. An entry larger than the whole table empties it and is not kept (section 4.4).
   * @returns whether it is kept
   */
  insert(name: string, value: string): boolean {
    const sizeBytes = entrySizeBytes(name, value);
    this.evictFor(sizeBytes);
    if (sizeBytes > this.#sizeBytesMax) return false;
    if (this.#length === this.#names.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#names.length - 1);
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#length++;
    this.#sizeBytes += sizeBytes;
    assert(this.#sizeBytes <= this.#sizeBytesMax, 'the dynamic table is larger than its limit');
    return true;
  }

  #grow(): void {
    const capacity = this.#names.length * 2;
    const names = new Array<string>(capacity).fill('');
    const values = new Array<string>(capacity).fill('');
    for (let position = 0; position < this.#length; position++) {
      names[this.#length - 1 - position] = this.nameAt(position);
      values[this.#length - 1 - position] = this.valueAt(position);
    }
    this.#names = names;
    this.#values = values;
    this.#newest = this.#length - 1;
  }
}
