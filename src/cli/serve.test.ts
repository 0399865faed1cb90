import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { connect } from '../client/index.js';
import { version } from '../version.js';
import { exitCodes } from './exit-codes.js';
import { runCli } from './run-cli.js';
import { FakeIo, type FakeIoOptions, runWords } from './testing/fake-io.js';
import { welcome } from './welcome.js';

const freePorts = ['-grpcport=0', '-raftport=0'];

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-serve-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** `serve` with these words, until it is stopped. */
function serving(words: readonly string[], options?: FakeIoOptions) {
  const io = new FakeIo(options);
  const running = runCli(['serve', ...freePorts, ...words], io);
  return {
    io,
    running,
    /** The client address, once it is up. */
    up: async (): Promise<string> => {
      await Promise.race([io.stderr.until(/member is up/), running]);
      return /grpc(?:":"|=)([^\s"]+)/.exec(io.stderr.text)?.[1] ?? assert.fail(io.stderr.text);
    },
    stop: async () => {
      io.signal('SIGTERM');
      assert.equal(await running, exitCodes.ok);
      assert.equal(io.signalListeners, 0);
    },
  };
}

describe('serve', () => {
  it('shows a newcomer on a terminal what to do next, and each event as a line', async (t) => {
    const folder = join(await temporary(t), 'data');
    const terminal = { stdoutIsTTY: true, stderrIsTTY: true };
    const server = serving([`-data-dir=${folder}`, '-bootstrap'], terminal);
    const address = await server.up();
    await server.io.stdout.until(/Ctrl-C/);
    assert.match(server.io.stdout.text, new RegExp(`member node1 serves clients on ${address}\\.`));
    assert.ok(server.io.stdout.text.includes(`Its data is in ${folder}\n`));
    const set = /^ {2}set a key +kvorum (.*)$/m.exec(server.io.stdout.text)![1]!;
    assert.deepEqual(await runWords(set.split(' ')), { code: exitCodes.ok, stdout: 'OK\n', stderr: '' });
    await server.stop();
    for (const line of server.io.stderr.text.trimEnd().split('\n')) {
      assert.match(line, /^\x1b\[2m\d\d:\d\d:\d\d\.\d{3}\x1b\[0m \x1b\[36minfo \x1b\[0m /);
    }
  });

  it('leaves stdout empty and logs JSON where there is no terminal', async (t) => {
    const server = serving([`-data-dir=${join(await temporary(t), 'data')}`, '-bootstrap']);
    await server.up();
    // A member is up before its first election is on the disk.
    await server.io.stderr.until(/"role":"leader"/);
    await server.stop();
    assert.equal(server.io.stdout.text, '');
    const events = server.io.stderr.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly msg: string; readonly [field: string]: unknown });
    const told = (message: string) => events.filter(({ msg }) => msg === message);
    assert.deepEqual(
      told('role and term').map(({ role, term, leader }) => [role, term, leader]),
      [
        ['candidate', 2, 'none'],
        ['leader', 2, 'node1'],
      ],
    );
    assert.deepEqual(told('members are')[0]!['voters'], ['node1']);
    assert.equal(told('member has stopped')[0]!['reason'], 'requested');
  });

  it('npm start: shows what to do next, and readable lines without colours, through a pipe too', async (t) => {
    const file = new URL('../../../package.json', import.meta.url);
    const { scripts } = JSON.parse(await readFile(file, 'utf8')) as { scripts: { start: string } };
    const words = scripts.start.split(' main.js ')[1] ?? scripts.start.split('/main.js serve ')[1]!;
    const server = serving([...words.split(' '), `-data-dir=${join(await temporary(t), 'data')}`]);
    await server.up();
    await server.io.stdout.until(/Ctrl-C/);
    await server.stop();
    assert.match(server.io.stderr.text, /^\d\d:\d\d:\d\d\.\d{3} info {2}founding a new cluster {2}cluster=/);
    assert.ok(!server.io.stderr.text.includes('\x1b'));
  });

  it('takes NO_COLOR, a format and a level', async (t) => {
    const words = [`-data-dir=${join(await temporary(t), 'data')}`, '-bootstrap'];
    const plain = serving(words, { stderrIsTTY: true, env: { NO_COLOR: '1' } });
    await plain.up();
    await plain.stop();
    assert.ok(!plain.io.stderr.text.includes('\x1b'));
    const json = serving([...words, '-log-format=json'], { stderrIsTTY: true });
    await json.up();
    await json.stop();
    assert.match(json.io.stderr.text, /^\{"level":"info"/);
    const quiet = serving([...words, '-log-level=error', '-log-format=text']);
    await quiet.io.stdout.until(/Ctrl-C/);
    await quiet.stop();
    assert.equal(quiet.io.stderr.text, '');
  });

  it('says in one line what is wrong, with the right status, and leaves nothing', async (t) => {
    const root = await temporary(t);
    const wrong: [string[], number, RegExp][] = [
      [
        [],
        exitCodes.usage,
        /^data folder \S+ is empty: start with -bootstrap .*, with -join=HOST:PORT .*, or name the folder that it has with -data-dir/,
      ],
      [['-id=', '-bootstrap'], exitCodes.usage, /^id must be 1 to 128 letters/],
      [['-bootstrap', '-join=a:1'], exitCodes.usage, /^bootstrap and join exclude each other/],
      [
        ['-bootstrap', '-auto-compaction-mode=revision'],
        exitCodes.usage,
        /^-auto-compaction-mode=revision needs -auto-compaction-retention=N/,
      ],
      [
        ['-join=127.0.0.1:1', '-join-timeout=1'],
        exitCodes.unavailable,
        /^cannot connect to 127\.0\.0\.1:1: (connection refused|not in time)/,
      ],
      [['-bootstrap', '-host=203.0.113.1'], exitCodes.failed, /^grpcport 0 on 203\.0\.113\.1 cannot be used/],
      [['-bootstrap', '-data-dir=/dev/null'], exitCodes.failed, /^data folder \/dev\/null is not a folder/],
    ];
    for (const [words, code, message] of wrong) {
      const own = words.some((word) => word.startsWith('-data-dir'))
        ? []
        : [`-data-dir=${join(root, 'data')}`];
      const ran = await runWords(['serve', ...freePorts, ...own, ...words]);
      assert.deepEqual([ran.code, ran.stdout], [code, ''], ran.stderr);
      assert.match(ran.stderr.slice(0, -1), message);
      assert.equal(ran.stderr.indexOf('\n'), ran.stderr.length - 1);
      assert.deepEqual(await readdir(root), []);
    }
  });

  it('names a folder that is empty by its absolute path: the working directory may be another one', async (t) => {
    const folder = join(await temporary(t), 'data');
    const words = ['serve', ...freePorts, `-data-dir=${relative(process.cwd(), folder)}`];
    const { stderr } = await runWords(words);
    assert.ok(stderr.startsWith(`data folder ${folder} is empty: `), stderr);
  });

  it('ends with status 5 when its member is removed, and says so in its last line', async (t) => {
    const root = await temporary(t);
    const first = serving(['-bootstrap', `-data-dir=${join(root, 'one')}`]);
    const endpoint = await first.up();
    const second = serving(['-id=node2', `-join=${endpoint}`, `-data-dir=${join(root, 'two')}`]);
    await second.up();
    const removed = await runWords([`-server=${endpoint}`, 'remove', 'node2']);
    assert.equal(removed.stdout, 'OK\n', removed.stderr);
    assert.equal(await second.running, exitCodes.removed);
    assert.match(
      second.io.stderr.text,
      /\nmember node2 was removed from the cluster \(.*: to join anew, start with an empty -data-dir and -join\n$/,
    );
    await first.stop();
  });

  it('stops quietly when it is asked to before it is up', async (t) => {
    const folder = join(await temporary(t), 'data');
    const server = serving(['-join=127.0.0.1:1', `-data-dir=${folder}`]);
    await server.io.stderr.until(/joining again/);
    await server.stop();
    assert.deepEqual(server.io.stderr.text.trimEnd().split('\n').length, 1);
    await assert.rejects(readdir(folder), { code: 'ENOENT' });
  });

  it('says what it reloads when it is asked to, and goes on', async (t) => {
    const server = serving([`-data-dir=${join(await temporary(t), 'data')}`, '-bootstrap']);
    await server.up();
    server.io.askToReload();
    await server.io.stderr.until(/"msg":"SIGHUP: nothing to reload: the log goes to no file"/);
    server.io.stderr.reopen = () => Promise.resolve('/var/log/kvorum was opened anew');
    server.io.askToReload();
    await server.io.stderr.until(/"msg":"SIGHUP: \/var\/log\/kvorum was opened anew"/);
    await server.stop();
  });

  it('serves at once, without waiting for an election', async (t) => {
    const words = [`-data-dir=${join(await temporary(t), 'data')}`, '-bootstrap'];
    // An election would take longer than the test may.
    const slow = ['-election-timeout=2000000000', '-heartbeat-interval=500000000'];
    const server = serving([...words, ...slow]);
    const client = connect({ endpoints: await server.up() });
    t.after(() => client.close());
    await client.set('a', '1');
    await server.stop();
  });
});

describe('the welcome', () => {
  const member = {
    name: 'node1',
    grpcAddress: '127.0.0.1:50051',
    raftAddress: '127.0.0.1:60051',
    dataDir: 'data/node1',
  };
  const names = { program: './bin/client', server: './bin/server' };

  it('is what the original does next', () => {
    const text = welcome(member, names);
    assert.ok(text.startsWith(`\nKvorum ${version}: member node1 serves clients on 127.0.0.1:50051.`));
    for (const line of [
      './bin/client set mykey myvalue',
      './bin/client get mykey',
      './bin/server -id=node2 -grpcport=50052 -raftport=60052 -join=127.0.0.1:50051',
      './bin/client status',
    ]) {
      assert.ok(text.includes(`  ${line}\n`), line);
    }
  });

  it('names the server where it is not the default, and counts on from its own name and ports', () => {
    const later = { ...member, name: 'db-9', grpcAddress: '[::1]:50059', raftAddress: '[::1]:60059' };
    const text = welcome(later, names);
    assert.ok(text.includes('  ./bin/client -server=[::1]:50059 get mykey\n'));
    assert.ok(text.includes(' -id=db-10 -grpcport=50060 -raftport=60060 -join=[::1]:50059\n'));
    const last = welcome({ ...member, name: 'main', grpcAddress: 'h:65535' }, names);
    assert.ok(last.includes(' -id=main2 -grpcport=0 '));
  });
});
