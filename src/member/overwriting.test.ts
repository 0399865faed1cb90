import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLog } from '../base/log.js';
import { Prng } from '../base/prng.js';
import { MemoryNetwork } from '../peer/memory-network.js';
import { MemoryPeers } from '../peer/memory-peers.js';
import { RealClock } from '../ports/real-clock.js';
import { LmdbBackend } from '../storage/backend/lmdb-backend.js';
import { MemoryDisk } from '../storage/disk/memory-disk.js';
import { openMember } from './open.js';
import { memberDefaults } from './options.js';
import type { RaftMember } from './raft-member.js';
import { put } from './testing/key-values.js';

const clock = new RealClock();
const value = 'v'.repeat(150);
const rounds = 20;
const writesPerRound = 20_000;
const callers = 2048;
const keys = 1000;
const mib = 1024 * 1024;

/** The only member of its cluster, with its state in LMDB and everything else in memory. */
async function start(backend: LmdbBackend): Promise<RaftMember> {
  const network = new MemoryNetwork(clock, new Prng(1), { latencyMsMin: 0, latencyMsMax: 0 });
  const identity = { clusterId: 1n, memberId: 1n, name: 'n1', address: 'n1:60051' };
  const secret = new Uint8Array(32);
  const member = await openMember({
    ...{ clusterId: 1n, id: 1n, name: 'n1', version: 'test', found: true, contacts: [], secret },
    ...{ clientAddress: 'n1:50051', peerAddress: 'n1:60051', log: silentLog, random: new Prng(1), clock },
    options: { ...memberDefaults, compactionRevisions: 10_000, logEntriesKept: 0, logSizeBytesKept: 0 },
    disk: new MemoryDisk(),
    backend,
    peers: new MemoryPeers(network, identity, secret),
  });
  await member.start();
  return member;
}

async function overwrite(member: RaftMember): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < writesPerRound) await put(member, `key${next++ % keys}`, value);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

test('a database that is overwritten all the time stays as large as what is kept, however fast it is written', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-overwriting-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const backend = await LmdbBackend.open(folder, { clock });
  const member = await start(backend);
  for (let round = 0; round < rounds; round++) {
    await overwrite(member);
    // A disk that falls behind makes transactions larger, and with them the file.
    await backend.flush();
  }
  const { revision } = member.status();
  const sizeBytes = backend.sizeBytes();
  await member.stop();
  await backend.close();
  assert.equal(revision, rounds * writesPerRound + 1);
  t.diagnostic(`${(sizeBytes / mib).toFixed(1)} MiB after ${revision} writes`);
  assert.ok(sizeBytes < 32 * mib, `${sizeBytes} bytes for ${rounds * writesPerRound} writes`);
});
