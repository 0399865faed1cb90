import { assert } from '../../src/base/assert.js';

/** A pair as a client saw it. A number of 0: the interface does not tell it. */
export interface Item {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** 1 for the first put after creation. */
  readonly version: number;
}

/** What must be equal for a write to happen. */
export interface Expectation {
  readonly by: 'version' | 'revision';
  /** 0: there is no such key. */
  readonly is: number;
}

/** What a client asks for. Keys are ASCII, so that they sort as their bytes do; values are best unique. */
export type Call =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: string;
      /** Answer with the pair as it was before. */
      readonly previous: boolean;
    }
  | {
      readonly type: 'delete';
      readonly key: string;
      /** Exclusive; undefined: the one key; '\0': to the end of the key space. */
      readonly end: string | undefined;
      readonly previous: boolean;
    }
  | {
      readonly type: 'range';
      readonly key: string;
      /** As of `delete`. */
      readonly end: string | undefined;
      /** 0: newest. */
      readonly revision: number;
      /** 0: no limit. */
      readonly limit: number;
      /** The answer may be old, but is a state that once was. */
      readonly serializable: boolean;
      /** Asked for page by page; the answer is put together. */
      readonly paged?: boolean;
    }
  | { readonly type: 'compact'; readonly revision: number }
  | {
      readonly type: 'compare-and-set';
      readonly key: string;
      readonly expected: Expectation;
      readonly value: string;
    }
  | { readonly type: 'compare-and-delete'; readonly key: string; readonly expected: Expectation }
  /** Puts `value` behind what the key holds; a missing key holds the empty string. */
  | { readonly type: 'append'; readonly key: string; readonly value: string };

/** `revision` is the store's after the call; 0: the interface does not tell it. */
export type Answer =
  | { readonly type: 'put'; readonly revision: number; readonly previous: Item | undefined }
  | {
      readonly type: 'delete';
      readonly revision: number;
      /** undefined: the interface does not tell it. */
      readonly deletedCount: number | undefined;
      readonly previous: readonly Item[];
    }
  | {
      readonly type: 'range';
      readonly revision: number;
      readonly items: readonly Item[];
      /** Keys in the whole range, whatever the limit. */
      readonly count: number;
    }
  | { readonly type: 'compact'; readonly revision: number }
  | {
      readonly type: 'compare-and-set' | 'compare-and-delete';
      readonly revision: number;
      readonly done: boolean;
      /** The key's mod revision when it was compared, 0: there was no such key; undefined: the interface does not tell it. */
      readonly found: number | undefined;
    }
  | { readonly type: 'append'; readonly revision: number };

export type Outcome =
  | { readonly kind: 'ok'; readonly answer: Answer }
  /** It certainly had no effect, and never will. */
  | { readonly kind: 'failed'; readonly code: string }
  /** It may take effect at any time after its invocation, or never. */
  | { readonly kind: 'unknown'; readonly code: string };

/** A call and what became of it. */
export interface Operation {
  /** Its place in the history. */
  readonly id: number;
  readonly client: string;
  /** Who was asked: a member, and which of its lives. */
  readonly server: string;
  readonly call: Call;
  readonly outcome: Outcome;
  /** Places among all invocations and responses: what is smaller came before. Equal ones are concurrent. */
  readonly invokedAt: number;
  /** Place among all that came to members, which may be stopped when they are asked. Infinity: it is not known. */
  readonly arrivedAt: number;
  /** Infinity: no response came. */
  readonly respondedAt: number;
  readonly invokedMs: number;
  readonly respondedMs: number;
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Records the operations of all clients in the order in which they happen. */
export class History {
  readonly #operations: Mutable<Operation>[] = [];
  #events = 0;
  #arrivals = 0;

  /** Every operation, in the order of invocation; what still waits has an unknown outcome. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** @returns the operation's id, for `respond` */
  invoke(client: string, server: string, call: Call, nowMs: number): number {
    const id = this.#operations.length;
    this.#operations.push({
      id,
      client,
      server,
      call,
      outcome: { kind: 'unknown', code: 'NO_RESPONSE' },
      invokedAt: this.#events++,
      arrivedAt: Infinity,
      respondedAt: Infinity,
      invokedMs: nowMs,
      respondedMs: Infinity,
    });
    return id;
  }

  /** The member that was asked has it. */
  arrive(id: number): void {
    this.#operation(id).arrivedAt = this.#arrivals++;
  }

  #operation(id: number): Mutable<Operation> {
    const operation = this.#operations[id];
    assert(operation !== undefined, `there is an operation ${id}`);
    return operation;
  }

  respond(id: number, outcome: Outcome, nowMs: number): void {
    const operation = this.#operation(id);
    assert(operation.respondedAt === Infinity, `operation ${id} has no response yet`);
    const type = outcome.kind === 'ok' ? outcome.answer.type : operation.call.type;
    assert(type === operation.call.type, `operation ${id} is answered as what it is`);
    operation.outcome = outcome;
    operation.respondedAt = this.#events++;
    operation.respondedMs = nowMs;
  }
}

/** Whether `key` is in the range of a call. */
export function rangeHolds(
  range: { readonly key: string; readonly end: string | undefined },
  key: string,
): boolean {
  if (range.end === undefined) return key === range.key;
  return key >= range.key && (range.end === '\0' || key < range.end);
}

/** Whether a call, if it takes effect, leaves no `key`. */
export function mayDelete(call: Call, key: string): boolean {
  return call.type === 'delete'
    ? rangeHolds(call, key)
    : call.type === 'compare-and-delete' && call.key === key;
}

/** Whether the revision that the answer tells is the call's own. */
export function madeRevision(answer: Answer): boolean {
  switch (answer.type) {
    case 'put':
    case 'append':
      return true;
    case 'delete':
      return (answer.deletedCount ?? answer.previous.length) > 0;
    case 'compare-and-set':
      return answer.done;
    case 'compare-and-delete':
      return answer.done && answer.found !== 0;
    case 'range':
    case 'compact':
      return false;
  }
}

/** Pairs that the answer tells, if there is one. */
export function itemsOf({ outcome }: Operation): readonly Item[] {
  const answer = outcome.kind === 'ok' ? outcome.answer : undefined;
  if (answer?.type === 'range') return answer.items;
  if (answer?.type === 'delete') return answer.previous;
  return answer?.type === 'put' && answer.previous !== undefined ? [answer.previous] : [];
}

/** What a check found wrong. */
export interface Violation {
  /** The rule that was broken, in a few words. */
  readonly rule: string;
  /** What happened instead. */
  readonly detail: string;
  /** The operations that show it. */
  readonly operations: readonly Operation[];
}

/** One violation as text, a line for each operation. */
export function describeViolation(violation: Violation): string {
  const lines = violation.operations.map((operation) => `\n  ${describeOperation(operation)}`);
  return `${violation.rule}: ${violation.detail}${lines.join('')}`;
}

/** One operation as one line of text. */
export function describeOperation(operation: Operation): string {
  const { id, client, server, invokedMs, respondedMs } = operation;
  const until = respondedMs === Infinity ? '' : respondedMs.toFixed(1);
  const when = `${invokedMs.toFixed(1)}..${until} ms`;
  return `#${id} ${client} at ${server}, ${when}: ${describeCall(operation.call)} -> ${describeOutcome(operation.outcome)}`;
}

function describeRange(call: { readonly key: string; readonly end: string | undefined }): string {
  if (call.end === undefined) return call.key;
  return `[${call.key}, ${call.end === '\0' ? 'end' : call.end})`;
}

function describeCall(call: Call): string {
  switch (call.type) {
    case 'put':
    case 'append':
      return `${call.type} ${call.key} ${call.value}`;
    case 'delete':
      return `delete ${describeRange(call)}`;
    case 'range': {
      const at = call.revision === 0 ? '' : ` at revision ${call.revision}`;
      const limit = call.limit === 0 ? '' : ` limit ${call.limit}`;
      const pages = call.paged === true ? ' in pages' : '';
      return `${call.serializable ? 'serializable ' : ''}range ${describeRange(call)}${at}${limit}${pages}`;
    }
    case 'compact':
      return `compact ${call.revision}`;
    case 'compare-and-set':
      return `compare-and-set ${call.key} ${call.value} if ${call.expected.by} is ${call.expected.is}`;
    case 'compare-and-delete':
      return `compare-and-delete ${call.key} if ${call.expected.by} is ${call.expected.is}`;
  }
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'ok') return `${outcome.kind} (${outcome.code})`;
  const { answer } = outcome;
  const revision = `revision ${answer.revision}`;
  switch (answer.type) {
    case 'put':
      return answer.previous === undefined
        ? revision
        : `${revision}, before ${describeItem(answer.previous)}`;
    case 'delete':
      return `${revision}, ${answer.deletedCount ?? 'some'} deleted`;
    case 'range':
      return `${revision}, ${answer.count} of [${answer.items.map(describeItem).join(' ')}]`;
    case 'compare-and-set':
    case 'compare-and-delete': {
      const found = answer.found === undefined ? '' : `, found ${answer.found}`;
      return `${revision}, ${answer.done ? 'done' : 'not done'}${found}`;
    }
    case 'compact':
    case 'append':
      return revision;
  }
}

/** As `key=value@modRevision/createRevision.version`. */
export function describeItem(item: Item): string {
  return `${item.key}=${item.value}@${item.modRevision}/${item.createRevision}.${item.version}`;
}
