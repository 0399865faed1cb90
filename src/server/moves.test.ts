import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KvorumError } from '../base/errors.js';
import { freePort } from '../base/testing/free-port.js';
import { connect, type KvorumClient } from '../client/index.js';
import { ownLoopback } from '../testing/own-loopback.js';
import { placeOf, RunningServers } from '../testing/running-servers.js';
import type { RunningServer } from './server.js';

function clientOf(t: TestContext, ...servers: readonly RunningServer[]): KvorumClient {
  const client = connect({ endpoints: servers.map(({ grpcAddress }) => grpcAddress).join(',') });
  t.after(() => client.close());
  return client;
}

/** Waits until the cluster knows where these members are. */
async function untilKnown(client: KvorumClient, servers: readonly RunningServer[]): Promise<void> {
  for (;;) {
    const { members } = await client.members();
    const isThere = ({ name, raftAddress, grpcAddress }: RunningServer): boolean =>
      members.some(
        (each) =>
          each.name === name && each.raftAddress === raftAddress && each.clientAddress === grpcAddress,
      );
    if (servers.every(isThere)) return;
    await nextTurn();
  }
}

async function placeAt(id: string, host: string) {
  return { id, host, grpcPort: await freePort(host), raftPort: await freePort(host) };
}

describe('a server that moves', () => {
  it('is joined at its new address, though it was founded at another one', async (t) => {
    const servers = await RunningServers.in(t);
    const trial = await servers.start({ id: 'node1', bootstrap: true });
    await clientOf(t, trial).set('a', '1');
    await trial.stop();
    const founder = await servers.start(await placeAt('node1', ownLoopback()));
    assert.notEqual(founder.raftAddress, trial.raftAddress);
    await untilKnown(clientOf(t, founder), [founder]);
    const joined = await servers.start({ id: 'node2', join: [founder.grpcAddress] });
    assert.equal(await clientOf(t, joined).get('a'), '1');
  });

  it('finds the others with -peers when all of them have moved at once, and later without', async (t) => {
    const servers = await RunningServers.in(t);
    const before = await servers.cluster(3);
    await clientOf(t, ...before).set('a', '1');
    await Promise.all(before.map((server) => server.stop()));
    const host = ownLoopback();
    const places = await Promise.all(before.map(({ name }) => placeAt(name, host)));
    const peers = new Map(places.map(({ id, raftPort }) => [id, `${host}:${raftPort}`]));
    const startAll = (given: object): Promise<RunningServer[]> =>
      Promise.all(places.map((place) => servers.start({ ...place, ...given })));

    const moved = await startAll({ peers });
    const client = clientOf(t, ...moved);
    assert.equal(await client.get('a'), '1');
    await untilKnown(client, moved);
    await Promise.all(moved.map((server) => server.stop()));

    const again = await startAll({});
    const later = clientOf(t, ...again);
    await later.set('a', '2');
    for (const server of again) assert.equal(await clientOf(t, server).get('a'), '2');
  });

  it('ends when a copy of its folder is started after it', async (t) => {
    const servers = await RunningServers.in(t);
    const [founder, second, third] = await servers.cluster(3, ownLoopback());
    await third!.stop();
    const dataDir = join(servers.folder, 'copy', 'node3');
    await cp(third!.dataDir, dataDir, { recursive: true });
    // Where it was, so that it acknowledges nothing that the copy lacks.
    const original = await servers.start(placeOf(third!));
    const copy = await servers.start({ id: 'node3', dataDir });
    const reason = await original.stopped;
    assert.ok(reason.kind === 'failed' && reason.error instanceof KvorumError);
    assert.equal(reason.error.code, 'MEMBER_SUPERSEDED');
    assert.match(reason.error.message, /node3 .* was started later: a copy of its data folder is in use/);
    await untilKnown(clientOf(t, founder!, second!), [copy]);
    await clientOf(t, copy).set('a', '1');
  });

  it('is told what is wrong with peers', async (t) => {
    const servers = await RunningServers.in(t);
    const start = (name: string, address: string): Promise<unknown> =>
      servers.start({ id: 'node1', bootstrap: true, peers: new Map([[name, address]]) });
    await assert.rejects(start('node2', 'x'), {
      code: 'INVALID_REQUEST',
      message: /^peers must be host:port/,
    });
    await assert.rejects(start('-', 'x:1'), {
      code: 'INVALID_REQUEST',
      message: /^peers must be 1 to 128 letters/,
    });
    const many = new Map(Array.from({ length: 200 }, (_, at) => [`node${at}`, 'x:1']));
    await assert.rejects(servers.start({ id: 'node1', bootstrap: true, peers: many }), {
      code: 'INVALID_REQUEST',
      message: /^peers must name at most \d+ members, not 200$/,
    });
  });
});
