import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RunningServers } from '../testing/running-servers.js';
import { exitCodes } from './exit-codes.js';
import { runWords } from './testing/fake-io.js';

describe('recover', () => {
  it('says whose folder it is, in words that people know', async () => {
    const servers = await RunningServers.open();
    try {
      const [server] = await servers.cluster(1);
      await server!.stop();
      const { code, stdout } = await runWords(['recover', `-data-dir=${server!.dataDir}`]);
      assert.equal(code, exitCodes.ok);
      assert.match(stdout, /^member node1 \([0-9a-f]{16}\) of cluster [0-9a-f]{16}\n/);
    } finally {
      await servers.close();
    }
  });
});
