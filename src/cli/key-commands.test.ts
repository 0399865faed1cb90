import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseHostPort } from '../base/address.js';
import { serverDefaults, type RunningServer } from '../server/server.js';
import { RunningServers } from '../testing/running-servers.js';
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

  it('take a key from stdin, whatever its bytes, and show it without them', async () => {
    const key = Uint8Array.of(0xff, 0xfe, 10);
    const onStdin = () => ({ stdin: bytesOf(key.subarray(0, 1), key.subarray(1)) });
    assert.deepEqual(await client(['set', '-key-stdin', 'odd'], onStdin()), done);
    assert.deepEqual(await client(['get', '-key-stdin'], onStdin()), { ...done, stdout: 'odd\n' });
    const json = JSON.parse((await client(['get', '-key-stdin', '-json'], onStdin())).stdout) as object;
    assert.equal(Reflect.get(json, 'keyBase64'), Buffer.from(key).toString('base64'));
    assert.deepEqual(await client(['delete', '-key-stdin'], onStdin()), done);
    assert.deepEqual(await client(['get', '-key-stdin'], onStdin()), {
      code: exitCodes.failed,
      stdout: '',
      stderr: 'key \\xff\\xfe\\n not found\n',
    });
  });

  it('answer to the names that other stores have for them', async () => {
    assert.deepEqual(await client(['put', 'other', 'name']), done);
    assert.deepEqual(await client(['get', 'other']), { ...done, stdout: 'name\n' });
    assert.deepEqual(await client(['del', 'other']), done);
    assert.equal((await client(['get', 'other'])).code, exitCodes.failed);
  });

  it('write only at the revision that is expected', async () => {
    const failed = (stderr: string) => ({
      code: exitCodes.failed,
      stdout: '',
      stderr: `${stderr}: nothing was changed\n`,
    });
    const revisionOf = async (): Promise<number> => {
      const { stdout } = await client(['get', '-json', 'lock']);
      return (JSON.parse(stdout) as { modRevision: number }).modRevision;
    };
    assert.deepEqual(await client(['set', '-if-revision=7', 'lock', 'a']), failed('there is no key lock'));
    assert.deepEqual(await client(['set', '-if-revision=0', 'lock', 'a']), done);
    const first = await revisionOf();
    assert.deepEqual(
      await client(['set', '-if-revision=0', 'lock', 'b']),
      failed(`key lock is at revision ${first}, though none was expected`),
    );
    assert.deepEqual(await client(['set', `-if-revision=${first}`, 'lock', 'b']), done);
    assert.deepEqual(
      await client(['delete', `-if-revision=${first}`, 'lock']),
      failed(`key lock is at revision ${await revisionOf()}, not ${first}`),
    );
    assert.deepEqual(await client(['get', 'lock']), { ...done, stdout: 'b\n' });
    assert.deepEqual(await client(['delete', `-if-revision=${await revisionOf()}`, 'lock']), done);
    assert.equal((await client(['get', 'lock'])).code, exitCodes.failed);
  });

  it('tell programs the revision', async () => {
    const told = async (...words: readonly string[]) => {
      const { code, stdout } = await client([...words, '-json']);
      return { code, ...(JSON.parse(stdout) as Record<string, unknown>) };
    };
    const made = await told('set', '-if-revision=0', 'counted', '1');
    const { revision } = made as unknown as { revision: number };
    assert.deepEqual(made, { code: 0, succeeded: true, revision, modRevision: revision });
    assert.deepEqual(await told('set', 'counted', '2'), { code: 0, revision: revision + 1 });
    const late = await told('set', '-if-revision=0', 'counted', '3');
    assert.deepEqual(late, { code: 1, succeeded: false, revision: revision + 1, modRevision: revision + 1 });
    assert.deepEqual(await told('get', 'counted'), {
      code: 0,
      key: 'counted',
      value: '2',
      createRevision: revision,
      modRevision: revision + 1,
      version: 2,
    });
    assert.deepEqual(await told('delete', 'counted'), { code: 0, revision: revision + 2, deleted: true });
    assert.deepEqual(await told('delete', 'counted'), { code: 0, revision: revision + 2, deleted: false });
  });

  it('list keys and values, each pair in a line, whatever is in them', async () => {
    const pairs: [string, string][] = [
      ['list/a', '1'],
      ['list/b\t', 'x\ny\\'],
      ['list/c\x1b[2J', 'ü\u2028'],
    ];
    for (const [key, value] of pairs) await client(['set', '--', key, value]);
    await client(['set', 'list/d', '-'], { stdin: bytesOf(Uint8Array.of(0x61, 0xff)) });
    const lines = ['list/a\t1', 'list/b\\t\tx\\ny\\\\', 'list/c\\x1b[2J\tü\\u2028', 'list/d\ta\\xff'];
    const shown = { ...done, stdout: lines.map((line) => `${line}\n`).join('') };
    for (const words of [
      ['list', 'list/'],
      ['ls', 'list/', '-serializable'],
      ['get', '-prefix=list/'],
      ['get', '--prefix', 'list/'],
    ]) {
      assert.deepEqual(await client(words), shown, words.join(' '));
    }
    const keys = { ...done, stdout: lines.map((line) => `${line.split('\t')[0]!}\n`).join('') };
    for (const words of [
      ['keys', 'list/'],
      ['list', 'list/', '-keys-only'],
      ['get', '-prefix=list/', '-keys-only'],
    ]) {
      assert.deepEqual(await client(words), keys, words.join(' '));
    }
    assert.deepEqual(await client(['get', '-keys-only', 'list/a']), { ...done, stdout: 'list/a\n' });
    const all = (await client(['list'])).stdout;
    assert.ok(all.includes(shown.stdout) && all.length > shown.stdout.length);
    assert.equal((await client(['list', ''])).stdout, all);
    assert.deepEqual(await client(['list', 'none/']), { ...done, stdout: '' });
  });

  it('get reads from a key on, so many, counted, and of the past', async () => {
    for (const key of ['from/a', 'from/b', 'from/c']) await client(['set', key, 'old']);
    const { stdout } = await client(['get', 'from/c', '-json']);
    const { modRevision } = JSON.parse(stdout) as { readonly modRevision: number };
    await client(['set', 'from/b', 'new']);
    await client(['delete', 'from/c']);
    const rev = `-rev=${modRevision}`;
    for (const [words, shown] of [
      [['-from=from/b', '-limit=1'], 'from/b\tnew\n'],
      [['-from=from/a', '-limit=2', '-keys-only'], 'from/a\nfrom/b\n'],
      [['-prefix=from/', '-count'], '2\n'],
      [['-prefix=from/', '-count', rev], '3\n'],
      [['-prefix=from/', '-count', rev, '-limit=2'], '2\n'],
      [['-prefix=from/', '-limit=5', rev, '-keys-only'], 'from/a\nfrom/b\nfrom/c\n'],
      [[rev, 'from/b'], 'old\n'],
      [[rev, 'from/c'], 'old\n'],
      [['-count', 'from/c'], '0\n'],
      [['-count', rev, 'from/c'], '1\n'],
    ] as const) {
      assert.deepEqual(await client(['get', ...words]), { ...done, stdout: shown }, words.join(' '));
    }
    assert.equal((await client(['get', rev, 'from/d'])).stderr, 'key from/d not found\n');
    for (const [words, rule] of [
      [['-limit=1', 'k'], /flag -limit is for many keys: with -prefix or -from/],
      [['-from=a', '-prefix=a'], /-prefix=TEXT or -from=TEXT, not both/],
      [['-from=a', 'k'], /KEY or -from=TEXT, not both/],
      [['-from=a', '-raw'], /-raw is for one value, -from for many keys/],
      [['-rev=0', 'k'], /flag -rev/],
      [[''], /key is empty/],
      [[rev, ''], /key is empty/],
      [[rev, '-count', ''], /key is empty/],
    ] as const) {
      const { code, stderr } = await client(['get', ...words]);
      assert.equal(code, exitCodes.usage);
      assert.match(stderr, rule);
    }
    const future = await client(['get', `-rev=${modRevision + 1000}`, 'from/a']);
    assert.equal(future.code, exitCodes.failed);
    assert.match(future.stderr, /is in the future/);
  });

  it('list pairs for programs with their revisions, as import takes them', async () => {
    const { stdout } = await client(['list', 'list/', '-json']);
    const told = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      told.map(({ key, value, valueBase64 }) => [key, value ?? valueBase64]),
      [
        ['list/a', '1'],
        ['list/b\t', 'x\ny\\'],
        ['list/c\x1b[2J', 'ü\u2028'],
        ['list/d', Buffer.of(0x61, 0xff).toString('base64')],
      ],
    );
    for (const { createRevision, modRevision, version } of told) {
      assert.ok(createRevision === modRevision && version === 1);
    }
    const [first] = (await client(['keys', 'list/', '-json'])).stdout.split('\n');
    assert.deepEqual(Object.keys(JSON.parse(first!) as object), [
      'key',
      'createRevision',
      'modRevision',
      'version',
    ]);
    const imported = await client(['import'], { stdin: bytesOf(stdout) });
    assert.equal(imported.stderr, 'imported 4 pairs\n');
  });

  it('find the server at localhost, and at the port that it has by default', async () => {
    const { port } = parseHostPort('address', server.grpcAddress);
    for (const host of ['localhost', '127.0.0.1']) {
      assert.deepEqual(await runWords([`-server=${host}:${port}`, 'set', 'a', '1']), done);
    }
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
        stderr: 'cannot connect to 127.0.0.1:1: connection refused: nothing listens there\n',
      });
    }
    assert.ok(performance.now() - fromMs < 60_000);
  });

  it('say so when what answers is no Kvorum', async () => {
    const ran = await runWords([`-server=${server.raftAddress}`, 'get', 'a']);
    const why = 'that is the Raft port of a member, for members alone: name its client port (-grpcport)';
    assert.deepEqual(ran, {
      code: exitCodes.unavailable,
      stdout: '',
      stderr: `cannot connect to ${server.raftAddress}: ${why}\n`,
    });
  });
});
