import type { TestContext } from 'node:test';
import { ApiServer } from '../../api/api-server.js';
import { makeApiLimits } from '../../api/limits.js';
import { decodeMessage, encodeMessage } from '../../api/message.js';
import { emptyBytes } from '../../base/bytes.js';
import { KvorumError, type ErrorCode } from '../../base/errors.js';
import { silentLog } from '../../base/log.js';
import { unary, type CallContext } from '../../base/rpc.js';
import { BatchRequest, BatchResponse, type Operation, type OperationResult } from '../../generated/kvorum.js';

export type BatchScript = (
  operations: readonly Operation[],
  context: CallContext,
) => Promise<readonly OperationResult[]> | readonly OperationResult[];

/** A real server whose Batch answers as the test says. */
export class ScriptedStore {
  /** What was asked, batch by batch. */
  readonly batches: (readonly Operation[])[];
  readonly #server: ApiServer;
  readonly endpoint: string;

  private constructor(server: ApiServer, batches: (readonly Operation[])[], port: number) {
    this.#server = server;
    this.batches = batches;
    this.endpoint = `127.0.0.1:${port}`;
  }

  static async serve(t: TestContext, script: BatchScript, port = 0): Promise<ScriptedStore> {
    const batches: (readonly Operation[])[] = [];
    const batch = unary<BatchRequest, BatchResponse>({
      kind: 'unary',
      name: 'Batch',
      decodeRequest: (bytes) => decodeMessage(BatchRequest, 'BatchRequest', Uint8Array.from(bytes)),
      encodeResponse: (response) => encodeMessage(BatchResponse, response),
      async handle({ operations }, context) {
        batches.push(operations);
        return { results: [...(await script(operations, context))] };
      },
    });
    const server = new ApiServer({
      services: [{ name: 'kvorum.v1.Store', methods: [batch] }],
      limits: makeApiLimits(),
      log: silentLog,
      version: 'test',
      clusterId: 7n,
    });
    const store = new ScriptedStore(server, batches, await server.listen('127.0.0.1', port));
    t.after(() => store.stop());
    return store;
  }

  /** Cuts all connections off. */
  stop(): Promise<void> {
    return this.#server.closeGracefully(0);
  }
}

/** Every operation succeeds; every get finds an empty value. */
export function allDone(operations: readonly Operation[]): OperationResult[] {
  return operations.map(({ kind }) => {
    switch (kind?.$case) {
      case 'put':
        return { kind: { $case: 'put', value: { revision: 2n } } };
      case 'delete':
        return { kind: { $case: 'delete', value: { revision: 2n, deleted: 1n } } };
      default: {
        const pair = {
          key: kind?.value.key ?? emptyBytes,
          value: emptyBytes,
          createRevision: 2n,
          modRevision: 2n,
          version: 1n,
        };
        return { kind: { $case: 'get', value: { pair } } };
      }
    }
  });
}

export function allRefused(operations: readonly Operation[], code: ErrorCode): OperationResult[] {
  return operations.map(() => ({ kind: { $case: 'error', value: { code, message: `told: ${code}` } } }));
}

/** Never answers; ends when the caller goes away. */
export function silence(_operations: readonly Operation[], context: CallContext): Promise<never> {
  return new Promise((_resolve, reject) => {
    context.signal.addEventListener('abort', () => reject(new KvorumError('CANCELLED', 'gone')));
  });
}

/** Resolves with the code of the KvorumError that the call rejects with. */
export async function codeOf(call: Promise<unknown>): Promise<ErrorCode> {
  try {
    await call;
  } catch (error) {
    if (error instanceof KvorumError) return error.code;
    throw error;
  }
  throw new Error('the call was expected to fail');
}
