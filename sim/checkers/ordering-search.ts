import { assert } from '../../src/base/assert.js';
import type { KnownRevisions } from './known-revisions.js';
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
  /** The store's revision has come so far; Infinity: behind all that anybody speaks of. */
  readonly revision: number;
  readonly state: RegisterState;
}

/**
 * Looks for an order of the actions on one key that real time allows and the register explains (Wing and Gong,
 * "Testing and verifying concurrent objects", 1993; with memory of where it was, after Lowe, "Testing for
 * linearizability", 2017). It goes from response to response and places other actions only before the next
 * one to respond. Actions without a response wait as spares, used where nothing else explains what was seen;
 * of those that differ in nothing anyone will see, only the oldest is tried. The store's revision only grows: what
 * tells it has one place among the writes whose revisions are known, and others are made only where these leave a
 * gap. A comparison without a response takes effect behind the write that it expects or not at all.
 */
export class OrderingSearch {
  readonly #responses: readonly KeyAction[];
  /** By index in `responses`: what was invoked since the response before. */
  readonly #arrivals: readonly (readonly KeyAction[])[];
  /** By value: index of the last response that tells it. */
  readonly #seenUntil = new Map<string, number>();
  readonly #revisions: KnownRevisions;
  /** Known revisions of this key, ascending. */
  readonly #ranked: readonly number[];
  /** Revisions that nobody is known to have made, and somebody expects or has found, ascending. */
  readonly #named: readonly number[];
  /** The newest that anybody speaks of. */
  readonly #newest: number;
  readonly #appends: boolean;
  readonly #versions: boolean;
  /** By place, what is ahead and state: the spares that were left, by trace. */
  readonly #visited = new Map<string, ReadonlyMap<string, number>[]>();
  #configurations = 0;
  #comparisons = 0;
  #furthest: Configuration[] = [];

  constructor(actions: readonly KeyAction[], revisions: KnownRevisions) {
    this.#revisions = revisions;
    this.#ranked = rankedRevisions(actions, revisions);
    const numbers = actions.flatMap(namedRevisions);
    const isNamed = (revision: number): boolean => revision > 0 && !revisions.isTaken(revision);
    this.#named = [...new Set(numbers.filter(isNamed))].sort((left, right) => left - right);
    this.#newest = newestOf([...numbers, ...this.#ranked, ...actions.map(({ told }) => told)]);
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
    this.#appends = actions.some(({ effect }) => effect.type === 'append');
    this.#versions = actions.some(
      ({ before, effect }) =>
        (typeof before === 'object' && before.version !== 0) ||
        ('expected' in effect && effect.expected.by === 'version'),
    );
  }

  run(): SearchResult {
    const nothing = { next: 0, open: [], ahead: [], spare: [], ranked: 0, revision: 1, state: absent };
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
    const spare = arrived.filter(
      (action) => action.respondedAt === Infinity && this.#mayTakeEffect(action, configuration),
    );
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
      const idle = now.open.filter((action) => this.#changesNothing(action, now));
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

  /** Neither what the key holds nor how far the store is. */
  #changesNothing(action: KeyAction, { state, revision }: Configuration): boolean {
    if (!isIdle(action) || (action.told > 0 && action.told !== revision)) return false;
    return applyAction(state, action, 0) === state;
  }

  /** The configurations with one more action placed, the likely ones first. */
  *#following(from: Configuration): Generator<Configuration, void> {
    const next = this.#responses[from.next]!;
    for (const direct of this.#place(from, next)) yield this.#settled(direct);
    const others: Configuration[] = [];
    for (const action of [...from.open, ...this.#distinctSpares(from)]) {
      if (action === next) continue;
      for (const placed of this.#place(from, action)) {
        if (this.#place(placed, next).length === 0) others.push(placed);
        else yield this.#settled(placed);
      }
    }
    for (const placed of others) yield this.#settled(placed);
  }

  /** With `action` placed next; several where its revision is not known and may matter. */
  #place(from: Configuration, action: KeyAction): Configuration[] {
    const known = this.#revisions.of(action.operation);
    const isLost = action.respondedAt === Infinity;
    const told = known > 0 ? known : action.told;
    const unchanged = applyAction(from.state, action, told);
    if (unchanged === undefined) return [];
    if (unchanged === from.state) {
      // Without a response it is placed only where it has an effect.
      if (isLost || told < (told === 0 ? 0 : from.revision + Number(action.made))) return [];
      return this.#with(from, action, from.state, Math.max(told, from.revision));
    }
    const revisions = told > 0 ? [told] : this.#gaps(from, unchanged.value === undefined);
    return revisions.flatMap((revision) => {
      if (revision <= from.revision && revision !== Infinity) return [];
      return this.#with(from, action, applyAction(from.state, action, revision)!, revision);
    });
  }

  /** The revisions that the next write may make: those that are named, and the least of those that are not. */
  #gaps({ revision, ranked }: Configuration, onlyLeast: boolean): number[] {
    let least = this.#revisions.gapAfter(revision);
    while (this.#named.includes(least)) least = this.#revisions.gapAfter(least);
    if (least > this.#newest) least = Infinity;
    const most = this.#ranked[ranked] ?? Infinity;
    const named = this.#named.filter((each) => each > revision && each < most);
    return onlyLeast ? [Math.min(least, ...named)] : [...named, least];
  }

  /** None if something else then has no place any more. */
  #with(from: Configuration, action: KeyAction, applied: RegisterState, revision: number): Configuration[] {
    const ranked = from.ranked + Number(this.#revisions.of(action.operation) > 0);
    if (ranked < this.#ranked.length && this.#ranked[ranked]! <= revision) return [];
    const open = from.open.filter((each) => each !== action);
    if (open.some(({ told, made }) => told > 0 && told < revision + Number(made))) return [];
    const isPlain = this.#versions || applied.version <= 1;
    const placed = { ...from, ranked, revision, open, state: isPlain ? applied : { ...applied, version: 1 } };
    const spare = from.spare.filter((each) => each !== action && this.#mayTakeEffect(each, placed));
    const ahead = action.respondedAt === Infinity ? from.ahead : [...from.ahead, action];
    return [{ ...placed, spare, ahead }];
  }

  /** Whether what an action without a response expects is there, or may come. */
  #mayTakeEffect({ effect }: KeyAction, { state, revision }: Configuration): boolean {
    if (!('expected' in effect) || effect.expected.by !== 'revision') return true;
    const { is } = effect.expected;
    if (is === 0 || is === state.modRevision) return true;
    return is > revision && (!this.#revisions.isTaken(is) || this.#ranked.includes(is));
  }

  #isSeen(value: string | undefined, next: number): boolean {
    return value === undefined || this.#appends || (this.#seenUntil.get(value) ?? -1) >= next;
  }

  #distinctSpares(from: Configuration): KeyAction[] {
    const byTrace = new Map<string, KeyAction>();
    // First those that only have this one chance: nothing is lost with them.
    const isPressing = ({ effect }: KeyAction): boolean => expectsRevision(effect, from.state.modRevision);
    const [pressing, others] = [
      from.spare.filter(isPressing),
      from.spare.filter((each) => !isPressing(each)),
    ];
    for (const action of [...pressing, ...others]) {
      const trace = this.#traceOf(action, from.next);
      if (!byTrace.has(trace)) byTrace.set(trace, action);
    }
    return [...byTrace.values()];
  }

  /** Equal for actions that no response from `next` on can tell apart. */
  #traceOf({ effect, operation }: KeyAction, next: number): string {
    const known = this.#revisions.of(operation);
    if (known > 0) return String(known);
    if (effect.type === 'delete' || effect.type === 'read') return effect.type;
    const value = effect.value !== undefined && this.#isSeen(effect.value, next) ? ` ${effect.value}` : '';
    if (!('expected' in effect)) return effect.type + value;
    const { by, is } = effect.expected;
    return `${effect.type} ${by} ${is}${value}`;
  }

  /** Whether it was here before with the same state and at least these spares: then nothing new comes of it. */
  #isKnown({ next, ahead, spare, revision, ranked, state }: Configuration): boolean {
    const placed = ahead.map((action) => action.operation.id).sort((left, right) => left - right);
    const seen = this.#isSeen(state.value, next) ? state : { ...state, value: unseenValue };
    const key = `${next} ${ranked} ${revision} ${placed.join(',')} ${stateKey(seen)}`;
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

/** Of the writes of one key. */
function rankedRevisions(actions: readonly KeyAction[], revisions: KnownRevisions): number[] {
  const known = actions.map(({ operation }) => revisions.of(operation));
  return known.filter((revision) => revision > 0).sort((left, right) => left - right);
}

/** The mod revisions of the key that the action tells or expects. */
function namedRevisions({ before, effect }: KeyAction): number[] {
  const named = typeof before === 'object' ? [before.modRevision] : [];
  if (!('expected' in effect)) return named;
  if (effect.expected.by === 'revision') named.push(effect.expected.is);
  if (effect.found !== undefined) named.push(effect.found);
  return named;
}

function expectsRevision(effect: KeyAction['effect'], revision: number): boolean {
  return 'expected' in effect && effect.expected.by === 'revision' && effect.expected.is === revision;
}

function newestOf(revisions: readonly number[]): number {
  return revisions.reduce((newest, revision) => Math.max(newest, revision), 0);
}

function covers(more: ReadonlyMap<string, number>, less: ReadonlyMap<string, number>): boolean {
  for (const [trace, count] of less) if ((more.get(trace) ?? 0) < count) return false;
  return true;
}

function stateKey({ value, version, modRevision }: RegisterState): string {
  return `${value === undefined ? '-' : `=${value}`} ${version} ${modRevision}`;
}
