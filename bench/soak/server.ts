import { readdirSync } from 'node:fs';
import { serveEcho } from '../../src/grpc/testing/served.js';
import type { Sample, ServerMessage } from './server-process.js';

/**
 * The server of a soak: `test.Echo` in a process of its own, started by SoakServer with `--expose-gc`. Tells its
 * port, then how it is as often as it is asked.
 */
const { server, port } = await serveEcho({ after: () => {} });

function tell(message: ServerMessage): void {
  process.send!(message);
}

function sample(): Sample {
  // The second one ends what the first one has begun: memory of buffers is given back behind it.
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  // The folder that is being read is one of them.
  const descriptors = readdirSync('/proc/self/fd').length - 1;
  return { usedBytes: heapUsed + arrayBuffers, rssBytes: rss, descriptors, ...server.stats() };
}

process.on('message', () => tell({ sample: sample() }));
process.on('disconnect', () => process.exit());
tell({ port });
