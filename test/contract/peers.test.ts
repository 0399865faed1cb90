import { silentLog } from '../../src/base/log.js';
import { Prng } from '../../src/base/prng.js';
import { freePort } from '../../src/base/testing/free-port.js';
import { MemoryNetwork } from '../../src/peer/memory-network.js';
import { MemoryPeers } from '../../src/peer/memory-peers.js';
import { TcpPeers } from '../../src/peer/tcp-peers.js';
import { RealClock } from '../../src/ports/real-clock.js';
import { testMovingPeers } from './moving-peers.js';
import type { PeersKind } from './peers-scene.js';
import { testPeers } from './peers.js';

const clock = new RealClock();

const tcp: PeersKind = {
  name: 'TCP',
  address: async () => `127.0.0.1:${await freePort()}`,
  make: (identity, secret, versions) =>
    new TcpPeers({
      identity,
      secret,
      ...(versions === undefined ? {} : { versions }),
      listenHost: '127.0.0.1',
      listenPort: Number(identity.address.split(':')[1]),
      random: new Prng(identity.memberId),
      clock,
      log: silentLog,
    }),
};

const network = new MemoryNetwork(clock, new Prng(1), { latencyMsMin: 0.1, latencyMsMax: 1 });
let addresses = 0;

const memory: PeersKind = {
  name: 'memory',
  address: () => Promise.resolve(`m${++addresses}:1`),
  make: (identity, secret, versions) => new MemoryPeers(network, identity, secret, versions),
};

for (const kind of [tcp, memory]) {
  testPeers(kind);
  testMovingPeers(kind);
}
