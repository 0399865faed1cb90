import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { serverDefaults, type RunningServer } from '../server.js';
import { portOf, RunningServers } from '../testing/running-servers.js';
import { exitCodes } from './exit-codes.js';
import { bytesOf, FakeIo, runWords, type FakeIoOptions } from './testing/fake-io.js';
import { runCli } from './run-cli.js';

describe('get, set and delete', () => {
  let servers: RunningServers;
  let server: RunningServer;
  before(async () => {
    servers = await RunningServers.open();
    server = await servers.start({ id: 'node1', bootstrap: true });
  });
  after(() => servers.close());

  const client = (words: readonly string[], options?: FakeIoOptions) =>
    runWords([`-server=${server.grpcAddress}`, ...words], options);

  const done = { code: exitCodes.ok, stdout: 'OK\n', stderr: '' };

  it('answer as the original does', async () => {
    assert.deepEqual(await client(['set', 'mykey', 'myvalue']), done);
    assert.deepEqual(await client(['get', 'mykey']), { ...done, stdout: 'myvalue\n' });
    assert.deepEqual(await client(['delete', 'mykey']), done);
    assert.deepEqual(await client(['get', 'mykey']), {
      code: exitCodes.failed,
      stdout: '',
      stderr: 'key mykey not found\n',
    });
    assert.deepEqual(await client(['delete', 'mykey']), done);
  });

  it('take any text as key and value', async () => {
    const texts: [string, string][] = [
      ['a\tb\nc', 'x\ny\r'],
      ['ключ 🔑', ''],
      ['-dash', '-5'],
      ['"quoted"', '\\'],
    ];
    for (const [key, value] of texts) {
      assert.deepEqual(await client(['set', '--', key, value]), done);
      assert.deepEqual(await client(['get', '--', key]), { ...done, stdout: `${value}\n` });
    }
  });

  it('take bytes from stdin, and give them back to the last one', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
    const stdin = bytesOf(bytes.subarray(0, 100), bytes.subarray(100));
    assert.deepEqual(await client(['set', 'bytes', '-'], { stdin }), done);
    for (const [flag, end] of [
      ['-raw', ''],
      ['-raw=false', '\n'],
    ] as const) {
      const io = new FakeIo();
      assert.equal(await runCli([`-server=${server.grpcAddress}`, 'get', flag, 'bytes'], io), exitCodes.ok);
      assert.deepEqual(io.stdout.bytes, Buffer.concat([bytes, Buffer.from(end)]));
    }
  });

  it('read from one member on request', async () => {
    await client(['set', 'here', 'yes']);
    assert.deepEqual(await client(['get', '-serializable', 'here']), { ...done, stdout: 'yes\n' });
  });

  it('name the rule that a key or value breaks, and its limit', async () => {
    const longest = 'k'.repeat(65_536);
    assert.deepEqual(await client(['set', longest, '1']), done);
    const { valueSizeBytesMax } = serverDefaults;
    const largest = bytesOf(Buffer.alloc(valueSizeBytesMax));
    assert.deepEqual(await client(['set', 'largest', '-'], { stdin: largest }), done);
    const wrong: [string[], string][] = [
      [['get', ''], 'key is empty'],
      [['set', '', 'x'], 'key is empty'],
      [['delete', ''], 'key is empty'],
      [['set', `${longest}k`, '1'], 'key is 65537 bytes long, the limit is 65536 (keySizeBytesMax)'],
      [['set', 'half', '\ud800'], 'value holds half of a surrogate pair'],
    ];
    for (const [words, message] of wrong) {
      assert.deepEqual(await client(words), { code: exitCodes.usage, stdout: '', stderr: `${message}\n` });
    }
    const tooLarge: [number, string][] = [
      [valueSizeBytesMax + 1, 'value is 1572865 bytes long, the limit is 1572864 (valueSizeBytesMax)'],
      [8 * 1024 ** 2 + 1, 'the value on stdin is longer than 8388608 bytes, which no server takes'],
    ];
    for (const [sizeBytes, message] of tooLarge) {
      const ran = await client(['set', 'large', '-'], { stdin: bytesOf(Buffer.alloc(sizeBytes)) });
      assert.deepEqual(ran, { code: exitCodes.usage, stdout: '', stderr: `${message}\n` });
    }
    // It is the server that refuses what is at the limit of stdin.
    const ran = await client(['set', 'large', '-'], { stdin: bytesOf(Buffer.alloc(8 * 1024 ** 2)) });
    assert.ok(ran.code !== exitCodes.ok && !ran.stderr.includes('stdin'), ran.stderr);
  });

  it('find the server that is up among several, whichever stands first', async () => {
    const dead = '127.0.0.1:1';
    for (const endpoints of [`${dead},${server.grpcAddress}`, `${server.grpcAddress},${dead}`]) {
      assert.deepEqual(await runWords([`-server=${endpoints}`, 'set', 'a', '1']), done);
    }
  });

  it('say soon that no server is there', async () => {
    const fromMs = performance.now();
    for (const words of [['get', 'a'], ['set', 'a', '1'], ['delete', 'a'], ['members'], ['export']]) {
      assert.deepEqual(await runWords(['-server=127.0.0.1:1', '-timeout=60000', ...words]), {
        code: exitCodes.unavailable,
        stdout: '',
        stderr: 'cannot connect to 127.0.0.1:1\n',
      });
    }
    assert.ok(performance.now() - fromMs < 60_000);
  });

  it('say so when what answers is no Kvorum', async () => {
    // The Raft port knows neither HTTP nor gRPC.
    const ran = await runWords([`-server=${server.raftAddress}`, '-timeout=1000', 'get', 'a']);
    assert.equal(ran.code, exitCodes.unavailable);
    assert.match(ran.stderr, new RegExp(`^[^\n]*127\\.0\\.0\\.1:${portOf(server.raftAddress)}[^\n]*\n$`));
  });
});
