import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { GrpcLimits } from '../limits.js';
import { grpcFields, paths } from './echo-server.js';
import type { SettingName } from './frames.js';
import { RawClient } from './raw-client.js';
import { serveEcho, type Served } from './served.js';

export interface Attack extends Served {
  readonly attacker: RawClient;
  /** One more connection, with the prefaces exchanged. */
  readonly join: (settings?: readonly (readonly [SettingName, number])[]) => Promise<RawClient>;
}

/**
 * A server, a connection to attack it from, and a bystander on another one: it makes call after call until the
 * attack has ended, and each must be answered.
 */
export async function underAttack(
  t: TestContext,
  limits: Partial<GrpcLimits>,
  attack: (parts: Attack) => Promise<void>,
): Promise<void> {
  const served = await serveEcho(t, { limits });
  const join: Attack['join'] = async (settings) => {
    const client = await RawClient.ready(served.port, settings);
    t.after(() => client.close());
    return client;
  };
  const calling = new AbortController();
  const bystander = callAgainAndAgain(await join(), calling.signal);
  try {
    await attack({ ...served, attacker: await join(), join });
  } finally {
    calling.abort();
    await bystander;
  }
}

async function callAgainAndAgain(client: RawClient, stop: AbortSignal): Promise<void> {
  client.windowUpdate(0, 2 ** 31 - 1 - 65_535);
  for (let id = 1; !stop.aborted; id += 2) {
    client.call(id, grpcFields(paths.unary), Buffer.from('bystander'));
    const { trailers } = await client.response(id);
    assert.equal(trailers.get('grpc-status'), '0');
    client.received.length = 0;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
