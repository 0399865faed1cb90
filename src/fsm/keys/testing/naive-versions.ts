import { compareBytes } from '../../../base/bytes.js';
import type { KeyValue } from '../../command.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** What a pair is shown as. */
export function show({ key, value, createRevision, modRevision, version }: KeyValue): string {
  const text = (part: Uint8Array): string => Buffer.from(part).toString('latin1');
  return `${text(key)}=${text(value)}@${modRevision}/${createRevision}.${version}`;
}

interface Version {
  readonly modRevision: number;
  /** Undefined: deleted. */
  readonly value: string | undefined;
  readonly createRevision: number;
  readonly version: number;
}

/** The twin of a KeySpace: all versions of all keys, in lists. Keys are of Latin-1 characters, a byte each. */
export class NaiveVersions {
  readonly #versions = new Map<string, Version[]>();

  put(key: string, value: string, revision: number): void {
    const before = this.#versions.get(key)?.at(-1);
    const lives = before?.value !== undefined;
    this.#push(key, {
      modRevision: revision,
      value,
      createRevision: lives ? before.createRevision : revision,
      version: lives ? before.version + 1 : 1,
    });
  }

  delete(key: string, revision: number): void {
    if (this.#versions.get(key)?.at(-1)?.value === undefined) return;
    this.#push(key, { modRevision: revision, value: undefined, createRevision: 0, version: 0 });
  }

  #push(key: string, version: Version): void {
    this.#versions.set(key, [...(this.#versions.get(key) ?? []), version]);
  }

  /** @param end exclusive; a zero byte: to the end */
  range(key: string, end: string, revision: number, keysOnly: boolean): string[] {
    return [...this.#versions.keys()]
      .filter((each) => each >= key && (end === '\0' || each < end))
      .sort((left, right) => compareBytes(bytes(left), bytes(right)))
      .flatMap((each) => {
        const found = this.#versions.get(each)!.findLast(({ modRevision }) => modRevision <= revision);
        if (found?.value === undefined) return [];
        const value = bytes(keysOnly ? '' : found.value);
        return [show({ ...found, key: bytes(each), value, lease: 0n })];
      });
  }
}
