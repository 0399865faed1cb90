import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { connect } from '../client/index.js';
import type { RunningServer } from '../server/server.js';
import { RunningServers } from '../testing/running-servers.js';
import { exitCodes } from './exit-codes.js';
import { OutputClosedError } from './output.js';
import { runCli } from './run-cli.js';
import { bytesOf, FakeIo, runWords } from './testing/fake-io.js';

/** More than one page of the server's. */
const many = 2500;

describe('export', () => {
  let servers: RunningServers;
  let source: RunningServer;
  let target: RunningServer;
  before(async () => {
    servers = await RunningServers.open();
    [source, target] = (await Promise.all(
      ['node1', 'node2'].map((id) => servers.start({ id, bootstrap: true })),
    )) as [RunningServer, RunningServer];
    const client = connect({ endpoints: source.grpcAddress });
    const sets = Array.from({ length: many }, (_, at) => client.set(`app/${at}`, `value\t${at}\n`));
    const odd = ['', '\ufeff', '{', '\\', 'ü'].map((value, at) => client.set(`odd${value}${at}`, value));
    await Promise.all([...sets, ...odd]);
    client.close();
  });
  after(() => servers.close());

  const exporting = (from: RunningServer, ...words: readonly string[]) =>
    runWords([`-server=${from.grpcAddress}`, 'export', ...words]);

  for (const format of ['jsonl', 'tsv']) {
    it(`as ${format}, imported elsewhere, is the same again`, async () => {
      const { code, stdout, stderr } = await exporting(source, `-format=${format}`);
      assert.deepEqual([code, stderr], [exitCodes.ok, '']);
      assert.equal(stdout.split('\n').length - 1, many + 5);
      const stdin = bytesOf(stdout);
      const imported = await runWords([`-server=${target.grpcAddress}`, 'import'], { stdin });
      assert.equal(imported.stderr, `imported ${many + 5} pairs\n`);
      assert.equal((await exporting(target, `-format=${format}`)).stdout, stdout);
    });
  }

  it('is sorted by key, and holds what begins with the prefix', async () => {
    const { stdout } = await exporting(source, '-prefix=app/1', '-format=tsv');
    const keys = stdout.split('\n').flatMap((line) => (line === '' ? [] : [line.split('\t')[0]!]));
    assert.deepEqual(keys, keys.toSorted());
    const expected = Array.from({ length: many }, (_, at) => `app/${at}`).filter((key) =>
      key.startsWith('app/1'),
    );
    assert.deepEqual(keys, expected.toSorted());
    assert.deepEqual(await exporting(source, '-prefix=none/'), {
      code: exitCodes.ok,
      stdout: '',
      stderr: '',
    });
  });

  it('holds any bytes as JSON lines, and names the key that tab-separated lines cannot hold', async () => {
    const stdin = bytesOf('{"keyBase64":"YmluL/8=","valueBase64":"AP8="}\n');
    await runWords([`-server=${target.grpcAddress}`, 'import'], { stdin });
    const json = await exporting(target, '-prefix=bin/');
    assert.equal(json.stdout, '{"keyBase64":"YmluL/8=","valueBase64":"AP8="}\n');
    assert.deepEqual(await exporting(target, '-prefix=bin/', '-format=tsv'), {
      code: exitCodes.failed,
      stdout: '',
      stderr: 'key "bin/\ufffd" is a pair with bytes that are no UTF-8: only jsonl can hold it\n',
    });
  });

  it('counts on a terminal, unless the pairs themselves go there', async () => {
    const words = [`-server=${source.grpcAddress}`, 'export'];
    const { stderr } = await runWords(words, { stderrIsTTY: true });
    assert.match(stderr, /^(\r\x1b\[Kexport \d+ pairs, \d+ a second)+\r\x1b\[K$/);
    const seen = await runWords(words, { stderrIsTTY: true, stdoutIsTTY: true });
    assert.equal(seen.stderr, '');
  });

  it('ends quietly when its reader has seen enough', async () => {
    const io = new FakeIo();
    io.stdout.failure = new OutputClosedError('stdout is closed');
    assert.equal(await runCli([`-server=${source.grpcAddress}`, 'export'], io), exitCodes.ok);
    assert.equal(io.stderr.text, '');
  });
});
