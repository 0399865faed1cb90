/**
 * One thing that happened. `event` and `text` use the words of the golden scenarios (src/raft/testing): messages,
 * writes and roles read the same in both.
 */
export interface TraceEvent {
  readonly atMs: number;
  /** A member's or client's name, or `network`. */
  readonly where: string;
  readonly event:
    | 'send'
    | 'deliver'
    | 'drop'
    | 'disk'
    | 'state'
    | 'ready'
    | 'persist'
    | 'apply'
    | 'role'
    | 'crash'
    | 'restart'
    | 'log'
    | 'fault'
    | 'mend'
    | 'invoke'
    | 'respond'
    | 'phase'
    | 'failure';
  readonly text: string;
}

/** Where events go. */
export type TraceSink = (event: TraceEvent) => void;

/** One line of JSON. */
export function encodeTraceEvent(event: TraceEvent): string {
  return JSON.stringify({
    atMs: Math.round(event.atMs * 1000) / 1000,
    where: event.where,
    event: event.event,
    text: event.text,
  });
}

/** One line for people. */
export function formatTraceEvent(event: TraceEvent): string {
  return `${event.atMs.toFixed(3).padStart(11)} ${event.where.padEnd(8)} ${event.event.padEnd(8)} ${event.text}`;
}
