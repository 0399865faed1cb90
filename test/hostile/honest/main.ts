import { setTimeout as after } from 'node:timers/promises';
import { connect, KvorumError, type KvorumClient } from '../../../src/client/index.js';
import { CallRecord, type HonestReport, type Phase } from './figures.js';
import { watchHealth } from './health.js';

/**
 * Honest clients in a process of their own, so that what is measured is the member's: started by HonestClients, told
 * the phase by messages, and asked for its report in the end.
 */
export interface HonestOrders {
  readonly endpoints: readonly string[];
  /** Between two uploads of the largest value; unless told, nobody uploads. */
  readonly uploadIntervalMs?: number;
}

export type HonestMessage = { readonly phase: Phase } | { readonly stop: true };

const { endpoints, uploadIntervalMs } = JSON.parse(process.argv[2]!) as HonestOrders;

/** What an answer may take before the call counts as failed; the member's own limit is longer. */
const callTimeoutMs = 5000;
const callers = 5;
const keysPerCaller = 50;
/** Between two calls of a caller: the clients are to notice the attack, not to be one. */
const pauseMs = 5;
const newcomerIntervalMs = 300;
const uploadSizeBytes = 1.5 * 1024 * 1024;

let phase: Phase = 'before';
let stopping = false;
const records = { before: new CallRecord(), during: new CallRecord(), after: new CallRecord() };
/** By key, what was acknowledged last. */
const lastPut = new Map<string, string>();
const newcomers = { before: new CallRecord(), during: new CallRecord(), after: new CallRecord() };

/**
 * @param record of the phase in which the call begins
 * @returns whether it was answered as it had to be
 */
async function timed(record: CallRecord, call: () => Promise<unknown>): Promise<boolean> {
  const beganMs = performance.now();
  try {
    await call();
    record.answered(performance.now() - beganMs);
    return true;
  } catch (error) {
    record.failed(error);
    return false;
  }
}

async function mustBe(client: KvorumClient, key: string, expected: string): Promise<void> {
  const found = await client.get(key);
  if (found !== expected) throw new KvorumError('INTERNAL', `${key} is ${found}, ${expected} was put`);
}

/** Puts, and gets what was put. */
async function caller(client: KvorumClient, at: number): Promise<void> {
  for (let count = 0; !stopping; count++) {
    const [key, value] = [`honest/${at}/${count % keysPerCaller}`, String(count)];
    const record = records[phase];
    const done = await timed(record, () => client.set(key, value));
    await after(pauseMs);
    // Where a put has failed, nobody can say what is to be read.
    lastPut.delete(key);
    if (!done) continue;
    lastPut.set(key, value);
    await timed(records[phase], () => mustBe(client, key, value));
    await after(pauseMs);
  }
}

async function uploader(client: KvorumClient, intervalMs: number): Promise<void> {
  const value = Buffer.alloc(uploadSizeBytes, 'upload');
  while (!stopping) {
    // Their time is another than that of small calls; their failures are failures.
    const record = records[phase];
    await client.set('honest/upload', value).catch((error: unknown) => record.failed(error));
    await after(intervalMs);
  }
}

/** Looks once more for each key's last value, at each member. */
async function readBack(): Promise<void> {
  for (const endpoint of endpoints) {
    const client = connect({ endpoints: endpoint, timeoutMs: callTimeoutMs });
    const looks = [...lastPut].map(([key, value]) =>
      mustBe(client, key, value).catch((error: unknown) => records.after.failed(error)),
    );
    await Promise.all(looks);
    client.close();
  }
}

/** Comes, asks what operators and load balancers ask, writes and reads, and goes. */
async function newcomer(endpoint: string): Promise<void> {
  for (let count = 0; !stopping; count++) {
    await timed(newcomers[phase], async () => {
      const client = connect({ endpoints: endpoint, timeoutMs: callTimeoutMs });
      try {
        await watchHealth(endpoint, callTimeoutMs);
        await client.status();
        await client.set('honest/newcomer', String(count));
        await mustBe(client, 'honest/newcomer', String(count));
      } finally {
        client.close();
      }
    });
    await after(newcomerIntervalMs);
  }
}

function report(): HonestReport {
  return {
    calls: { before: records.before.figures, during: records.during.figures, after: records.after.figures },
    newcomers: newcomers.during.figures,
  };
}

const client = connect({ endpoints, timeoutMs: callTimeoutMs });
const working = [
  ...Array.from({ length: callers }, (_, at) => caller(client, at)),
  newcomer(endpoints[0]!),
  ...(uploadIntervalMs === undefined ? [] : [uploader(client, uploadIntervalMs)]),
];

process.on('message', (message: HonestMessage) => {
  if ('phase' in message) {
    phase = message.phase;
    return;
  }
  stopping = true;
  void Promise.all(working)
    .then(readBack)
    .then(() => process.send!(report(), () => process.exit()));
});
process.on('disconnect', () => process.exit());
process.send!('ready');
