import type { Call, Operation, Violation } from './history.js';

/** What the members are told to do, as far as it bears on what they may refuse. */
export interface RefusalTerms {
  /** The least that a member is given for any call. */
  readonly timeoutMs: number;
  /** Of any clock: 1 is right. */
  readonly clockRateMax: number;
  /** Some callers give up. */
  readonly cancels: boolean;
  /** So many may wait that there never are more. */
  readonly writesUnlimited: boolean;
  readonly readsUnlimited: boolean;
  readonly rangesUnlimited: boolean;
  /** Of the pairs that the deletion of a range answers with: there never are more. */
  readonly previousUnlimited: boolean;
  /** Lives of members, as operations name them, in which a snapshot was installed. */
  readonly installed: ReadonlySet<string>;
}

/** By one that ends, and is told so. */
const endings = ['MEMBER_STOPPING', 'STORAGE_FAILED', 'DATA_DAMAGED'];

/**
 * Whether each call that was not answered was refused for a reason that there may have been. What compaction and the
 * order of revisions have to do with a refusal is looked at with them.
 */
export function checkRefusals(operations: readonly Operation[], terms: RefusalTerms): Violation[] {
  const check = new RefusalCheck(operations, terms);
  return operations.flatMap((operation): Violation[] => {
    const { outcome, respondedAt } = operation;
    if (outcome.kind === 'ok' || respondedAt === Infinity) return [];
    const wrong = check.objectionTo(operation, outcome.code);
    return wrong === undefined
      ? []
      : [{ rule: 'a call is refused for a reason', detail: wrong, operations: [operation] }];
  });
}

class RefusalCheck {
  readonly #terms: RefusalTerms;
  /** By life: when the last call that it answered was made. */
  readonly #answeredUntil = new Map<string, number>();
  /** By life: when it first answered a comparison. */
  readonly #comparesFrom = new Map<string, number>();
  /** Calls that were made together with a comparison, by client and time. */
  readonly #withComparisons = new Set<string>();

  constructor(operations: readonly Operation[], terms: RefusalTerms) {
    this.#terms = terms;
    for (const operation of operations) {
      const { server, call, outcome, invokedAt, respondedAt } = operation;
      if ('expected' in call) this.#withComparisons.add(together(operation));
      if (outcome.kind !== 'ok') continue;
      this.#answeredUntil.set(server, invokedAt);
      if (!('expected' in call)) continue;
      this.#comparesFrom.set(server, Math.min(this.#comparesFrom.get(server) ?? Infinity, respondedAt));
    }
  }

  /** @returns what speaks against `code` */
  objectionTo(operation: Operation, code: string): string | undefined {
    const { call, server, invokedAt } = operation;
    if (endings.includes(code)) return this.#goesOn(operation) ? `${server} goes on` : undefined;
    const isRead = call.type === 'range';
    switch (code) {
      case 'NO_LEADER':
        return isRead && call.serializable ? 'it needs no leader' : this.#isTooEarly(operation);
      case 'DEADLINE_EXCEEDED':
        return isRead ? this.#isTooEarly(operation) : 'what becomes of a write is told or unknown';
      case 'OUTCOME_UNKNOWN':
        return this.#isKnown(operation);
      case 'CANCELLED':
        return this.#terms.cancels ? undefined : 'its caller did not give up';
      case 'LIMIT_EXCEEDED':
        return this.#isRoomFor(operation) ? 'there was room' : undefined;
      case 'REVISION_COMPACTED':
        // Later pages name what the first one showed.
        if (isRead && call.paged === true) return undefined;
        return namesRevision(call) ? undefined : 'it names no revision';
      case 'REVISION_IN_FUTURE':
        return namesRevision(call) ? undefined : 'it names no revision';
      case 'FEATURE_NOT_ENABLED':
        if (!this.#withComparisons.has(together(operation))) return 'it needs no new feature';
        return (this.#comparesFrom.get(server) ?? Infinity) < invokedAt ? 'it was enabled' : undefined;
      default:
        return 'no such call is refused so';
    }
  }

  #goesOn({ server, respondedAt }: Operation): boolean {
    return (this.#answeredUntil.get(server) ?? 0) > respondedAt;
  }

  #isTooEarly({ invokedMs, respondedMs }: Operation): string | undefined {
    const { timeoutMs, clockRateMax } = this.#terms;
    return (respondedMs - invokedMs) * clockRateMax < timeoutMs - 1 ? 'there was time left' : undefined;
  }

  #isKnown(operation: Operation): string | undefined {
    if (operation.call.type === 'range') return 'a read has no effect';
    const mayBeUnknown = this.#terms.installed.has(operation.server) || !this.#goesOn(operation);
    return mayBeUnknown ? undefined : this.#isTooEarly(operation);
  }

  #isRoomFor({ call }: Operation): boolean {
    const { writesUnlimited, previousUnlimited, readsUnlimited, rangesUnlimited } = this.#terms;
    if (call.type !== 'range') {
      const answersWithPairs = call.type === 'delete' && call.end !== undefined && call.previous;
      return writesUnlimited && (previousUnlimited || !answersWithPairs);
    }
    return (call.serializable || readsUnlimited) && (call.end === undefined || rangesUnlimited);
  }
}

function together({ client, invokedMs }: Operation): string {
  return `${client} ${invokedMs}`;
}

function namesRevision(call: Call): boolean {
  return 'revision' in call && call.revision > 0;
}
