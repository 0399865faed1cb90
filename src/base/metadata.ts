/** Bytes where the name ends in `-bin`, else printable ASCII text. */
export type MetadataValue = string | Uint8Array;

export interface ReadonlyMetadata extends Iterable<readonly [name: string, value: MetadataValue]> {
  /** The first value of this name. */
  get(name: string): MetadataValue | undefined;
  getAll(name: string): MetadataValue[];
}

/** What travels beside the messages of a call: names in lower case, each with one value or more, in order. */
export class Metadata implements ReadonlyMetadata {
  readonly #entries: [name: string, value: MetadataValue][] = [];

  /** @throws TypeError for a name or value that cannot be sent; so do the other methods */
  constructor(entries: Iterable<readonly [string, MetadataValue]> = []) {
    for (const [name, value] of entries) this.add(name, value);
  }

  get(name: string): MetadataValue | undefined {
    return this.#entries.find(([each]) => each === name)?.[1];
  }

  getAll(name: string): MetadataValue[] {
    return this.#entries.flatMap(([each, value]) => (each === name ? [value] : []));
  }

  /** Adds a value behind those that the name has. */
  add(name: string, value: MetadataValue): this {
    check(name, value);
    this.#entries.push([name, value]);
    return this;
  }

  /** Puts one value in place of all that the name has. */
  set(name: string, value: MetadataValue): this {
    this.delete(name);
    return this.add(name, value);
  }

  delete(name: string): void {
    for (let at = this.#entries.length - 1; at >= 0; at--) {
      if (this.#entries[at]![0] === name) this.#entries.splice(at, 1);
    }
  }

  [Symbol.iterator](): Iterator<readonly [string, MetadataValue]> {
    return this.#entries[Symbol.iterator]();
  }
}

const nameRule = /^[0-9a-z_.-]+$/;
/** Without space at either end: HTTP/2 does not carry it. */
const textRule = /^(?! )[\x20-\x7e]*(?<! )$/;

function check(name: string, value: MetadataValue): void {
  if (!nameRule.test(name)) {
    throw new TypeError(`metadata name ${JSON.stringify(name)}: only a-z, 0-9, "_", "-" and "." are allowed`);
  }
  if (name.endsWith('-bin')) {
    if (typeof value === 'string') throw new TypeError(`metadata ${name} takes bytes, not text`);
  } else if (typeof value !== 'string' || !textRule.test(value)) {
    throw new TypeError(`metadata ${name} takes printable ASCII text without space at its ends`);
  }
}
