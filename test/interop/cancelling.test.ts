import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';
import { faultedConnections, serveMember } from '../../src/api/testing/served-member.js';

const bytes = (message: Buffer): Buffer => message;
const getMethod = '/proto.KeyValueStore/Get';
/** `key = 1`, a key that is not there. */
const request = Buffer.from('0a036b6579', 'hex');

interface Calling {
  readonly client: Client;
  /** No connection of it has been ended so far, and it is served. */
  readonly check: () => Promise<void>;
}

async function serve(t: TestContext): Promise<Calling> {
  const { port } = await serveMember(t);
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
  });
  t.after(() => client.close());
  const check = async (): Promise<void> => {
    assert.equal(await get(client, {}), status.NOT_FOUND);
    assert.equal(await faultedConnections(port), 0);
  };
  return { client, check };
}

function get(client: Client, options: { deadline?: number }, cancelMs?: number): Promise<status> {
  return new Promise((resolve) => {
    const answered = (error: ServiceError | null): void => resolve(error?.code ?? status.OK);
    const call = client.makeUnaryRequest(getMethod, bytes, bytes, request, options, answered);
    if (cancelMs !== undefined) setTimeout(() => call.cancel(), cancelMs);
  });
}

/** Statuses of many calls, so many at a time. */
async function statuses(rounds: number, atOnce: number, one: () => Promise<status>): Promise<Set<status>> {
  const seen = new Set<status>();
  for (let round = 0; round < rounds; round++) {
    for (const each of await Promise.all(Array.from({ length: atOnce }, one))) seen.add(each);
  }
  return seen;
}

function assertOnly(seen: ReadonlySet<status>, ...allowed: readonly status[]): void {
  for (const each of seen) assert.ok(allowed.includes(each), status[each]);
}

/** A watch that has its first message. */
function watch(client: Client): Promise<{ end(): Promise<status> }> {
  const call = client.makeServerStreamRequest('/grpc.health.v1.Health/Watch', bytes, bytes, Buffer.alloc(0));
  const ended = new Promise<status>((resolve) => {
    call.once('error', (error: ServiceError) => resolve(error.code));
  });
  const end = (): Promise<status> => {
    call.cancel();
    return ended;
  };
  return new Promise((resolve, reject) => {
    call.once('data', () => resolve({ end }));
    void ended.then((code) => reject(new Error(`the watch ended with ${status[code]}`)));
  });
}

describe('@grpc/grpc-js, cancelling thousands of calls on one connection', () => {
  it('by deadlines of a millisecond', async (t) => {
    const { client, check } = await serve(t);
    const seen = await statuses(50, 50, () => get(client, { deadline: Date.now() + 1 }));
    assertOnly(seen, status.DEADLINE_EXCEEDED, status.NOT_FOUND);
    await check();
  });

  it('by cancellations at once', async (t) => {
    const { client, check } = await serve(t);
    const seen = await statuses(50, 50, () => get(client, {}, 0));
    assertOnly(seen, status.CANCELLED, status.NOT_FOUND);
    await check();
  });

  it('by watches that end at once', async (t) => {
    const { client, check } = await serve(t);
    const watches = await Promise.all(Array.from({ length: 2500 }, () => watch(client)));
    assertOnly(new Set(await Promise.all(watches.map((each) => each.end()))), status.CANCELLED);
    await check();
  });
});
