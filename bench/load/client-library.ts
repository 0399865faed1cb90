import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Etcd3 } from 'etcd3';
import type * as kvorumClient from '../../src/client/index.js';
import { Calls } from '../harness/calls.js';
import { encodePutTransaction } from '../harness/etcd.js';
import type { ClientLoad, ClientOutcome } from './client-load.js';
import { summarise } from './latencies.js';

interface Store {
  put(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<string | undefined>;
  /** Puts that travel and take effect together. */
  putAll?(pairs: readonly (readonly [string, string])[]): Promise<void>;
  close(): void;
}

/** The most that etcd takes by default. */
export const transactionPutsMax = 128;
const callTimeoutMs = 60_000;

async function open(load: ClientLoad): Promise<Store> {
  switch (load.library) {
    case 'kvorum': {
      const path = join(load.root, 'dist/src/client/index.js');
      const { connect } = (await import(pathToFileURL(path).href)) as typeof kvorumClient;
      const client = connect({ endpoints: [load.endpoint], timeoutMs: callTimeoutMs });
      return {
        put: (key, value) => client.set(key, value),
        get: (key) => client.get(key),
        close: () => client.close(),
      };
    }
    case 'etcd3': {
      const client = new Etcd3({ hosts: [`http://${load.endpoint}`] });
      return {
        put: (key, value) => client.put(key).value(value).exec(),
        get: async (key) => (await client.get(key).string()) ?? undefined,
        close: () => client.close(),
      };
    }
    case 'etcd-transactions': {
      const calls = new Calls();
      const only = (): Promise<never> => Promise.reject(new Error('transactions only'));
      return {
        put: only,
        get: only,
        putAll: async (pairs) => {
          const request = encodePutTransaction(pairs);
          await calls.call(load.endpoint, '/etcdserverpb.KV/Txn', request, callTimeoutMs);
        },
        close: () => calls.close(),
      };
    }
  }
}

/** The load's key of a number. */
export function keyOf(number: number, sizeBytes: number): string {
  return `bench/${String(number).padStart(sizeBytes - 'bench/'.length, '0')}`;
}

/** Rejects when a call fails, or a get answers something else than was put. */
export async function runClientLoad(load: ClientLoad): Promise<ClientOutcome> {
  const store = await open(load);
  try {
    if (load.operation === 'load') return inAll([await putOnce(store, load)]);
    const prepared = load.operation === 'get' ? [await putOnce(store, load)] : [];
    const warmUp = await goRound(store, load, load.warmUpSeconds);
    return inAll([...prepared, warmUp, await goRound(store, load, load.seconds)]);
  } finally {
    store.close();
  }
}

function inAll(rounds: readonly Round[]): ClientOutcome {
  const requestsInAll = rounds.reduce((sum, { requests }) => sum + requests, 0);
  return { ...rounds.at(-1)!, requestsInAll };
}

type Round = Omit<ClientOutcome, 'requestsInAll'>;

class Recorder {
  readonly #starts: number[] = [];
  readonly #latencies: number[] = [];

  add(beganMs: number): void {
    this.#starts.push(beganMs * 1000);
    this.#latencies.push((performance.now() - beganMs) * 1000);
  }

  outcome(elapsedMs: number): Round {
    const timings = {
      startsUs: Float64Array.from(this.#starts),
      latenciesUs: Float64Array.from(this.#latencies),
    };
    return { requests: this.#starts.length, seconds: elapsedMs / 1000, ...summarise(timings) };
  }
}

async function goRound(store: Store, load: ClientLoad, seconds: number): Promise<Round> {
  const recorder = new Recorder();
  const value = 'v'.repeat(load.valueSizeBytes);
  const startedMs = performance.now();
  let count = 0;
  const caller = async (): Promise<void> => {
    while (performance.now() - startedMs < seconds * 1000) {
      const key = keyOf(count++ % load.keys, load.keySizeBytes);
      const beganMs = performance.now();
      if (load.operation === 'put') await store.put(key, value);
      else if ((await store.get(key)) !== value) throw new Error(`${key} was read with another value`);
      recorder.add(beganMs);
    }
  };
  await Promise.all(Array.from({ length: load.outstanding }, caller));
  return recorder.outcome(performance.now() - startedMs);
}

/** Writes every key, as many at a time as are to be outstanding. */
async function putOnce(store: Store, load: ClientLoad): Promise<Round> {
  const recorder = new Recorder();
  const value = 'v'.repeat(load.valueSizeBytes);
  const together = store.putAll === undefined ? 1 : transactionPutsMax;
  const startedMs = performance.now();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < load.keys) {
      const first = next;
      next = Math.min(load.keys, first + together);
      const beganMs = performance.now();
      if (store.putAll === undefined) await store.put(keyOf(first, load.keySizeBytes), value);
      else {
        const pair = (_: unknown, at: number): [string, string] => [
          keyOf(first + at, load.keySizeBytes),
          value,
        ];
        await store.putAll(Array.from({ length: next - first }, pair));
      }
      recorder.add(beganMs);
    }
  };
  await Promise.all(Array.from({ length: Math.ceil(load.outstanding / together) }, caller));
  return recorder.outcome(performance.now() - startedMs);
}
