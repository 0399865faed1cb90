import type { Answer, Call, Item, Operation, Outcome } from '../history.js';
import { History } from '../history.js';

/** Calls for tests, with what they seldom need left out. */
export const calls = {
  put: (key: string, value: string): Call => ({ type: 'put', key, value, previous: false }),
  delete: (key: string, end?: string): Call => ({ type: 'delete', key, end, previous: false }),
  read: (key: string, more: { end?: string; revision?: number; serializable?: boolean } = {}): Call => ({
    type: 'range',
    key,
    end: more.end,
    revision: more.revision ?? 0,
    limit: 0,
    serializable: more.serializable ?? false,
  }),
  set: (key: string, by: 'version' | 'revision', is: number, value: string): Call => ({
    type: 'compare-and-set',
    key,
    expected: { by, is },
    value,
  }),
  remove: (key: string, by: 'version' | 'revision', is: number): Call => ({
    type: 'compare-and-delete',
    key,
    expected: { by, is },
  }),
  append: (key: string, value: string): Call => ({ type: 'append', key, value }),
  compact: (revision: number): Call => ({ type: 'compact', revision }),
};

export const unknown: Outcome = { kind: 'unknown', code: 'DEADLINE_EXCEEDED' };

export function failed(code = 'NO_LEADER'): Outcome {
  return { kind: 'failed', code };
}

export function ok(answer: Answer): Outcome {
  return { kind: 'ok', answer };
}

/** Answers for tests; a revision of 0 is not told. */
export const answers = {
  put: (revision = 0): Outcome => ok({ type: 'put', revision, previous: undefined }),
  delete: (deletedCount: number | undefined, revision = 0): Outcome =>
    ok({ type: 'delete', revision, deletedCount, previous: [] }),
  read: (items: readonly Item[], revision = 0): Outcome =>
    ok({ type: 'range', revision, items, count: items.length }),
  set: (done: boolean, revision = 0, found?: number): Outcome =>
    ok({ type: 'compare-and-set', revision, done, found }),
  remove: (done: boolean, revision = 0, found?: number): Outcome =>
    ok({ type: 'compare-and-delete', revision, done, found }),
  append: (revision = 0): Outcome => ok({ type: 'append', revision }),
  compact: (revision = 0): Outcome => ok({ type: 'compact', revision }),
};

/** A pair as `describeItem` writes it: key=value@modRevision/createRevision.version, or key=value. */
export function item(text: string): Item {
  const match = /^(\w+)=(\w*)(?:@(\d+)\/(\d+)\.(\d+))?$/.exec(text);
  if (match === null) throw new Error(`no item: ${text}`);
  const [, key, value, modRevision, createRevision, version] = match;
  return {
    key: key!,
    value: value!,
    modRevision: Number(modRevision ?? 0),
    createRevision: Number(createRevision ?? 0),
    version: Number(version ?? 0),
  };
}

/**
 * Builds a history from intervals: each line is a client, when it calls and when it is answered (undefined:
 * never), the call and its outcome.
 */
export function historyOf(
  lines: readonly (readonly [client: string, from: number, to: number | undefined, Call, Outcome])[],
): readonly Operation[] {
  const history = new History();
  const events = lines.flatMap(([client, from, to, call, outcome]) => {
    let id = -1;
    const begin = { atMs: from, run: (): void => void (id = history.invoke(client, 'n1', call, from)) };
    if (to === undefined) return [begin];
    return [begin, { atMs: to, run: (): void => history.respond(id, outcome, to) }];
  });
  events.sort((left, right) => left.atMs - right.atMs);
  for (const { run } of events) run();
  return history.operations;
}
