import type { Summary } from './latencies.js';

export interface ClientLoad {
  readonly library: 'kvorum' | 'etcd3' | 'etcd-transactions';
  /** Of kvorum: the built work tree whose client is used. */
  readonly root: string;
  readonly endpoint: string;
  /** `load` writes each key once; the others go round the keys until the time is over. */
  readonly operation: 'put' | 'get' | 'load';
  readonly outstanding: number;
  readonly keys: number;
  readonly keySizeBytes: number;
  readonly valueSizeBytes: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

export interface ClientOutcome extends Summary {
  readonly requests: number;
  /** With those of the warm-up and the preparation. */
  readonly requestsInAll: number;
  readonly seconds: number;
}
