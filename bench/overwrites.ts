import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { FlagSpec } from '../src/cli/flags.js';
import { connect, type KvorumClient } from '../src/client/index.js';
import { silentLog } from '../src/base/log.js';
import { serverDefaults } from '../src/server/server-options.js';
import { startServer } from '../src/server/server.js';
import { flagLines } from './report/flag-lines.js';
import { runProgram } from './report/run-program.js';

/** Overwrites few keys very often on one member that compacts by itself, and shows how large its database and log get. */
const flags: readonly FlagSpec[] = [
  { name: 'help', kind: 'boolean', summary: 'show this' },
  { name: 'writes', kind: 'number', default: '10000000', value: 'N', summary: 'in all; 10 million', min: 1 },
  { name: 'keys', kind: 'number', default: '1000', value: 'N', summary: 'that are written; 1,000', min: 1 },
  {
    name: 'revisions',
    kind: 'number',
    default: '10000',
    value: 'N',
    summary: 'that are kept; 10,000',
    min: 1,
  },
];

const mib = 1024 * 1024;
const value = 'v'.repeat(150);
const outstandingMax = 1024;
const rowsOfTable = 20;

async function overwrite(client: KvorumClient, keys: number, first: number, count: number): Promise<void> {
  let next = first;
  const writer = async (): Promise<void> => {
    while (next < first + count) await client.set(`key${next++ % keys}`, value);
  };
  await Promise.all(Array.from({ length: outstandingMax }, writer));
}

async function printSizes(client: KvorumClient, writes: number, began: number): Promise<void> {
  const { databaseSizeBytes, logSizeBytes, revision, compactRevision } = await client.status();
  const columns = [
    `${(writes / 1e6).toFixed(2)} million writes`,
    `${((performance.now() - began) / 1000).toFixed(0)} s`,
    `database ${(databaseSizeBytes / mib).toFixed(1)} MiB`,
    `log ${(logSizeBytes / mib).toFixed(1)} MiB`,
    `${revision - compactRevision} revisions`,
  ];
  process.stdout.write(`${columns.join('; ')}\n`);
}

async function run(
  dataDir: string,
  values: { number(name: 'writes' | 'keys' | 'revisions'): number },
): Promise<void> {
  const server = await startServer({
    ...serverDefaults,
    ...{ dataDir, advertiseHost: serverDefaults.host, grpcPort: 0, raftPort: 0, bootstrap: true },
    ...{ compactionAgeMs: 0, compactionRevisions: values.number('revisions'), log: silentLog },
  });
  const client = connect({ endpoints: [server.grpcAddress] });
  const began = performance.now();
  try {
    const writes = values.number('writes');
    const step = Math.ceil(writes / rowsOfTable);
    for (let done = 0; done < writes; done += step) {
      const count = Math.min(step, writes - done);
      await overwrite(client, values.number('keys'), done, count);
      await printSizes(client, done + count, began);
    }
    // The space that is free is given back once a minute.
    await delay(settleMs);
    await printSizes(client, writes, began);
  } finally {
    client.close();
    await server.stop();
  }
}

const settleMs = 75_000;

const help = (): string => `node dist/bench/overwrites.js [flags]\n\n${flagLines(flags)}`;

await runProgram(flags, help, async (values) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-overwrites-'));
  try {
    await run(join(folder, 'data'), values);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
