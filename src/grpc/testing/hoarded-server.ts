import { GrpcServer } from '../server.js';
import { echoMethods, HeldCalls } from './served.js';

/**
 * A program to be forked with --expose-gc: serves `test.Echo`, tells its parent its port, and, whenever it is asked,
 * what it counts as held and what its process really has in memory.
 */

export interface Measure {
  readonly heldBytes: number;
  readonly memoryBytes: number;
  /** Calls of `Hold` whose handler has its request. */
  readonly heldCalls: number;
}

declare const gc: () => void;

async function measure(server: GrpcServer): Promise<Measure> {
  for (let count = 0; count < 4; count++) {
    // What is freed is told by tasks.
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  const { heapUsed, external } = process.memoryUsage();
  return { heldBytes: server.stats().heldBytes, memoryBytes: heapUsed + external, heldCalls: held.count };
}

const held = new HeldCalls();
const server = new GrpcServer({
  services: [{ name: 'test.Echo', methods: echoMethods(held) }],
  limits: {
    streamsPerConnectionMax: 4096,
    // The raw client pings to learn how far it has been read.
    pingIntervalMsMin: 0,
    pingRate: { burst: 10_000, perSecond: 1000 },
  },
  http1: (_request, response) => response.end(Buffer.alloc(20_000)),
});
process.on('message', () => void measure(server).then((told) => process.send!(told)));
process.send!(await server.listen('127.0.0.1', 0));
