import { decodeUtf8, encodeUtf8 } from '../src/base/bytes.js';
import { KvorumError } from '../src/base/errors.js';
import type { Command, CommandResult, KeyValue } from '../src/fsm/command.js';
import type { CallOptions, Member, RangeQuery } from '../src/member/types.js';
import { comparisonsLevel } from './builds.js';
import type { Answer, Call, Item, Outcome } from './checkers/history.js';
import type { Cluster } from './cluster.js';
import { Dice } from './dice.js';
import type { Machine } from './machine.js';
import { callKinds, type CallKind } from './plan.js';

/** Work of a page: a few keys. */
const pageUnitsMax = 4;

/** What all clients share. */
class Shared {
  readonly dice: Dice;
  /** A stream of its own: runs without comparisons stay as they are. */
  readonly comparisonDice: Dice;
  readonly pageDice: Dice;
  callsLeft: number;
  values = 0;
  /** The newest revision that anybody has seen. */
  revision = 0;
  /** By key: the newest mod revision that anybody has seen; 0: there was no such key. */
  readonly modRevisions = new Map<string, number>();
  /** What the last compaction was asked for. */
  compacted = 0;
  stopped = false;

  constructor(seed: number, callsMax: number) {
    this.dice = Dice.of(seed, 'clients');
    this.comparisonDice = Dice.of(seed, 'comparisons');
    this.pageDice = Dice.of(seed, 'pages');
    this.callsLeft = callsMax;
  }

  note(call: Call, answer: Answer): void {
    this.revision = Math.max(this.revision, answer.revision);
    const seen = (key: string, modRevision: number): void => void this.modRevisions.set(key, modRevision);
    if (answer.type === 'range') for (const item of answer.items) seen(item.key, item.modRevision);
    if (call.type === 'put') seen(call.key, answer.revision);
    if ('expected' in call && 'found' in answer) {
      const after = call.type === 'compare-and-set' ? answer.revision : 0;
      seen(call.key, answer.done ? after : (answer.found ?? 0));
    }
  }
}

/** Clients that call random members, one call after the other each; what they see is the history. */
export class Clients {
  readonly #cluster: Cluster;
  readonly #shared: Shared;
  /** Where calls go; all that run if undefined. */
  servers: readonly Machine[] | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.#shared = new Shared(cluster.plan.seed, cluster.plan.clients.callsMax);
  }

  start(): void {
    for (let number = 1; number <= this.#cluster.plan.clients.count; number++) this.#next(`c${number}`);
  }

  /** No new calls. */
  stop(): void {
    this.#shared.stopped = true;
  }

  #next(name: string): void {
    const { dice } = this.#shared;
    const { pauseMsMax } = this.#cluster.plan.clients;
    this.#cluster.clock.setTimer(dice.ms(0, pauseMsMax), () => this.#act(name));
  }

  #act(name: string): void {
    const shared = this.#shared;
    if (shared.stopped || shared.callsLeft <= 0) return;
    const servers = this.#cluster.running();
    if (servers.length === 0) {
      this.#next(name);
      return;
    }
    const calls = makeCalls(shared, this.#cluster);
    shared.callsLeft -= calls.length;
    this.call(name, shared.dice.pick(servers), calls, () => this.#next(name));
  }

  /**
   * Makes the calls together; `done` when all are answered, or will not be.
   * @param timeoutMs what the member is given for them
   */
  call(
    name: string,
    machine: Machine,
    calls: readonly Call[],
    done: (outcome: Outcome | undefined) => void,
    timeoutMs = this.#cluster.plan.clients.timeoutMs,
  ): void {
    const { clock, history } = this.#cluster;
    const life = machine.life!;
    const server = `${machine.name}.${life.number}`;
    const ids = calls.map((call) => history.invoke(name, server, call, clock.monotonicMs()));
    this.#traceCalls(name, machine, calls);
    let open = true;
    const end = (outcomes: readonly Outcome[] | undefined): void => {
      if (!open) return;
      open = false;
      timer.cancel();
      life.ended.delete(lost);
      outcomes?.forEach((outcome, at) => {
        history.respond(ids[at]!, outcome, clock.monotonicMs());
        this.#noteOutcome(name, calls[at]!, outcome);
      });
      done(outcomes?.[0]);
    };
    const lost = (): void => end(undefined);
    // The member gives up first, unless it cannot even do that.
    const timer = clock.setTimer(timeoutMs * 2 + 500, lost);
    life.ended.add(lost);
    life.process
      .call(() => perform(life.member!, calls, { timeoutMs, signal: this.#someSignal() }))
      .then(
        (answers) => end(answers.map((answer) => ({ kind: 'ok', answer }))),
        (error: unknown) => {
          if (!life.process.ended) end(calls.map(() => this.#outcomeOf(error)));
        },
      );
  }

  /** Of a caller that gives up after a while, now and then. */
  #someSignal(): AbortSignal | undefined {
    const { dice } = this.#shared;
    const { cancelProbability, timeoutMs } = this.#cluster.plan.clients;
    if (!dice.chance(cancelProbability)) return undefined;
    const controller = new AbortController();
    this.#cluster.clock.setTimer(dice.ms(0, timeoutMs / 2), () => controller.abort());
    return controller.signal;
  }

  #traceCalls(name: string, machine: Machine, calls: readonly Call[]): void {
    if (!this.#cluster.tracing) return;
    for (const call of calls)
      this.#cluster.trace(name, 'invoke', `at ${machine.name}: ${JSON.stringify(call)}`);
  }

  #noteOutcome(name: string, call: Call, outcome: Outcome): void {
    if (outcome.kind === 'ok') this.#shared.note(call, outcome.answer);
    if (this.#cluster.tracing) this.#cluster.trace(name, 'respond', JSON.stringify(outcome));
  }

  #outcomeOf(error: unknown): Outcome {
    if (!(error instanceof KvorumError) || error.code === 'INTERNAL') {
      this.#cluster.fail(error);
      return { kind: 'unknown', code: 'INTERNAL' };
    }
    return { kind: error.outcome === 'unknown' ? 'unknown' : 'failed', code: error.code };
  }
}

function makeCalls(shared: Shared, cluster: Cluster): Call[] {
  const { dice, comparisonDice } = shared;
  const { mix, comparisonPart } = cluster.plan.clients;
  if (comparisonDice.chance(comparisonPart)) {
    const count = comparisonDice.chance(0.2) ? comparisonDice.between(2, 4) : 1;
    return Array.from({ length: count }, () => makeComparison(shared, cluster));
  }
  const kind = pickKind(dice, mix);
  if (kind !== 'batch') return [makeCall(kind, shared, cluster)];
  return Array.from({ length: dice.between(2, 5) }, () =>
    makeCall(dice.chance(0.7) ? 'put' : 'delete', shared, cluster),
  );
}

function pickKind(dice: Dice, mix: Readonly<Record<CallKind, number>>): CallKind {
  let total = 0;
  for (const kind of callKinds) total += mix[kind];
  let at = (dice.nextUint32() / 0x1_0000_0000) * total;
  for (const kind of callKinds) if ((at -= mix[kind]) < 0) return kind;
  return 'put';
}

function makeCall(kind: Exclude<CallKind, 'batch'>, shared: Shared, cluster: Cluster): Call {
  const { dice } = shared;
  const { keyCount, valueSizeBytesMax } = cluster.plan.clients;
  const key = `k${dice.below(keyCount)}`;
  const range = (end: string | undefined, revision = 0, serializable = false): Call => {
    const limit = end !== undefined && dice.chance(0.2) ? dice.between(1, 3) : 0;
    const paged = end !== undefined && limit === 0 && shared.pageDice.chance(0.3);
    return { type: 'range', key, end, revision, limit, serializable, ...(paged && { paged }) };
  };
  const someEnd = (): string => {
    if (dice.chance(0.5)) return '\0';
    const last = dice.below(keyCount);
    // Just behind a key, or before it.
    return last % 2 === 0 ? `k${last}~` : `k${last}`;
  };
  switch (kind) {
    case 'put': {
      const value = `v${++shared.values}`.padEnd(dice.below(valueSizeBytesMax + 1), '.');
      return { type: 'put', key, value, previous: dice.chance(0.3) };
    }
    case 'delete':
      return { type: 'delete', key, end: undefined, previous: dice.chance(0.3) };
    case 'delete-range':
      return { type: 'delete', key, end: someEnd(), previous: dice.chance(0.3) };
    case 'get':
      return range(undefined);
    case 'range':
      return range(someEnd());
    case 'past': {
      const end = dice.chance(0.5) ? undefined : someEnd();
      const revision = dice.between(1, shared.revision + 2);
      // The oldest that can still be read is where a compaction may have taken too much.
      return range(end, revision % 3 === 0 && shared.compacted > 0 ? shared.compacted : revision);
    }
    case 'serializable':
      return range(dice.chance(0.5) ? undefined : someEnd(), 0, true);
    case 'compact': {
      // Often everything: what is left then says least about what was.
      const kept = Math.max(0, dice.below(50) - 15);
      shared.compacted = Math.max(1, shared.revision - kept);
      return { type: 'compact', revision: shared.compacted };
    }
  }
}

/** Expects what was seen last, mostly. */
function makeComparison(shared: Shared, cluster: Cluster): Call {
  const { comparisonDice: dice } = shared;
  const { keyCount, valueSizeBytesMax } = cluster.plan.clients;
  const key = `k${dice.below(keyCount)}`;
  const other = dice.chance(0.5) ? 0 : dice.between(1, shared.revision + 2);
  const is = dice.chance(0.75) ? (shared.modRevisions.get(key) ?? 0) : other;
  const expected = { by: 'revision', is } as const;
  if (dice.chance(0.25)) return { type: 'compare-and-delete', key, expected };
  const value = `v${++shared.values}`.padEnd(dice.below(valueSizeBytesMax + 1), '.');
  return { type: 'compare-and-set', key, expected, value };
}

async function perform(member: Member, calls: readonly Call[], options: CallOptions): Promise<Answer[]> {
  const [call] = calls;
  if (call?.type === 'range') return [await performRange(member, call, options)];
  if (calls.some((each) => 'expected' in each)) member.requireLevel(comparisonsLevel, 'a comparison');
  const results = await member.writeAll(calls.map(toCommand), options);
  return results.map((result, at) => toAnswer(calls[at]!, result));
}

async function performRange(
  member: Member,
  call: Extract<Call, { type: 'range' }>,
  options: CallOptions,
): Promise<Answer> {
  const { revision, limit, serializable, paged = false } = call;
  const end = call.end === undefined ? undefined : encodeUtf8(call.end);
  let query: RangeQuery = { key: encodeUtf8(call.key), end, revision, limit };
  if (paged) query = { ...query, pageOnly: true, unitsMax: pageUnitsMax };
  const first = await member.range(query, { ...options, serializable });
  const items = first.items.map(toItem);
  let count = first.count;
  for (let { next } = first; paged && next !== undefined;) {
    // Later pages show what the first one did.
    query = { ...query, key: next, revision: revision === 0 ? first.revision : revision };
    const page = await member.range(query, { ...options, serializable });
    items.push(...page.items.map(toItem));
    count += page.count;
    next = page.next;
  }
  return { type: 'range', revision: first.revision, items, count };
}

function toCommand(call: Call): Command {
  switch (call.type) {
    case 'put':
      return {
        type: 'put',
        key: encodeUtf8(call.key),
        value: encodeUtf8(call.value),
        lease: 0n,
        previous: call.previous,
      };
    case 'delete': {
      const end = call.end === undefined ? undefined : encodeUtf8(call.end);
      return { type: 'delete-range', key: encodeUtf8(call.key), end, previous: call.previous };
    }
    case 'compact':
      return { type: 'compact', revision: call.revision };
    case 'compare-and-set': {
      const [key, value] = [encodeUtf8(call.key), encodeUtf8(call.value)];
      return { type: 'put', key, value, lease: 0n, previous: false, expectedModRevision: call.expected.is };
    }
    case 'compare-and-delete': {
      const condition = { end: undefined, previous: false, expectedModRevision: call.expected.is };
      return { type: 'delete-range', key: encodeUtf8(call.key), ...condition };
    }
    default:
      throw new Error(`the state machine has no ${call.type}`);
  }
}

function toAnswer(call: Call, result: CommandResult): Answer {
  const { revision } = result;
  if ('expected' in call && (result.type === 'put' || result.type === 'delete-range')) {
    return { type: call.type, revision, done: true, found: call.expected.is };
  }
  if ('expected' in call && result.type === 'not-expected') {
    return { type: call.type, revision, done: false, found: result.modRevision };
  }
  switch (result.type) {
    case 'put': {
      const previous = result.previous === undefined ? undefined : toItem(result.previous);
      return { type: 'put', revision, previous };
    }
    case 'delete-range':
      return {
        type: 'delete',
        revision,
        deletedCount: result.deletedCount,
        previous: result.previous.map(toItem),
      };
    case 'compact':
      return { type: 'compact', revision };
    case 'refused':
      throw new KvorumError(result.code, result.message);
    default:
      throw new Error(`no client asked for ${result.type}`);
  }
}

function toItem(pair: KeyValue): Item {
  const { key, value, createRevision, modRevision, version } = pair;
  return { key: decodeUtf8(key), value: decodeUtf8(value), createRevision, modRevision, version };
}
