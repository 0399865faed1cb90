import assert from 'node:assert/strict';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { stateFolder } from '../../src/server/server.js';
import { kvorum } from './processes/command-line.js';
import { ProcessCluster } from './processes/process-cluster.js';

describe('entries that are missing between the state and the log', () => {
  it('are told by kvorum recover, with what to do, and nothing is made', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const founder = cluster.member('node1');
      await founder.client().set('key', 'x');
      await founder.stop();
      await rm(join(founder.dataDir, stateFolder), { recursive: true });
      const before = await readdir(founder.dataDir);
      const command = ['recover', `-data-dir=${founder.dataDir}`];
      const shown = await kvorum(...command);
      assert.equal(shown.code, 1, shown.error);
      assert.match(shown.out, /the state is missing: folder state/);
      assert.match(shown.out, /entry 1 is missing between the state \(up to 0\) and the log \(from 2\)/);
      assert.match(shown.out, /node1 cannot go on: remove this member \(kvorum remove\) and join it anew/);
      assert.doesNotMatch(shown.out, /can be applied|ENOENT/);
      const refused = await kvorum(...command, '-skip-entry=2:1:00000000', '-yes');
      assert.equal(refused.code, 2, refused.out);
      assert.match(refused.error, /cannot be passed over.*entry 1 is missing/);
      const beyond = await kvorum(...command, `-skip-entry=${2 ** 52 + 1}:1:00000000`, '-yes');
      assert.match(beyond.error, /INDEX a whole number from 1 to 4503599627370496/);
      assert.deepEqual(await readdir(founder.dataDir), before);
    });
  });
});
