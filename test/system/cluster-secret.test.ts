import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ProcessCluster } from './processes/process-cluster.js';

describe('the secret of a cluster', () => {
  it('is made with it, handed over at joining, kept from others, and told nobody', async (t) => {
    await ProcessCluster.run(t, { size: 3 }, async (cluster) => {
      const secrets = new Set<string>();
      for (const { dataDir } of cluster.members) {
        const path = join(dataDir, 'identity.json');
        const { secret } = JSON.parse(await readFile(path, 'utf8')) as { readonly secret: string };
        assert.match(secret, /^[0-9a-f]{64}$/);
        secrets.add(secret);
        assert.equal((await stat(path)).mode & 0o077, 0);
      }
      assert.equal(secrets.size, 1);
      const [secret] = secrets;
      for (const { lives } of cluster.members) {
        for (const { log } of lives) {
          assert.ok(!JSON.stringify([log.plain, log.shown('x')]).includes(secret!));
        }
      }
    });
  });

  it('is not needed where there was none: such a cluster goes on, and grows', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const founder = cluster.member('node1');
      await founder.stop();
      const path = join(founder.dataDir, 'identity.json');
      const rest = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
      delete rest['secret'];
      await writeFile(path, JSON.stringify(rest));
      await founder.start();
      const joined = cluster.add('node2');
      await joined.start(`-join=${founder.endpoint}`);
      await cluster.voters(joined, 2);
      assert.ok(!(await readFile(join(joined.dataDir, 'identity.json'), 'utf8')).includes('secret'));
      // One that has a secret takes none without.
      await joined.stop();
      const own = JSON.parse(await readFile(join(joined.dataDir, 'identity.json'), 'utf8')) as object;
      const secret = 'ab'.repeat(32);
      await writeFile(join(joined.dataDir, 'identity.json'), JSON.stringify({ ...own, secret }));
      const stranger = joined.launch();
      const sentAway = await stranger.event('sent away by a member');
      assert.match(
        String(sentAway['reason']),
        /does not know this cluster's secret.*if all members say so, it is this one/,
      );
    });
  });
});
