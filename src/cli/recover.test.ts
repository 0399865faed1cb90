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

  it('goes on alone only with -yes, and says before what may be lost', async () => {
    const servers = await RunningServers.open();
    try {
      const all = await servers.cluster(2);
      await Promise.all(all.map((server) => server.stop()));
      const words = ['recover', `-data-dir=${all[0]!.dataDir}`, '-force-new-cluster'];
      const both = await runWords([...words, '-skip-entry=1:1:00000000']);
      assert.deepEqual([both.code, both.stdout], [exitCodes.usage, '']);
      for (const attempt of [words, words]) {
        const { code, stdout, stderr } = await runWords(attempt);
        assert.equal(code, exitCodes.ok);
        assert.match(stdout, /^member node1 of cluster [0-9a-f]{16}: its log ends at entry \d+ of term \d+/);
        assert.match(stderr, /^nothing was changed; .* -force-new-cluster -yes\n$/);
      }
      const done = await runWords([...words, '-yes']);
      assert.deepEqual([done.code, done.stderr], [exitCodes.ok, '']);
      assert.match(done.stdout, /^cluster [0-9a-f]{16} has node1 as its sole member/);
    } finally {
      await servers.close();
    }
  });
});
