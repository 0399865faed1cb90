import type { Log } from '../../base/log.js';
import type { AnswerTurns } from './answer-turns.js';
import type { InputAhead } from './input-ahead.js';
import type { Http2Limits } from './limits.js';
import type { MemoryBudget } from './memory-budget.js';
import type { OutputBuffers } from './output.js';
import type { ConnectionError } from './protocol.js';
import type { Http2Application } from './request-blocks.js';
import type { Turns } from './turns.js';

/** What is known of a connection outside. */
export interface ConnectionHandle {
  readonly remoteAddress: string | undefined;
}

/** What all connections of a server share. */
export interface ConnectionEnvironment {
  readonly limits: Http2Limits;
  readonly application: Http2Application;
  readonly buffers: OutputBuffers;
  readonly turns: Turns;
  readonly inputAhead: InputAhead;
  readonly memory: MemoryBudget;
  readonly answers: AnswerTurns;
  readonly log: Log;
  /** A connection broke a rule or went past a limit, and is being ended. */
  faulted(connection: ConnectionHandle, error: ConnectionError): void;
  closed(connection: ConnectionHandle): void;
}
