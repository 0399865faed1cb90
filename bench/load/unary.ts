import type { MethodPath } from '../../src/client/unary-stream.js';
import { Calls } from '../harness/calls.js';
import type { Cluster } from '../harness/cluster.js';
import { until } from '../harness/until.js';
import { h2load, type H2LoadResult } from './h2load.js';
import { join, summarise, type Summary } from './latencies.js';

export interface UnaryLoad {
  /** `mixed`: nine gets and a put, in turn on each connection. */
  readonly operation: 'put' | 'get' | 'mixed';
  readonly at: 'leader' | 'follower' | 'spread';
  readonly outstanding: 1 | 16 | 256 | 1024;
  readonly valueSizeBytes: number;
}

export interface UnaryRound extends Summary {
  readonly cpuSecondsPer100kRequests: number;
}

/** How the requests that are outstanding are spread over connections; as many on each. */
const connectionCounts = { 1: 1, 16: 4, 256: 16, 1024: 32 } as const;
const settleTimeoutMs = 10_000;
const mixedCycle = 10;

/**
 * The value, read as the end of a range, lies behind the key and before any other: the one message of a mixed
 * load is a put of one key to Put and a range of that key to etcd's Range. Kvorum's Get skips the field.
 */
const loadKey = 'bench/~load';

export function loadValue(sizeBytes: number): string {
  return 'c'.repeat(sizeBytes);
}

interface Plan {
  readonly methods: readonly MethodPath[];
  readonly message: Uint8Array;
}

function planOf({ system }: Cluster, load: UnaryLoad): Plan {
  const { api } = system;
  const put = api.encodePut(loadKey, loadValue(load.valueSizeBytes));
  switch (load.operation) {
    case 'put':
      return { methods: [api.putMethod], message: put };
    case 'get':
      return { methods: [api.getMethod], message: api.encodeGet(loadKey) };
    case 'mixed': {
      const gets = Array.from({ length: mixedCycle - 1 }, () => api.getMethod);
      return { methods: [api.putMethod, ...gets], message: put };
    }
  }
}

/** Writes the key that is then put and read, with a value of the load's size. */
export async function prepare(cluster: Cluster, load: UnaryLoad): Promise<void> {
  const calls = new Calls();
  const { api } = cluster.system;
  try {
    const { endpoint } = await cluster.leader();
    await calls.call(endpoint, api.putMethod, api.encodePut(loadKey, loadValue(load.valueSizeBytes)));
  } finally {
    calls.close();
  }
}

/**
 * Serves one round of about `requests` requests. Rejects unless every answer was a success: all HTTP statuses are
 * 200, the answers have the size that a success has, the revision moved by the number of puts, and a single call
 * before and after is answered as it should.
 */
export async function runUnary(cluster: Cluster, load: UnaryLoad, requests: number): Promise<UnaryRound> {
  const plan = planOf(cluster, load);
  const endpoints = await placement(cluster, load.at);
  const each = shareOf(requests, load, endpoints.length);
  const before = await sample(cluster, load, endpoints, plan);
  const cpuBefore = cluster.cpuSeconds;
  const parts = await Promise.all(endpoints.map((endpoint) => h2load({ endpoint, ...plan, ...each })));
  const cpuSeconds = cluster.cpuSeconds - cpuBefore;
  const total = each.requests * endpoints.length;
  await revisionReaches(cluster, before.revision + putCount(load, total));
  const after = await sample(cluster, load, endpoints, plan);
  for (const [at, part] of parts.entries()) {
    checkSize(part, load, each.requests, before.answers[at]!, after.answers[at]!);
  }
  return { ...summarise(join(parts)), cpuSecondsPer100kRequests: (cpuSeconds / total) * 100_000 };
}

async function placement(cluster: Cluster, at: UnaryLoad['at']): Promise<string[]> {
  if (at === 'spread') return cluster.members.map(({ endpoint }) => endpoint);
  if (at === 'leader') return [(await cluster.leader()).endpoint];
  return [(await cluster.followers())[0]!.endpoint];
}

/** Whole cycles of methods on every connection, so that the number of puts is known. */
function shareOf(
  requests: number,
  load: UnaryLoad,
  servers: number,
): { requests: number; connections: number; streamsPerConnection: number } {
  const connections = Math.max(1, Math.round(connectionCounts[load.outstanding] / servers));
  const streamsPerConnection = Math.max(1, Math.round(load.outstanding / servers / connections));
  const cycle = connections * (load.operation === 'mixed' ? mixedCycle : 1);
  return {
    requests: Math.max(1, Math.round(requests / servers / cycle)) * cycle,
    connections,
    streamsPerConnection,
  };
}

function putCount(load: UnaryLoad, requests: number): number {
  if (load.operation === 'put') return requests;
  return load.operation === 'get' ? 0 : requests / mixedCycle;
}

/** Sizes of one server's answers, with gRPC's prefix. */
interface AnswerSizes {
  readonly putBytes: number;
  readonly getBytes: number;
}

interface Sample {
  /** Behind the calls of the sample. */
  readonly revision: number;
  /** In the order of the endpoints. */
  readonly answers: readonly AnswerSizes[];
}

const prefixBytes = 5;

/** Single calls of what the load calls, with their answers looked at. */
async function sample(
  cluster: Cluster,
  load: UnaryLoad,
  endpoints: readonly string[],
  { methods, message }: Plan,
): Promise<Sample> {
  const { api } = cluster.system;
  const calls = new Calls();
  const answers: AnswerSizes[] = [];
  try {
    for (const endpoint of endpoints) {
      let putBytes = 0;
      let getBytes = 0;
      if (methods.includes(api.putMethod)) {
        putBytes = prefixBytes + (await calls.call(endpoint, api.putMethod, message)).length;
      }
      if (methods.includes(api.getMethod)) {
        const answer = await calls.call(endpoint, api.getMethod, message);
        getBytes = prefixBytes + answer.length;
        if (api.decodeGet(answer) !== loadValue(load.valueSizeBytes)) {
          throw new Error(`${cluster.system.name} answered a get with something else than was put`);
        }
      }
      answers.push({ putBytes, getBytes });
    }
  } finally {
    calls.close();
  }
  await cluster.settled();
  const { endpoint } = await cluster.leader();
  const { revision } = await cluster.system.state(endpoint);
  return { revision, answers };
}

async function revisionReaches(cluster: Cluster, revision: number): Promise<void> {
  const { system } = cluster;
  const { endpoint } = await cluster.leader();
  await until(`${system.name}'s revision to reach ${revision}`, settleTimeoutMs, async () => {
    const state = await system.state(endpoint);
    if (state.revision <= revision) return state.revision === revision;
    throw new Error(`${system.name}'s revision is ${state.revision}, not ${revision}: puts were repeated`);
  });
}

/** Answers grow a little where they tell the revision, so a success has a size between the two samples'. */
function checkSize(
  part: H2LoadResult,
  load: UnaryLoad,
  requests: number,
  before: AnswerSizes,
  after: AnswerSizes,
): void {
  const puts = putCount(load, requests);
  const expected = ({ putBytes, getBytes }: AnswerSizes): number =>
    puts * putBytes + (requests - puts) * getBytes;
  if (part.dataBytes >= expected(before) && part.dataBytes <= expected(after)) return;
  throw new Error(
    `the answers have ${part.dataBytes} bytes, successes would have ${expected(before)} to ${expected(after)}: some failed`,
  );
}
