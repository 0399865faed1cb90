import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { GrpcServerStats } from '../../src/grpc/index.js';

/** How the server is, right after its garbage was collected. */
export interface Sample extends GrpcServerStats {
  /** Of the heap and of buffers. */
  readonly usedBytes: number;
  readonly rssBytes: number;
  /** Open file descriptors. */
  readonly descriptors: number;
  /** Why connections were ended, as the log has it; each reason once. */
  readonly reasons: readonly string[];
}

export type ServerMessage = { readonly port: number } | { readonly sample: Sample };

/** The server under test, in a process that ends with this one. */
export class SoakServer {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(): Promise<SoakServer> {
    const child = fork(fileURLToPath(new URL('server.js', import.meta.url)), [], {
      execArgv: ['--expose-gc'],
    });
    const message = await next(child);
    if (!('port' in message)) throw new Error('the server told something else than its port');
    return new SoakServer(child, message.port);
  }

  async sample(): Promise<Sample> {
    this.#child.send('how are you?');
    const message = await next(this.#child);
    if (!('sample' in message)) throw new Error('the server told something else than how it is');
    return message.sample;
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }
}

async function next(child: ChildProcess): Promise<ServerMessage> {
  const controller = new AbortController();
  const { signal } = controller;
  const died = once(child, 'exit', { signal }).then(() => {
    throw new Error('the server has died');
  });
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal }), died])) as [ServerMessage];
    return message;
  } finally {
    died.catch(() => {});
    controller.abort();
  }
}
