import { assert } from './assert.js';
import type { Index, Term } from './ids.js';

/**
 * The term of each entry of a log, also of those that are not in memory. Terms never fall along a log and change rarely, so
 * only the first entry of each is noted.
 */
export class TermRuns {
  #offset: Index;
  #offsetTerm: Term;
  #lastIndex: Index;
  /** Ascending: from `firsts[n]` on the term is `terms[n]`. */
  #firsts: Index[] = [];
  #terms: Term[] = [];

  /** @param offset index of the last entry before the log, `offsetTerm` its term */
  constructor(offset: Index, offsetTerm: Term) {
    this.#offset = offset;
    this.#offsetTerm = offsetTerm;
    this.#lastIndex = offset;
  }

  get offset(): Index {
    return this.#offset;
  }

  get offsetTerm(): Term {
    return this.#offsetTerm;
  }

  get lastIndex(): Index {
    return this.#lastIndex;
  }

  get lastTerm(): Term {
    return this.#terms.at(-1) ?? this.#offsetTerm;
  }

  /** Undefined before `offset` and behind the end. */
  term(index: Index): Term | undefined {
    if (index < this.#offset || index > this.#lastIndex) return undefined;
    let [low, high] = [0, this.#firsts.length];
    // Most are of the newest term.
    if (high === 0 || this.#firsts[high - 1]! <= index) return this.lastTerm;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#firsts[middle]! <= index) low = middle + 1;
      else high = middle;
    }
    return this.#terms[low - 1] ?? this.#offsetTerm;
  }

  /** Of the next entry. */
  append(term: Term): void {
    assert(term >= this.lastTerm, `term ${term} follows term ${this.lastTerm}`);
    this.#lastIndex++;
    if (term === this.lastTerm) return;
    this.#firsts.push(this.#lastIndex);
    this.#terms.push(term);
  }

  truncateFrom(index: Index): void {
    assert(index > this.#offset, `cannot truncate from ${index}, compacted up to ${this.#offset}`);
    if (index > this.#lastIndex) return;
    this.#lastIndex = index - 1;
    while (this.#firsts.length > 0 && this.#firsts.at(-1)! >= index) {
      this.#firsts.pop();
      this.#terms.pop();
    }
  }

  compact(index: Index): void {
    if (index <= this.#offset) return;
    const term = this.term(index);
    assert(term !== undefined, `cannot compact up to ${index}, the log ends at ${this.#lastIndex}`);
    let gone = 0;
    while (gone < this.#firsts.length && this.#firsts[gone]! <= index) gone++;
    this.#firsts = this.#firsts.slice(gone);
    this.#terms = this.#terms.slice(gone);
    this.#offset = index;
    this.#offsetTerm = term;
  }

  /** An empty log behind `offset`. */
  reset(offset: Index, offsetTerm: Term): void {
    this.#offset = offset;
    this.#offsetTerm = offsetTerm;
    this.#lastIndex = offset;
    this.#firsts = [];
    this.#terms = [];
  }
}
