import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { allDone, allRefused, ScriptedStore } from '../client/testing/scripted-store.js';
import type { RunningServer } from '../server/server.js';
import { RunningServers } from '../testing/running-servers.js';
import { exitCodes } from './exit-codes.js';
import { runCli } from './run-cli.js';
import { FakeIo, runWords } from './testing/fake-io.js';

describe('bench', () => {
  let servers: RunningServers;
  let server: RunningServer;
  before(async () => {
    servers = await RunningServers.open();
    server = await servers.start({ id: 'node1', bootstrap: true });
  });
  after(() => servers.close());

  it('shows a row for each kind of request', async () => {
    const words = ['bench', '-warm-up=0', '-seconds=1', '-clients=8', '-keys=50', '-reads=50'];
    const { code, stdout, stderr } = await runWords([`-server=${server.grpcAddress}`, ...words]);
    assert.deepEqual([code, stderr], [exitCodes.ok, '']);
    const [header, ...rows] = stdout.trimEnd().split('\n');
    assert.match(
      header!,
      /^KIND {2}REQUESTS {2}PER SECOND +MEAN MS +P50 MS +P90 MS +P99 MS +P99\.9 MS +LONGEST MS$/,
    );
    assert.equal(rows.length, 2);
    for (const [at, kind] of ['get', 'set'].entries()) assert.ok(rows[at]!.startsWith(kind));
    // Reads find what was set beforehand.
    const all = await runWords([`-server=${server.grpcAddress}`, 'export', '-prefix=bench/']);
    assert.equal(all.stdout.trimEnd().split('\n').length, 50);
  });

  it('tells programs its load and figures, and ends early when it is asked to', async (t) => {
    let asked = 0;
    const io = new FakeIo();
    const store = await ScriptedStore.serve(t, (operations) => {
      if (++asked === 100) io.signal('SIGINT');
      return allDone(operations);
    });
    const words = ['bench', '-json', '-warm-up=0', '-seconds=3600', '-clients=2', '-value-size=3'];
    assert.equal(await runCli([`-server=${store.endpoint}`, ...words], io), exitCodes.ok);
    const told = JSON.parse(io.stdout.text) as Record<string, Record<string, unknown>>;
    assert.deepEqual(told['load'], {
      clients: 2,
      warmUpMs: 0,
      durationMs: 3_600_000,
      keys: 10_000,
      valueSizeBytes: 3,
      readsPercent: 0,
      seed: 1,
    });
    assert.deepEqual(told['failed'], {});
    const set = told['answered']!['set'] as Record<string, number>;
    const { requests, p50Ms, p90Ms, p99Ms, p999Ms, longestMs } = set;
    assert.ok(requests! > 0 && p50Ms! > 0);
    assert.ok(p50Ms! <= p90Ms! && p90Ms! <= p99Ms! && p99Ms! <= p999Ms! && p999Ms! <= longestMs! + 0.001);
  });

  it('counts failures by their code, after the figures', async (t) => {
    let asked = 0;
    const store = await ScriptedStore.serve(t, (operations) => {
      const refused = ++asked % 3 === 0;
      return refused ? allRefused(operations, 'QUORUM_WOULD_BE_LOST') : allDone(operations);
    });
    const words = ['bench', '-warm-up=0', '-seconds=1', '-clients=4'];
    const { code, stdout, stderr } = await runWords([`-server=${store.endpoint}`, ...words]);
    assert.equal(code, exitCodes.failed);
    assert.match(stdout, /^KIND/);
    assert.match(stderr, /^requests failed: \d+ QUORUM_WOULD_BE_LOST\n$/);
  });

  it('measures nothing where the first request fails', async (t) => {
    const store = await ScriptedStore.serve(t, (operations) => allRefused(operations, 'INVALID_VALUE'));
    assert.deepEqual(await runWords([`-server=${store.endpoint}`, 'bench']), {
      code: exitCodes.usage,
      stdout: '',
      stderr: 'told: INVALID_VALUE\n',
    });
    assert.equal((await runWords(['-server=127.0.0.1:1', 'bench'])).code, exitCodes.unavailable);
  });
});
