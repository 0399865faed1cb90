import { assert } from '../../src/base/assert.js';
import { absent, applyAction, type KeyAction, type RegisterState } from './register.js';

/** Configurations that one search looks at before it gives up. */
export const configurationsMax = 100_000;
/** And so many actions and earlier visits: with many of them a single configuration takes long. */
const comparisonsMax = 5_000_000;
/** States that are told when no order exists. */
const statesToldMax = 5;
/** Stands for every value that nobody will see. */
const unseenValue = '(a value never seen)';

export type SearchResult =
  | { readonly kind: 'ordered' }
  /** `stuck` cannot be placed, in whatever order `open` and `spare` are placed before it. */
  | {
      readonly kind: 'impossible';
      readonly stuck: KeyAction;
      readonly open: readonly KeyAction[];
      readonly spare: readonly KeyAction[];
      /** What the key may have held then. */
      readonly states: readonly RegisterState[];
    }
  | { readonly kind: 'gave-up' };

/** The order as far as it is chosen. All actions that responded before `responses[next]` are placed. */
interface Configuration {
  readonly next: number;
  /** Invoked, not placed, with a response: must be placed before it. */
  readonly open: readonly KeyAction[];
  /** Placed, not yet responded. */
  readonly ahead: readonly KeyAction[];
  /** Invoked, not placed, without a response: may be placed. */
  readonly spare: readonly KeyAction[];
  /** So many writes of known revision are placed. */
  readonly ranked: number;
  readonly state: RegisterState;
}

/**
 * Looks for an order of the actions on one key that real time allows and the register explains (Wing and Gong,
 * "Testing and verifying concurrent objects", 1993; with memory of where it was, after Lowe, "Testing for
 * linearizability", 2017). It goes from response to response and places other actions only before the next
 * one to respond. Actions without a response wait as spares, used where nothing else explains what was seen;
 * of those that differ in nothing anyone will see, only the oldest is tried. Writes whose revisions are known
 * have one order, that of their revisions.
 */
export class OrderingSearch {
  readonly #responses: readonly KeyAction[];
  /** By index in `responses`: what was invoked since the response before. */
  readonly #arrivals: readonly (readonly KeyAction[])[];
  /** By value: index of the last response that tells it. */
  readonly #seenUntil = new Map<string, number>();
  /** Of writes whose revision is known: their place among those. */
  readonly #ranks: ReadonlyMap<KeyAction, number>;
  readonly #appends: boolean;
  readonly #versions: boolean;
  /** By place, what is ahead and state: the spares that were left, by trace. */
  readonly #visited = new Map<string, ReadonlyMap<string, number>[]>();
  #configurations = 0;
  #comparisons = 0;
  #furthest: Configuration[] = [];

  constructor(actions: readonly KeyAction[]) {
    this.#responses = actions
      .filter((action) => action.respondedAt !== Infinity)
      .sort((left, right) => left.respondedAt - right.respondedAt);
    const byInvocation = [...actions].sort((left, right) => left.invokedAt - right.invokedAt);
    let at = 0;
    this.#arrivals = this.#responses.map(({ respondedAt }) => {
      const start = at;
      while (at < byInvocation.length && byInvocation[at]!.invokedAt <= respondedAt) at++;
      return byInvocation.slice(start, at);
    });
    for (const [index, { before }] of this.#responses.entries()) {
      if (typeof before === 'object') this.#seenUntil.set(before.value, index);
    }
    this.#ranks = ranksOf(actions);
    this.#appends = actions.some(({ effect }) => effect.type === 'append');
    this.#versions = actions.some(
      ({ before, effect }) =>
        (typeof before === 'object' && before.version !== 0) ||
        ('expected' in effect && effect.expected.by === 'version'),
    );
  }

  run(): SearchResult {
    const nothing = { next: 0, open: [], ahead: [], spare: [], ranked: 0, state: absent };
    const start = this.#settled(this.#arrive(nothing));
    const stack: Iterator<Configuration, void>[] = [[start].values()];
    while (stack.length > 0) {
      const step = stack.at(-1)!.next();
      if (step.done === true) {
        stack.pop();
        continue;
      }
      const { value } = step;
      if (value.next === this.#responses.length) return { kind: 'ordered' };
      if (this.#comparisons > comparisonsMax) return { kind: 'gave-up' };
      if (this.#isKnown(value)) continue;
      if (++this.#configurations > configurationsMax) return { kind: 'gave-up' };
      this.#noteFurthest(value);
      stack.push(this.#following(value));
    }
    return this.#impossible();
  }

  #impossible(): SearchResult {
    const [first] = this.#furthest;
    assert(first !== undefined, 'a search that fails was somewhere');
    const states = new Map(this.#furthest.map(({ state }) => [stateKey(state), state]));
    return {
      kind: 'impossible',
      stuck: this.#responses[first.next]!,
      open: first.open,
      spare: first.spare,
      states: [...states.values()].slice(0, statesToldMax),
    };
  }

  #noteFurthest(configuration: Configuration): void {
    const reached = this.#furthest[0]?.next ?? -1;
    if (configuration.next < reached) return;
    if (configuration.next > reached) this.#furthest = [];
    this.#furthest.push(configuration);
  }

  /** Takes in what was invoked before the next response. */
  #arrive(configuration: Configuration): Configuration {
    const arrived = this.#arrivals[configuration.next] ?? [];
    if (arrived.length === 0) return configuration;
    const open = arrived.filter((action) => action.respondedAt !== Infinity);
    const spare = arrived.filter((action) => action.respondedAt === Infinity);
    return {
      ...configuration,
      open: open.length === 0 ? configuration.open : [...configuration.open, ...open],
      spare: spare.length === 0 ? configuration.spare : [...configuration.spare, ...spare],
    };
  }

  /**
   * Goes on without a choice: past responses of what is placed; and what changes nothing is placed at once
   * where it fits, since that leaves everything else as it was.
   */
  #settled(configuration: Configuration): Configuration {
    let now = configuration;
    for (;;) {
      const idle = now.open.filter(
        (action) => isIdle(action) && applyAction(now.state, action) === now.state,
      );
      if (idle.length > 0) {
        const open = now.open.filter((action) => !idle.includes(action));
        now = { ...now, open, ahead: [...now.ahead, ...idle] };
      }
      const next = this.#responses[now.next];
      if (next === undefined || !now.ahead.includes(next)) return now;
      const ahead = now.ahead.filter((action) => action !== next);
      now = this.#arrive({ ...now, next: now.next + 1, ahead });
    }
  }

  /** The configurations with one more action placed, the likely ones first. */
  *#following(from: Configuration): Generator<Configuration, void> {
    const next = this.#responses[from.next]!;
    const direct = this.#place(from, next);
    if (direct !== undefined) yield this.#settled(direct);
    const others: Configuration[] = [];
    for (const action of [...from.open, ...this.#distinctSpares(from)]) {
      if (action === next) continue;
      const placed = this.#place(from, action);
      if (placed === undefined) continue;
      // Without effect it was placed already, unless it must not be wasted.
      if (placed.state === from.state && (action.respondedAt === Infinity || isIdle(action))) continue;
      if (applyAction(placed.state, next) === undefined) others.push(placed);
      else yield this.#settled(placed);
    }
    for (const placed of others) yield this.#settled(placed);
  }

  #place(from: Configuration, action: KeyAction): Configuration | undefined {
    const rank = this.#ranks.get(action);
    if (rank !== undefined && rank !== from.ranked) return undefined;
    const applied = applyAction(from.state, action);
    if (applied === undefined) return undefined;
    const ranked = from.ranked + (rank === undefined ? 0 : 1);
    const isPlain = this.#versions || applied.version <= 1;
    const state = isPlain ? applied : { ...applied, version: 1 };
    if (action.respondedAt === Infinity) {
      return { ...from, state, ranked, spare: from.spare.filter((each) => each !== action) };
    }
    const open = from.open.filter((each) => each !== action);
    return { ...from, state, ranked, open, ahead: [...from.ahead, action] };
  }

  #isSeen(value: string | undefined, next: number): boolean {
    return value === undefined || this.#appends || (this.#seenUntil.get(value) ?? -1) >= next;
  }

  #distinctSpares(from: Configuration): KeyAction[] {
    const byTrace = new Map<string, KeyAction>();
    for (const action of from.spare) {
      const trace = this.#traceOf(action, from.next);
      if (!byTrace.has(trace)) byTrace.set(trace, action);
    }
    return [...byTrace.values()];
  }

  /** Equal for actions that no response from `next` on can tell apart. */
  #traceOf({ effect }: KeyAction, next: number): string {
    if (effect.type === 'delete' || effect.type === 'read') return effect.type;
    const value = effect.value !== undefined && this.#isSeen(effect.value, next) ? ` ${effect.value}` : '';
    if (!('expected' in effect)) return effect.type + value;
    const { by, is } = effect.expected;
    return `${effect.type} ${by} ${is}${value}`;
  }

  /** Whether it was here before with the same state and at least these spares: then nothing new comes of it. */
  #isKnown({ next, ahead, spare, ranked, state }: Configuration): boolean {
    const placed = ahead.map((action) => action.operation.id).sort((left, right) => left - right);
    const seen = this.#isSeen(state.value, next) ? state : { ...state, value: unseenValue };
    const key = `${next} ${ranked} ${placed.join(',')} ${stateKey(seen)}`;
    const counts = new Map<string, number>();
    for (const action of spare) {
      const trace = this.#traceOf(action, next);
      counts.set(trace, (counts.get(trace) ?? 0) + 1);
    }
    const known = this.#visited.get(key) ?? [];
    this.#comparisons += spare.length + known.length;
    if (known.some((other) => covers(other, counts))) return true;
    this.#visited.set(key, [...known.filter((other) => !covers(counts, other)), counts]);
    return false;
  }
}

/** A write whose answer does not say that it changed nothing may still be needed to change something later. */
function isIdle({ effect, before }: KeyAction): boolean {
  if ('expected' in effect) return effect.done === false;
  return effect.type === 'read' || before === 'absent';
}

/**
 * By revision: of a write that tells its own, and of one without a response whose value was seen, where nobody
 * else wrote that.
 */
function ranksOf(actions: readonly KeyAction[]): ReadonlyMap<KeyAction, number> {
  const revisions = new Map<string, number>();
  for (const { before } of actions) {
    if (typeof before === 'object' && before.modRevision > 0) revisions.set(before.value, before.modRevision);
  }
  const writers = new Map<string, number>();
  for (const { effect } of actions) {
    const value = valueOf(effect);
    if (value !== undefined) writers.set(value, (writers.get(value) ?? 0) + 1);
  }
  const revisionOf = ({ revision, effect, before }: KeyAction): number => {
    // A range that was deleted around this key: placed where it fits, as all that is without effect.
    if (effect.type === 'delete' && before === 'absent') return 0;
    const value = valueOf(effect);
    if (revision > 0 || value === undefined || effect.type === 'append') return revision;
    return writers.get(value) === 1 ? (revisions.get(value) ?? 0) : 0;
  };
  const ranked = actions.filter((action) => revisionOf(action) > 0);
  ranked.sort((left, right) => revisionOf(left) - revisionOf(right));
  return new Map(ranked.map((action, rank) => [action, rank]));
}

/** What an action puts; of an append, behind what is there. */
function valueOf(effect: KeyAction['effect']): string | undefined {
  return 'value' in effect ? effect.value : undefined;
}

function covers(more: ReadonlyMap<string, number>, less: ReadonlyMap<string, number>): boolean {
  for (const [trace, count] of less) if ((more.get(trace) ?? 0) < count) return false;
  return true;
}

function stateKey({ value, version, modRevision }: RegisterState): string {
  return `${value === undefined ? '-' : `=${value}`} ${version} ${modRevision}`;
}
