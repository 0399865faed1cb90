import { Alphabet } from './alphabet.js';
import type { Answer, Call } from './checkers/history.js';
import { callKinds, type CallKind } from './client-plan.js';
import { Dice } from './dice.js';
import type { Plan } from './plan.js';

/**
 * The way into the member: `whole` is that of the batches, a promise for all of its calls together; a call alone may
 * have a promise of its own, or, as the services' calls have, none.
 */
export type Path = 'whole' | 'promise' | 'completion';

/** How a range is read that has no limit. */
export interface Reading {
  readonly reverse: boolean;
  /** Of its pages, where it is read so. */
  readonly limit: number;
  readonly sizeBytesMax: number;
  readonly unitsMax: number;
  /** What is asked for once more at the revision of the answer, and must agree with it. */
  readonly again: 'count' | 'keys' | undefined;
}

/** Calls that go to the member together, and are answered together. */
export interface Request {
  readonly calls: readonly Call[];
  readonly path: Path;
  readonly reading: Reading;
}

/** Work of a page: a few keys. */
const plainReading: Reading = {
  reverse: false,
  limit: 0,
  sizeBytesMax: Infinity,
  unitsMax: 4,
  again: undefined,
};

/** A request as most are. */
export function plainRequest(calls: readonly Call[]): Request {
  return { calls, path: 'whole', reading: plainReading };
}

/** Makes the calls of all clients up, from what they have seen. */
export class Calls {
  readonly #plan: Plan;
  readonly #dice: Dice;
  /** A stream of its own each: runs without what it draws stay as they are. */
  readonly #comparisonDice: Dice;
  readonly #pageDice: Dice;
  readonly #pathDice: Dice;
  readonly #pastDice: Dice;
  readonly #againDice: Dice;
  readonly #alphabet: Alphabet;
  #values = 0;
  /** The newest revision that anybody has seen. */
  #revision = 0;
  /** By key: the newest mod revision that anybody has seen; 0: there was no such key. */
  readonly #modRevisions = new Map<string, number>();
  /** What the last compaction was asked for. */
  #compacted = 0;

  /** @param dice of the clients */
  constructor(plan: Plan, dice: Dice) {
    const { seed, clients, chunkSizeBytes } = plan;
    this.#plan = plan;
    this.#dice = dice;
    this.#comparisonDice = Dice.of(seed, 'comparisons');
    this.#pageDice = Dice.of(seed, 'pages');
    this.#pathDice = Dice.of(seed, 'paths');
    this.#pastDice = Dice.of(seed, 'past');
    this.#againDice = Dice.of(seed, 'reads again');
    this.#alphabet = new Alphabet(seed, clients.alphabet, clients.keyCount, chunkSizeBytes);
  }

  note(call: Call, answer: Answer): void {
    this.#revision = Math.max(this.#revision, answer.revision);
    const seen = (key: string, modRevision: number): void => void this.#modRevisions.set(key, modRevision);
    if (answer.type === 'range') for (const item of answer.items) seen(item.key, item.modRevision);
    if (call.type === 'put') seen(call.key, answer.revision);
    if ('expected' in call && 'found' in answer) {
      const after = call.type === 'compare-and-set' ? answer.revision : 0;
      seen(call.key, answer.done ? after : (answer.found ?? 0));
    }
  }

  /** What a client asks of a member in one turn. */
  next(): Request[] {
    const calls = this.#makeCalls();
    const dice = this.#pathDice;
    if (!dice.chance(this.#plan.clients.unaryPart)) return [plainRequest(calls)];
    if (calls[0]?.type === 'range') return [this.#read(calls)];
    const more = dice.chance(0.4) ? Array.from({ length: dice.between(1, 6) }, () => this.#joining()) : [];
    return this.#parted([...calls, ...more]);
  }

  /** Goes into an entry with what a client writes besides. */
  #joining(): Call {
    const dice = this.#pathDice;
    if (dice.chance(this.#plan.clients.comparisonPart)) return this.#makeComparison(dice);
    const kinds = ['put', 'put', 'put', 'delete', 'delete', 'delete-range'] as const;
    return this.#makeCall(dice.chance(0.03) ? 'compact' : dice.pick(kinds), dice);
  }

  /** Most calls alone, others in batches. */
  #parted(calls: readonly Call[]): Request[] {
    const dice = this.#pathDice;
    const requests: Request[] = [];
    for (let at = 0; at < calls.length;) {
      const count = dice.chance(0.7) ? 1 : dice.between(1, 4);
      const path = count > 1 ? 'whole' : dice.pick(['whole', 'promise', 'completion', 'completion'] as const);
      requests.push({ calls: calls.slice(at, at + count), path, reading: plainReading });
      at += count;
    }
    return requests;
  }

  #read(calls: readonly Call[]): Request {
    const dice = this.#pathDice;
    const reading = {
      reverse: dice.chance(0.3),
      limit: dice.pick([0, 0, 1, 3]),
      sizeBytesMax: dice.pick([Infinity, 1, 100]),
      unitsMax: dice.pick([1, 4, 20]),
      again: this.#againDice.pick([undefined, undefined, 'count', 'keys'] as const),
    };
    return { calls, path: dice.chance(0.5) ? 'completion' : 'promise', reading };
  }

  #makeCalls(): Call[] {
    const [dice, comparisonDice] = [this.#dice, this.#comparisonDice];
    const { mix, comparisonPart } = this.#plan.clients;
    if (comparisonDice.chance(comparisonPart)) {
      const count = comparisonDice.chance(0.2) ? comparisonDice.between(2, 4) : 1;
      return Array.from({ length: count }, () => this.#makeComparison(comparisonDice));
    }
    const kind = pickKind(dice, mix);
    if (kind !== 'batch') return [this.#makeCall(kind, dice)];
    return Array.from({ length: dice.between(2, 5) }, () =>
      this.#makeCall(dice.chance(0.7) ? 'put' : 'delete', dice),
    );
  }

  #makeCall(kind: Exclude<CallKind, 'batch'>, dice: Dice): Call {
    const key = this.#alphabet.key(dice.below(this.#plan.clients.keyCount));
    switch (kind) {
      case 'put':
        return { type: 'put', key, value: this.#makeValue(dice, key), previous: dice.chance(0.3) };
      case 'delete':
        return { type: 'delete', key, end: undefined, previous: dice.chance(0.3) };
      case 'delete-range':
        return { type: 'delete', key, end: this.#someEnd(dice), previous: dice.chance(0.3) };
      case 'get':
        return this.#makeRange(dice, key, undefined);
      case 'range':
        return this.#makeRange(dice, key, this.#someEnd(dice));
      case 'past':
        return this.#makePast(dice, key);
      case 'serializable':
        return this.#makeRange(dice, key, dice.chance(0.5) ? undefined : this.#someEnd(dice), 0, true);
      case 'compact': {
        // Often everything: what is left then says least about what was.
        const kept = Math.max(0, dice.below(50) - 15);
        this.#compacted = Math.max(1, this.#revision - kept);
        return { type: 'compact', revision: this.#compacted };
      }
    }
  }

  #makeValue(dice: Dice, key: string): string {
    const { valueSizeBytesMax } = this.#plan.clients;
    return this.#alphabet.value(key, `v${++this.#values}`.padEnd(dice.below(valueSizeBytesMax + 1), '.'));
  }

  #makeRange(dice: Dice, key: string, end: string | undefined, revision = 0, serializable = false): Call {
    const limit = end !== undefined && dice.chance(0.2) ? dice.between(1, 3) : 0;
    const paged = end !== undefined && limit === 0 && this.#pageDice.chance(0.3);
    return { type: 'range', key, end, revision, limit, serializable, ...(paged && { paged }) };
  }

  #someEnd(dice: Dice): string {
    if (dice.chance(0.5)) return '\0';
    return this.#alphabet.endAt(dice.below(this.#plan.clients.keyCount));
  }

  #makePast(dice: Dice, key: string): Call {
    const end = dice.chance(0.5) ? undefined : this.#someEnd(dice);
    const anywhere = dice.between(1, this.#revision + 2);
    const { pastRevisions } = this.#plan.clients;
    if (pastRevisions !== Infinity && this.#pastDice.chance(0.9)) {
      const revision = Math.max(1, this.#revision - this.#pastDice.below(pastRevisions));
      return this.#makeRange(dice, key, end, revision);
    }
    // The oldest that can still be read is where a compaction may have taken too much.
    const revision = anywhere % 3 === 0 && this.#compacted > 0 ? this.#compacted : anywhere;
    return this.#makeRange(dice, key, end, revision);
  }

  /** Expects what was seen last, mostly. */
  #makeComparison(dice: Dice): Call {
    const key = this.#alphabet.key(dice.below(this.#plan.clients.keyCount));
    const other = dice.chance(0.5) ? 0 : dice.between(1, this.#revision + 2);
    const is = dice.chance(0.75) ? (this.#modRevisions.get(key) ?? 0) : other;
    const expected = { by: 'revision', is } as const;
    if (dice.chance(0.25)) return { type: 'compare-and-delete', key, expected };
    return { type: 'compare-and-set', key, expected, value: this.#makeValue(dice, key) };
  }
}

function pickKind(dice: Dice, mix: Readonly<Record<CallKind, number>>): CallKind {
  let total = 0;
  for (const kind of callKinds) total += mix[kind];
  let at = (dice.nextUint32() / 0x1_0000_0000) * total;
  for (const kind of callKinds) if ((at -= mix[kind]) < 0) return kind;
  return 'put';
}
