import { Client, credentials, Metadata, type ClientUnaryCall, type ServiceError } from '@grpc/grpc-js';
import type { TestContext } from 'node:test';
import type { ClusterId } from '../../base/ids.js';
import { silentLog, type Log } from '../../base/log.js';
import type { Service } from '../../base/rpc.js';
import { ApiServer } from '../api-server.js';
import type { HostStatus } from '../host-status.js';
import { cluster } from '../kvstore/cluster.js';
import { keyValueStore } from '../kvstore/key-value-store.js';
import { store } from '../kvstore/store.js';
import { makeApiLimits, type ApiLimits } from '../limits.js';
import { MapMember } from './map-member.js';

export interface ServeOptions {
  readonly limits?: Partial<ApiLimits>;
  readonly log?: Log;
  readonly prefaceTimeoutMs?: number;
  /** Other than the member's own. */
  readonly clusterId?: ClusterId;
  /** Other than a free one. */
  readonly port?: number;
  /** Served besides Kvorum's own. */
  readonly services?: readonly Service[];
}

export interface ServedMember {
  readonly member: MapMember;
  readonly server: ApiServer;
  readonly port: number;
  readonly client: RawClient;
}

/** What the machine is told to have. */
export const testHost: HostStatus = {
  diskFreeBytes: 5_000_000_000,
  diskSizeBytes: 20_000_000_000,
  openFiles: 42,
  openFilesMax: undefined,
};

/** How many connections a member has ended because they broke a rule or went past a limit, as it tells by HTTP. */
export async function faultedConnections(port: number): Promise<number> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(/^kvorum_client_connections_faulted_total (\d+)$/m.exec(metrics)![1]);
}

/** A MapMember served on a port of 127.0.0.1 until the test ends. */
export async function serveMember(t: TestContext, options: ServeOptions = {}): Promise<ServedMember> {
  const member = new MapMember();
  const limits = makeApiLimits(options.limits);
  const { prefaceTimeoutMs } = options;
  const server = new ApiServer({
    services: [
      keyValueStore(member, limits),
      store(member, limits),
      cluster(member, () => testHost),
      ...(options.services ?? []),
    ],
    limits,
    log: options.log ?? silentLog,
    version: 'test',
    clusterId: options.clusterId ?? member.status().clusterId,
    ...(prefaceTimeoutMs === undefined ? {} : { prefaceTimeoutMs }),
  });
  const port = await server.listen('127.0.0.1', options.port ?? 0);
  const client = new RawClient(port);
  t.after(async () => {
    client.close();
    await server.closeGracefully(0);
  });
  return { member, server, port, client };
}

interface RawCallOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A grpc-js client that knows no messages: bytes in, bytes out. */
export class RawClient {
  readonly grpc: Client;

  constructor(port: number) {
    this.grpc = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      // Connections are not shared between clients of one process.
      'grpc.use_local_subchannel_pool': 1,
      'grpc.max_receive_message_length': -1,
      'grpc.initial_reconnect_backoff_ms': 50,
    });
  }

  /** Rejects with grpc-js's ServiceError. */
  call(path: string, request: Uint8Array, options: RawCallOptions = {}): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const { timeoutMs, signal, metadata = {} } = options;
      const sent = new Metadata();
      for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
      const call: ClientUnaryCall = this.grpc.makeUnaryRequest(
        path,
        (bytes: Uint8Array) => Buffer.from(bytes),
        (bytes: Buffer) => bytes,
        request,
        sent,
        timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, response?: Buffer) => {
          if (error !== null) reject(error);
          else resolve(response!);
        },
      );
      signal?.addEventListener('abort', () => call.cancel());
    });
  }

  close(): void {
    this.grpc.close();
  }
}
