import { assert } from '../base/assert.js';
import type { ClusterConfig, Index } from './types.js';

export interface ConfigAt {
  /** Of the entry that made it. */
  readonly index: Index;
  readonly config: ClusterConfig;
}

/**
 * The configurations that the log holds, oldest first. A configuration counts from the moment its entry is
 * appended (thesis section 4.1), so it must be taken back when the entry is overwritten.
 * Invariant: never empty; indexes grow.
 */
export class ConfigHistory {
  #stack: ConfigAt[];

  constructor(base: ConfigAt) {
    this.#stack = [base];
  }

  get newest(): ConfigAt {
    return this.#stack[this.#stack.length - 1]!;
  }

  /** In force where the log begins. */
  get base(): ConfigAt {
    return this.#stack[0]!;
  }

  /** In force as of `index`, which must not lie before the log's beginning. */
  at(index: Index): ConfigAt {
    for (let at = this.#stack.length - 1; at > 0; at--) {
      const config = this.#stack[at]!;
      if (config.index <= index) return config;
    }
    return this.base;
  }

  push(index: Index, config: ClusterConfig): void {
    assert(index > this.newest.index, 'configurations come in the order of the log');
    this.#stack.push({ index, config });
  }

  /** Takes back what entries at or behind `index` did. @returns whether anything changed */
  truncateFrom(index: Index): boolean {
    const before = this.#stack.length;
    while (this.#stack.length > 1 && this.newest.index >= index) this.#stack.pop();
    return this.#stack.length < before;
  }

  /** The log now begins behind `index`. */
  compact(index: Index): void {
    let keep = this.#stack.length - 1;
    while (keep > 0 && this.#stack[keep]!.index > index) keep--;
    if (keep > 0) this.#stack = this.#stack.slice(keep);
  }

  reset(base: ConfigAt): void {
    this.#stack = [base];
  }
}
