import { assert } from '../src/base/assert.js';
import type { Index, Revision } from '../src/base/ids.js';
import type { CommandResult } from '../src/fsm/command.js';
import { decodeCommandBatch } from '../src/fsm/command-codec.js';
import type { AppliedEntry, StateMachine } from '../src/fsm/state-machine.js';
import type { MemberOptions } from '../src/member/options.js';
import type { VirtualClock } from '../src/ports/virtual-clock.js';
import type { Entry } from '../src/raft/types.js';
import type { History, Operation } from './checkers/history.js';

/** What clocks that run at a steady rate round to. */
const roundingMsMax = 1;

/** The compactions of one entry, for the first member that applies it. */
interface Seen {
  /** Each with its place among the entry's commands, and in the history. */
  readonly compactions: readonly { readonly at: number; readonly revision: Revision; readonly id: number }[];
  readonly commandCount: number;
  told: boolean;
}

interface Scene {
  readonly clock: VirtualClock;
  readonly history: History;
  readonly options: MemberOptions;
  readonly plan: { readonly driftMax: number };
}

/**
 * Runs in which the members compact by a policy of their own: whatever an entry compacts is what a client asked for, or
 * what the policy may forget by then. What is done so stands in the history, as if one more client had asked for it.
 */
export class Compactions {
  readonly #scene: Scene;
  readonly #seen = new Map<Index, Seen>();
  #newestIndex: Index = 0;
  /** When each revision was first there. */
  readonly #reachedMs: number[] = [0, 0];
  /** That may be a client's as well. */
  readonly #ambiguous: number[] = [];

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  /** Some of the past is forgotten unasked within a run. */
  get byPolicy(): boolean {
    const { compactionAgeMs, compactionRevisions } = this.#scene.options;
    return compactionRevisions > 0 || (compactionAgeMs > 0 && compactionAgeMs < 60_000);
  }

  /** What must be forgotten soon, if nothing is written any more. */
  due(revision: Revision): Revision {
    const { compactionAgeMs, compactionRevisions } = this.#scene.options;
    const step = Math.max(1, compactionRevisions / 10);
    const byNumber = compactionRevisions > 0 ? revision - compactionRevisions - step : 0;
    return compactionAgeMs > 0 ? revision : Math.max(0, Math.ceil(byNumber));
  }

  /** @param compacts told of each entry that is applied there and compacts, whoever asked for that */
  attach(state: StateMachine, compacts: () => void): void {
    if (!this.byPolicy) return;
    const apply = state.apply.bind(state);
    state.apply = (entry, work) => {
      this.#begins(entry, state.revision);
      const applied = apply(entry, work);
      this.#reached(state.revision);
      if (applied === undefined) return undefined;
      this.#ended(entry.index, applied);
      if (this.#seen.has(entry.index)) compacts();
      return applied;
    };
  }

  #begins(entry: Entry, storeRevision: Revision): void {
    if (entry.index <= this.#newestIndex) return;
    this.#newestIndex = entry.index;
    if (entry.type !== 'normal') return;
    const { commands } = decodeCommandBatch(entry.data);
    const compactions = commands.flatMap((command, at) => {
      if (command.type !== 'compact') return [];
      const { revision } = command;
      this.#checkAsked(revision, storeRevision);
      const { history, clock } = this.#scene;
      const id = history.invoke('policy', 'log', { type: 'compact', revision }, clock.monotonicMs());
      return [{ at, revision, id }];
    });
    if (compactions.length === 0) return;
    this.#seen.set(entry.index, { compactions, commandCount: commands.length, told: false });
  }

  #checkAsked(revision: Revision, storeRevision: Revision): void {
    if (this.#clientsAskFor(revision, () => true)) return;
    const { clock, options, plan } = this.#scene;
    const { compactionAgeMs, compactionRevisions } = options;
    if (compactionRevisions > 0 && revision <= storeRevision - compactionRevisions) return;
    const ageMs = clock.monotonicMs() - (this.#reachedMs[revision] ?? Infinity);
    const old = ageMs >= compactionAgeMs / (1 + plan.driftMax) - roundingMsMax;
    assert(
      compactionAgeMs > 0 && old,
      `revision ${revision} is compacted, which nobody asked for: it was there for ${ageMs} ms, and the store is at ${storeRevision}`,
    );
  }

  #clientsAskFor(revision: Revision, holds: (operation: Operation) => boolean): boolean {
    return this.#scene.history.operations.some(
      (each) =>
        each.call.type === 'compact' &&
        each.call.revision === revision &&
        each.client !== 'policy' &&
        holds(each),
    );
  }

  #reached(revision: Revision): void {
    const now = this.#scene.clock.monotonicMs();
    while (this.#reachedMs.length <= revision) this.#reachedMs.push(now);
  }

  #ended(index: Index, { batch }: AppliedEntry): void {
    const seen = this.#seen.get(index);
    if (seen === undefined || batch === undefined || seen.told) return;
    seen.told = true;
    // Of an entry that was gone on with after a restart, the results from before are missing.
    const missing = seen.commandCount - batch.results.length;
    for (const { at, id, revision } of seen.compactions)
      this.#tell(id, revision, batch.results[at - missing]);
  }

  #tell(id: number, revision: Revision, result: CommandResult | undefined): void {
    const { history, clock } = this.#scene;
    if (result?.type === 'refused') {
      history.respond(id, { kind: 'failed', code: result.code }, clock.monotonicMs());
    } else if (this.#clientsAskFor(revision, ({ outcome }) => outcome.kind !== 'failed')) {
      this.#ambiguous.push(id);
    } else if (result !== undefined) {
      const answer = { type: 'compact', revision: result.revision } as const;
      history.respond(id, { kind: 'ok', answer }, clock.monotonicMs());
    }
  }

  /** The history without what turned out to be a client's. */
  operations(): readonly Operation[] {
    const { operations } = this.#scene.history;
    const clients = new Set(
      this.#ambiguous.filter((id) => {
        const { call } = operations[id]!;
        const done = (each: Operation): boolean => each.outcome.kind === 'ok';
        return call.type === 'compact' && this.#clientsAskFor(call.revision, done);
      }),
    );
    return clients.size === 0 ? operations : operations.filter(({ id }) => !clients.has(id));
  }
}
