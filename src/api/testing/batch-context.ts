import type { BatchContext } from '../kvstore/batch.js';

/** Of a call whose caller takes whatever it asked for, without a deadline, on a connection of its own. */
export function batchContext(given: Partial<BatchContext> = {}): BatchContext {
  return {
    signal: new AbortController().signal,
    timeoutMs: undefined,
    connection: {},
    cutShort: undefined,
    room: () => undefined,
    gathered: () => {},
    ...given,
  };
}
