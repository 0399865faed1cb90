import { readdirSync } from 'node:fs';
import type { Log } from '../../src/base/log.js';
import { serveEcho } from '../../src/grpc/testing/served.js';
import type { Sample, ServerMessage } from './server-process.js';

/** Of different ones. */
const reasonsMax = 20;

/**
 * The server of a soak: `test.Echo` in a process of its own, started by SoakServer with `--expose-gc`. Tells its
 * port, then how it is as often as it is asked.
 */
const told = new Set<string>();
const tell: Log['info'] = ({ reason }, message) => {
  if (typeof reason === 'string' && told.size < reasonsMax) told.add(`${message}: ${reason}`);
};
const log: Log = { debug: () => {}, info: tell, warn: tell, error: tell };
const { server, port } = await serveEcho({ after: () => {} }, { log });

function send(message: ServerMessage): void {
  process.send!(message);
}

function sample(): Sample {
  // The second one ends what the first one has begun: memory of buffers is given back behind it.
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  // The folder that is being read is one of them.
  const descriptors = readdirSync('/proc/self/fd').length - 1;
  return {
    usedBytes: heapUsed + arrayBuffers,
    rssBytes: rss,
    descriptors,
    ...server.stats(),
    reasons: [...told],
  };
}

process.on('message', () => send({ sample: sample() }));
process.on('disconnect', () => process.exit());
send({ port });
