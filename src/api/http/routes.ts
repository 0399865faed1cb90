import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { formatMetrics, type Metric } from './metrics.js';

interface RouteOptions {
  /** Kvorum's. */
  readonly version: string;
  readonly serving: () => boolean;
  readonly metrics: () => readonly Metric[];
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** What the client port answers to HTTP that is no gRPC. */
export function httpRoutes(options: RouteOptions): RequestListener {
  const routes = new Map<string, () => Answer>([
    ['/health', () => json(options.serving() ? 200 : 503, { health: String(options.serving()) })],
    ['/version', () => json(200, { kvorum: options.version })],
    [
      '/metrics',
      () => ({ status: 200, type: 'text/plain; version=0.0.4', body: formatMetrics(options.metrics()) }),
    ],
  ]);
  return (request, response) => {
    // A body is of no use here; left unread it would block the connection.
    request.resume();
    send(request, response, answerOf(request, routes));
  };
}

function answerOf(request: IncomingMessage, routes: ReadonlyMap<string, () => Answer>): Answer {
  const path = request.url?.split('?', 1)[0] ?? '';
  const route = routes.get(path);
  if (route === undefined) {
    const known = [...routes.keys()].join(', ');
    return text(404, `This port speaks gRPC, and HTTP for ${known}.\n`);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, `${path} can only be read.\n`);
  return route();
}

function json(status: number, content: object): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(content)}\n` };
}

function text(status: number, body: string): Answer {
  return { status, type: 'text/plain', body };
}

function send(request: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    ...(status === 405 ? { allow: 'GET, HEAD' } : {}),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
