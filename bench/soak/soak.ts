import { median } from '../load/latencies.js';
import { Lives, type Deeds } from './lives.js';
import { SoakServer, type Sample } from './server-process.js';

export interface SoakOptions {
  readonly seed: number;
  readonly connections: number;
  readonly seconds: number;
  /** Between two steps of a connection, on average. */
  readonly pauseMs: number;
  readonly sampleIntervalMs: number;
  readonly onSample?: (sample: Sample, deeds: Deeds) => void;
}

export interface SoakReport {
  readonly deeds: Deeds;
  /** Before the first connection, and behind the last one. */
  readonly before: Sample;
  readonly after: Sample;
  /** From the middle third of the run to its last one, medians. */
  readonly usedGrownBytes: number;
  readonly rssGrownBytes: number;
  /** What is wrong; nothing, if the server has passed. */
  readonly faults: readonly string[];
}

const mebibyte = 1024 * 1024;
const usedGrownBytesMax = 8 * mebibyte;
/** The allocator keeps pages as it likes. */
const rssGrownBytesMax = 48 * mebibyte;

/** Until the server has noticed that all clients have gone. */
const settleMsMax = 30_000;

/** Lets clients come, call, reset and go, and watches what the server holds. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const server = await SoakServer.start();
  try {
    const before = await server.sample();
    const faults: string[] = [];
    const lives = new Lives(server.port, options.seed, options.pauseMs);
    const living = Array.from({ length: options.connections }, () =>
      lives.run().catch((error: unknown) => {
        // What comes after it is most often its consequence.
        if (faults.length === 0) faults.push(String(error));
        lives.stop();
      }),
    );
    const samples: Sample[] = [];
    const endMs = performance.now() + options.seconds * 1000;
    while (performance.now() < endMs && faults.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, options.sampleIntervalMs));
      const sample = await server.sample();
      samples.push(sample);
      options.onSample?.(sample, lives.deeds);
    }
    lives.stop();
    await Promise.all(living);
    const after = await settled(server, before);
    const usedGrownBytes = growth(samples.map(({ usedBytes }) => usedBytes));
    const rssGrownBytes = growth(samples.map(({ rssBytes }) => rssBytes));
    faults.push(...kept(before, after));
    if (usedGrownBytes > usedGrownBytesMax) faults.push(`memory grew by ${usedGrownBytes} bytes`);
    if (rssGrownBytes > rssGrownBytesMax) faults.push(`resident memory grew by ${rssGrownBytes} bytes`);
    return { deeds: lives.deeds, before, after, usedGrownBytes, rssGrownBytes, faults };
  } finally {
    await server.stop();
  }
}

const counts = ['connections', 'unary', 'streaming', 'heldBytes', 'descriptors'] as const;

/** What is still there although nobody is connected any more. */
function kept(before: Sample, after: Sample): string[] {
  const faults = counts
    .filter((name) => after[name] > before[name])
    .map((name) => `${name}: ${before[name]} before, ${after[name]} behind the last connection`);
  if (after.connectionsRefused > 0) faults.push(`${after.connectionsRefused} connections were refused`);
  if (after.connectionsFaulted > 0) {
    faults.push(`${after.connectionsFaulted} connections were ended`, ...after.reasons);
  }
  return faults;
}

async function settled(server: SoakServer, before: Sample): Promise<Sample> {
  const endMs = performance.now() + settleMsMax;
  for (;;) {
    const sample = await server.sample();
    if (counts.every((name) => sample[name] <= before[name]) || performance.now() > endMs) return sample;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The first third is left out: then connections come that were not there before, and code is compiled. */
function growth(values: readonly number[]): number {
  const third = Math.floor(values.length / 3);
  if (third === 0) return 0;
  return median(values.slice(-third)) - median(values.slice(third, 2 * third));
}
