import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../load/latencies.js';
import { measureUnary } from '../load/rounds.js';
import type { Part, Run } from './part.js';
import { withClusters } from './with-clusters.js';

export const bareSync = 'write + fdatasync';
const name = 'one put at a time, leader, 128 B';
const syncs = 500;
const blockSizeBytes = 256;

/** A log record's write to space that is allocated already, and its sync, as the servers do it: one at a time. */
async function measureSync(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-bench-sync-'));
  const file = openSync(join(folder, 'file'), 'w');
  try {
    const block = Buffer.alloc(blockSizeBytes, 1);
    writeSync(file, Buffer.alloc(syncs * blockSizeBytes));
    fdatasyncSync(file);
    const tookMs: number[] = [];
    for (let at = 0; at < syncs; at++) {
      const beganMs = performance.now();
      writeSync(file, block, 0, block.length, at * blockSizeBytes);
      fdatasyncSync(file);
      tookMs.push(performance.now() - beganMs);
    }
    return median(tookMs);
  } finally {
    closeSync(file);
    await rm(folder, { recursive: true, force: true });
  }
}

export const oneAtATimePart: Part = {
  name: 'one',
  summary: 'one client, one put at a time, beside a bare write + fdatasync of this disk',
  inShort: true,
  run: (run: Run) =>
    withClusters(run, 3, async (clusters) => {
      for (let round = 0; round < run.effort.rounds; round++) {
        run.figures.add('one', name, 'p50', bareSync, await measureSync());
      }
      const load = { operation: 'put', at: 'leader', outstanding: 1, valueSizeBytes: 128 } as const;
      await measureUnary(run, 'one', clusters, load, name);
    }),
};
