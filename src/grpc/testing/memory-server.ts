import type { Log } from '../../base/log.js';
import type { BoundMethod } from '../../base/rpc.js';
import { GrpcApplication } from '../application.js';
import type { CallServices, RunningCalls } from '../call-services.js';
import { ClientShare } from '../client-share.js';
import { Compression } from '../compression.js';
import { Deadlines } from '../deadlines.js';
import { AnswerTurns } from '../http2/answer-turns.js';
import { Connection } from '../http2/connection.js';
import type { ConnectionEnvironment } from '../http2/environment.js';
import { InputAhead } from '../http2/input-ahead.js';
import { MemoryBudget } from '../http2/memory-budget.js';
import { OutputBuffers } from '../http2/output.js';
import { Turns } from '../http2/turns.js';
import { Interruptions } from '../interruptions.js';
import type { GrpcLimits } from '../limits.js';
import { Shares } from '../shares.js';
import { responseFields, statusOfError } from '../status.js';
import type { MemorySocket } from './memory-socket.js';

/** `test.Echo` without a network: connections are made of sockets in memory. */
export class MemoryServer {
  readonly connections = new Set<Connection>();
  readonly compression: Compression;
  readonly #running: RunningCalls = { unary: 0, streaming: 0, pages: 0 };
  readonly #deadlines = new Deadlines();
  readonly #memory: MemoryBudget;
  readonly #environment: ConnectionEnvironment;
  readonly #share = new ClientShare('memory');

  /**
   * @param bug told of each line of the log that says that something is a bug
   * @param now the clock by which turns are long, which stands still unless the test says otherwise
   */
  constructor(
    limits: GrpcLimits,
    methods: readonly BoundMethod[],
    bug: (fields: unknown) => void,
    now: () => number = () => 0,
  ) {
    const log: Log = { debug() {}, info() {}, warn() {}, error: bug };
    this.compression = new Compression(limits.compressionsMax);
    this.#memory = new MemoryBudget(64 * 1024 * 1024, this.connections);
    const services: CallServices = {
      limits,
      deadlines: this.#deadlines,
      compression: this.compression,
      interruptions: new Interruptions(),
      shares: new Shares(limits),
      log,
      running: this.#running,
      responseFields,
      objection: undefined,
      statusOf: statusOfError,
    };
    const turns = new Turns(now, () => this.#memory.enforce());
    this.#environment = {
      limits,
      application: new GrpcApplication([{ name: 'test.Echo', methods }], services),
      buffers: new OutputBuffers(),
      turns,
      inputAhead: new InputAhead(this.#memory, limits.memoryBytesMax),
      memory: this.#memory,
      answers: new AnswerTurns(this.#memory, turns),
      log,
      faulted: () => {},
      closed: (connection) => this.connections.delete(connection as Connection),
    };
  }

  connect(socket: MemorySocket, share = this.#share): Connection {
    const connection = new Connection(socket.asSocket, this.#environment, share);
    this.connections.add(connection);
    return connection;
  }

  /** What there is of connections and calls, and is held for them. */
  rest(): Readonly<Record<string, number>> {
    return {
      connections: this.connections.size,
      ...this.#running,
      deadlines: this.#deadlines.count,
      heldBytes: this.#memory.heldBytes,
    };
  }
}
