import { randomInt, type RandomSource } from '../../../base/prng.js';
import type { Entry, HardState } from '../../../raft/types.js';
import type { Wal, WalRecovered } from '../wal.js';

export const owner = { clusterId: 7n, memberId: 9n };
/** Segments that a few records fill. */
export const small = { segmentSizeBytes: 4096, batchSizeBytesMax: 2048 };

export function entry(index: number, term: number, sizeBytes = 20): Entry {
  return { index, term, type: 'normal', data: new Uint8Array(sizeBytes).fill((index * 7 + term) % 251) };
}

/** A log as it stands behind one of its records. */
interface LogState {
  readonly hardState: HardState;
  readonly base: { readonly index: number; readonly term: number };
  /** From base.index + 1 on, whatever was cut since. */
  readonly entries: readonly Entry[];
}

/** Where the log begins. */
export function baseOf({ terms }: WalRecovered): { readonly index: number; readonly term: number } {
  return { index: terms.offset, term: terms.offsetTerm };
}

/**
 * What was done to a log in one life: the states that its records make, one after the other, of which those up to
 * `#acknowledged` were promised to be durable. What is found afterwards must be one of the rest.
 */
export class WalHistory {
  readonly #states: LogState[];
  #acknowledged = 0;
  /** Up to here the log may have been cut, and is not overwritten. */
  #committed: number;
  #cut: number;
  readonly #pending = new Set<Promise<void>>();

  constructor(recovered?: WalRecovered) {
    const base = recovered === undefined ? { index: 0, term: 0 } : baseOf(recovered);
    const hardState = recovered?.hardState ?? { term: 0, vote: 0n, commit: 0 };
    this.#states = [{ hardState, base, entries: recovered?.entries ?? [] }];
    this.#committed = this.#cut = base.index;
  }

  get #last(): LogState {
    return this.#states.at(-1)!;
  }

  get describe(): string {
    return `${this.#acknowledged} of ${this.#states.length - 1} records acknowledged`;
  }

  /** One random append, overwrite, reset or cut. Rejects as the log does. */
  async step(wal: Wal, random: RandomSource): Promise<void> {
    const kind = randomInt(random, 20);
    if (kind === 0) await this.#track(this.#reset(wal, random));
    else if (kind <= 2) await this.#cutLog(wal, random);
    else {
      const done = this.#track(this.#append(wal, random));
      if (randomInt(random, 3) > 0) await done;
      else done.catch(() => {});
    }
  }

  /** Waits for what was not waited for. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #track(work: Promise<void>): Promise<void> {
    const at = this.#states.length - 1;
    await this.#remember(
      work.then(() => {
        this.#acknowledged = Math.max(this.#acknowledged, at);
      }),
    );
  }

  /** A failure is told to those that wait for it or settle(). */
  #remember(work: Promise<void>): Promise<void> {
    this.#pending.add(work);
    work.then(
      () => this.#pending.delete(work),
      () => {},
    );
    return work;
  }

  #append(wal: Wal, random: RandomSource): Promise<void> {
    const { hardState, base, entries } = this.#last;
    const term = Math.max(hardState.term, 1) + (randomInt(random, 8) === 0 ? 1 : 0);
    const overwrites = randomInt(random, 6) === 0;
    const least = Math.max(0, this.#committed - base.index);
    const keep = overwrites ? least + randomInt(random, entries.length - least + 1) : entries.length;
    const added: Entry[] = [];
    for (let count = randomInt(random, 4); count > 0; count--) {
      const sizeBytes = randomInt(random, 40) === 0 ? 6000 : randomInt(random, 700);
      const filler = randomInt(random, 3) === 0 ? 0 : 1 + randomInt(random, 255);
      const data = new Uint8Array(sizeBytes).fill(filler);
      added.push({ index: base.index + keep + added.length + 1, term, type: 'normal', data });
    }
    const isNew = randomInt(random, 2) === 0 || term !== hardState.term;
    // The hard state of a batch may say that entries of the same batch are committed.
    if (isNew && randomInt(random, 4) === 0) {
      this.#committed = Math.max(this.#committed, base.index + keep + added.length);
    }
    const changes = this.#changes(term, random);
    const state = { ...hardState, ...changes };
    const before = added.length === 0 ? Infinity : base.index + keep;
    const commit = Math.min(state.commit, before);
    if (isNew) this.#states.push({ hardState: { ...state, commit }, base, entries });
    for (const each of added) {
      const kept = this.#last.entries.slice(0, each.index - base.index - 1);
      this.#states.push({ ...this.#last, entries: [...kept, each] });
    }
    if (isNew && state.commit > commit) this.#states.push({ ...this.#last, hardState: state });
    return wal.append({ hardState: isNew ? changes : undefined, entries: added });
  }

  /** To a hard state of `term`: all of it, or a part. */
  #changes(term: number, random: RandomSource): Partial<HardState> {
    const { hardState } = this.#last;
    const isFree = term > hardState.term || hardState.vote === 0n;
    const vote = isFree ? BigInt(randomInt(random, 4)) : hardState.vote;
    const commit = this.#committed;
    switch (randomInt(random, term > hardState.term ? 2 : 3)) {
      case 0:
        return { term, vote };
      case 1:
        return { term, vote, commit };
      default:
        return { commit };
    }
  }

  #reset(wal: Wal, random: RandomSource): Promise<void> {
    const { hardState, base, entries } = this.#last;
    const end = base.index + entries.length;
    const index = this.#committed + 1 + randomInt(random, end - this.#committed + 5);
    const position = { index, term: Math.max(1, hardState.term) };
    this.#committed = index;
    this.#states.push({ hardState, base: position, entries: [] });
    return wal.reset(position);
  }

  async #cutLog(wal: Wal, random: RandomSource): Promise<void> {
    await this.settle();
    const { base, entries } = this.#last;
    const end = base.index + entries.length;
    this.#committed += randomInt(random, end - this.#committed + 1);
    this.#cut = this.#committed;
    const work = this.#remember(wal.cut(this.#cut));
    if (randomInt(random, 2) === 0) await work;
  }

  /** Whether `recovered` holds all that was acknowledged, and nothing that was never written. */
  allows(recovered: WalRecovered): boolean {
    return this.#states.slice(this.#acknowledged).some((state) => this.#is(recovered, state));
  }

  #is(recovered: WalRecovered, state: LogState): boolean {
    const { entries, hardState } = recovered;
    const base = baseOf(recovered);
    const expected = state.hardState;
    if (hardState.term !== expected.term || hardState.vote !== expected.vote) return false;
    if (hardState.commit !== expected.commit) return false;
    if (base.index > Math.max(state.base.index, this.#cut)) return false;
    // Entries from before this life, if a segment that began later in the log than the next one went since.
    const older = entries.filter((each) => each.index <= state.base.index);
    const found = [older.at(-1) ?? base, ...entries.slice(older.length)];
    const all = [state.base, ...state.entries];
    const from = all.findIndex((each) => each.index === found[0]!.index);
    return (
      from >= 0 &&
      found.length === all.length - from &&
      found.every((each, at) => sameEntry(each, all[from + at]!))
    );
  }
}

type Place = { readonly index: number; readonly term: number } | Entry;

/** Of two places in the log; what is known of both is equal. */
function sameEntry(left: Place, right: Place): boolean {
  if (left.index !== right.index || left.term !== right.term) return false;
  if (!('data' in left) || !('data' in right)) return true;
  return left.type === right.type && Buffer.compare(left.data, right.data) === 0;
}
