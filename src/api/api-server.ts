import type { Server as NetServer } from 'node:net';
import { echoed } from '../base/echo.js';
import { KvorumError } from '../base/errors.js';
import { clusterField, formatId, type ClusterId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Service } from '../base/rpc.js';
import { GrpcServer, type GrpcLimits } from '../grpc/index.js';
import { errorStatus } from './error-status.js';
import { counter, gauge, ProcessMetrics, type Metric } from './http/metrics.js';
import { httpRoutes } from './http/routes.js';
import type { ApiLimits } from './limits.js';
import { ownDescriptors } from './standard/descriptors.js';
import { Health } from './standard/health.js';
import { reflection } from './standard/reflection.js';

interface ApiServerOptions {
  readonly services: readonly Service[];
  readonly limits: ApiLimits;
  readonly log: Log;
  /** Kvorum's. */
  readonly version: string;
  /** That is served here. */
  readonly clusterId: ClusterId;
  /** Shown by /metrics beside those of the server and the process. */
  readonly metrics?: () => readonly Metric[];
  /** A connection that has not begun to speak by then is closed. Default 10,000. */
  readonly prefaceTimeoutMs?: number;
}

/** The client port: our services, gRPC health and reflection; /health, /version and /metrics over HTTP. */
export class ApiServer {
  readonly #server: GrpcServer;
  readonly #health: Health;
  readonly #process = new ProcessMetrics();

  constructor(options: ApiServerOptions) {
    const { services, limits, log, version, clusterId } = options;
    const names = services.map(({ name }) => name);
    this.#health = new Health(names);
    const health = this.#health.service;
    this.#server = new GrpcServer({
      services: [
        ...services,
        health,
        ...reflection({ serviceNames: [...names, health.name], descriptors: ownDescriptors }),
      ],
      limits: serverLimits(limits, options.prefaceTimeoutMs),
      log,
      statusOf: errorStatus,
      answerFields: [clusterField, formatId(clusterId)],
      objection: (fields) => objectionOf(clusterId, fields),
      portName: 'grpcport',
      http1: httpRoutes({
        version,
        serving: () => this.#health.serving,
        metrics: () => [...(options.metrics?.() ?? []), ...this.#metrics()],
      }),
    });
  }

  /**
   * @param port 0: any free one
   * @param reserved listens there already; its socket is served from now on, and closed by this one
   * @returns the port
   * @throws KvorumError ADDRESS_UNAVAILABLE
   */
  listen(host: string, port: number, reserved?: NetServer): Promise<number> {
    return this.#server.listen(host, port, reserved);
  }

  /** What health answers, for the server ("") and each service. NOT_SERVING until this is called. */
  setServing(serving: boolean): void {
    this.#health.serving = serving;
  }

  /**
   * Takes no more connections and calls, lets the calls that are open end, for up to `deadlineMs`, then cuts
   * them off. Resolves when no connection is left; a second call waits for the first.
   */
  async closeGracefully(deadlineMs: number): Promise<void> {
    this.setServing(false);
    this.#process.close();
    await this.#server.closeGracefully(deadlineMs);
  }

  /** In memory for clients: streams, requests, answers. */
  get heldBytes(): number {
    return this.#server.stats().heldBytes;
  }

  #metrics(): readonly Metric[] {
    const stats = this.#server.stats();
    return [
      gauge('kvorum_client_connections', 'Connections of clients that are open.', stats.connections),
      counter(
        'kvorum_client_connections_refused_total',
        'Connections closed at once because connectionsMax were open.',
        stats.connectionsRefused,
      ),
      counter(
        'kvorum_client_connections_faulted_total',
        'Connections ended because they broke a rule or went past a limit.',
        stats.connectionsFaulted,
      ),
      {
        name: 'kvorum_calls_running',
        help: 'Calls that handlers work on.',
        type: 'gauge',
        samples: [
          { labels: { kind: 'unary' }, value: stats.unary },
          { labels: { kind: 'streaming' }, value: stats.streaming },
        ],
      },
      gauge('kvorum_client_held_bytes', 'In memory for streams, requests and answers.', stats.heldBytes),
      ...this.#process.collect(),
    ];
  }
}

/** A caller who has talked to another cluster at these addresses must not take this one's answers for that one's. */
function objectionOf(clusterId: ClusterId, fields: ReadonlyMap<string, string>): KvorumError | undefined {
  const [own, meant] = [formatId(clusterId), fields.get(clusterField)];
  if (meant === undefined || meant === own) return undefined;
  return new KvorumError(
    'WRONG_CLUSTER',
    `this is a member of cluster ${own}, and the call is for cluster ${echoed(meant)}: was its data folder lost, and it founded a new one?`,
  );
}

function serverLimits(limits: ApiLimits, prefaceTimeoutMs: number | undefined): Partial<GrpcLimits> {
  const {
    requestSizeBytesMax,
    requestsInFlightMax,
    connectionsMax,
    streamsPerConnectionMax,
    memoryBytesMax,
  } = limits;
  return {
    requestSizeBytesMax,
    requestsInFlightMax,
    connectionsMax,
    streamsPerConnectionMax,
    memoryBytesMax,
    ...(prefaceTimeoutMs === undefined ? {} : { prefaceTimeoutMs }),
  };
}
