import { after, before } from 'node:test';
import type { GrpcLimits } from '../limits.js';
import type { GrpcServerOptions } from '../server.js';
import { END_HEADERS } from './frames.js';
import type { RawClient } from './raw-client.js';
import { serveEcho, type Served } from './served.js';

/** Methods of `serveEcho` by what is wanted of them. */
export const paths = {
  /** Answers with its request. */
  unary: '/test.Echo/Echo',
  /** The request is a number of four bytes; answers with as many bytes. */
  sized: '/test.Echo/Sized',
  /** Answers each request with itself. */
  chat: '/test.Echo/EchoAll',
  /** Answers with all requests, joined. */
  join: '/test.Echo/Join',
  /** Has the one request, and does not answer. */
  hold: '/test.Echo/Hold',
  /** Takes no request, and does not answer. */
  ignore: '/test.Echo/Ignore',
  missing: '/test.Echo/Nothing',
} as const;

/** The header list of a call. */
export function grpcFields(path: string, more: readonly string[] = []): string[] {
  return [
    ...[':method', 'POST', ':scheme', 'http', ':path', path, ':authority', 'localhost'],
    ...['content-type', 'application/grpc', 'te', 'trailers', ...more],
  ];
}

/** Begins a call, whose messages are to follow. */
export function openStream(client: RawClient, id: number, path: string = paths.unary): void {
  client.headers(id, grpcFields(path), END_HEADERS);
}

/** The raw client pings to learn whether a connection goes on. */
const limitsForPings: Partial<GrpcLimits> = {
  pingIntervalMsMin: 0,
  pingRate: { burst: 10_000, perSecond: 100 },
};

/** `serveEcho` for all tests of a file or suite; its fields are there once they run. */
export function echoServer(
  limits: Partial<GrpcLimits> = {},
  options: Omit<GrpcServerOptions, 'services' | 'limits'> = {},
): Served {
  const served = {} as { -readonly [Key in keyof Served]: Served[Key] };
  const ends: (() => unknown)[] = [];
  before(async () => {
    const context = { after: (end: () => unknown) => void ends.push(end) };
    Object.assign(served, await serveEcho(context, { ...options, limits: { ...limitsForPings, ...limits } }));
  });
  after(async () => {
    for (const end of ends) await end();
  });
  return served;
}
