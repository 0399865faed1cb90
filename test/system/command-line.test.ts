import assert from 'node:assert/strict';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, existsSync } from 'node:fs';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { exitCodes, signalCodes } from '../../src/cli/exit-codes.js';
import { version } from '../../src/version.js';
import { within } from './processes/deadline.js';
import { mainScript } from './processes/member-process.js';
import { ProcessCluster } from './processes/process-cluster.js';

/** The command line as a process of its own; stdout is a pipe, or a file that is given. */
class Command {
  readonly child: ChildProcess;
  readonly #errors: string[] = [];

  constructor(words: readonly string[], stdout: 'pipe' | number = 'pipe') {
    this.child = spawn(process.execPath, [mainScript, ...words], { stdio: ['pipe', stdout, 'pipe'] });
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => this.#errors.push(text));
  }

  get stderr(): string {
    return this.#errors.join('');
  }

  async exitCode(): Promise<number | null> {
    const ended = once(this.child, 'close') as Promise<[number | null]>;
    try {
      return (await within(`end of ${this.child.spawnargs.slice(2).join(' ')}`, ended))[0];
    } finally {
      this.child.kill('SIGKILL');
    }
  }
}

/** A folder as `make build` leaves it: bin beside dist. */
async function binFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-bin-'));
  t.after(() => rm(folder, { recursive: true }));
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  await cp(join(root, 'scripts/bin'), join(folder, 'bin'), { recursive: true });
  await symlink(join(root, 'dist'), join(folder, 'dist'));
  return folder;
}

/** More than any pipe takes at once. */
const pairCount = 20_000;
const value = 'v'.repeat(100);

async function fill(cluster: ProcessCluster): Promise<void> {
  const { endpoint } = cluster.member('node1');
  const command = new Command([`-server=${endpoint}`, 'import', '-']);
  const lines = Array.from({ length: pairCount }, (_, at) => `key-${at}\t${value}\n`);
  command.child.stdout!.resume();
  command.child.stdin!.end(lines.join(''));
  assert.equal(await command.exitCode(), exitCodes.ok, command.stderr);
}

void describe('the command line as a process', () => {
  it('export: ends in silence, as shells expect, when its reader leaves', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      await fill(cluster);
      const command = new Command([`-server=${cluster.member('node1').endpoint}`, 'export']);
      await once(command.child.stdout!, 'data');
      command.child.stdout!.destroy();
      assert.deepEqual([await command.exitCode(), command.stderr], [exitCodes.ok, '']);
    });
  });

  const skip = existsSync('/dev/full') ? false : 'there is no /dev/full';
  it('get: says so and fails when its answer cannot be written', { skip }, async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const { endpoint } = cluster.member('node1');
      await cluster.member('node1').client().set('a', '1');
      const full = openSync('/dev/full', 'w');
      t.after(() => closeSync(full));
      const command = new Command([`-server=${endpoint}`, 'get', 'a'], full);
      assert.equal(await command.exitCode(), exitCodes.failed);
      assert.match(command.stderr, /^[^\n]*stdout cannot be written \(ENOSPC\)\n$/);
    });
  });

  it('import: says which line is too large, and that nothing else was lost', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const { endpoint } = cluster.member('node1');
      for (const sizeBytes of [1_572_865, 8 * 1024 * 1024, 12_000_000]) {
        const command = new Command([`-server=${endpoint}`, 'import', '-']);
        command.child.stdin!.end(`b\t2\nlarge\t${'x'.repeat(sizeBytes)}\n`);
        assert.equal(await command.exitCode(), exitCodes.usage, command.stderr);
        assert.match(command.stderr, /^[^\n]*line 2[^\n]*(line 1 is set)[^\n]*\n$/);
        assert.equal(await cluster.member('node1').client().get('b'), '2');
      }
    });
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    it(`import: told to stop by ${signal}, it says how to go on and ends with its status`, async (t) => {
      await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
        const { endpoint } = cluster.member('node1');
        const command = new Command([`-server=${endpoint}`, 'import', '-']);
        command.child.stdin!.write('a\t1\n'.repeat(pairCount));
        const client = cluster.member('node1').client();
        const set = async (): Promise<void> => {
          while ((await client.get('a')) === undefined) await nextTurn();
        };
        await within('pair that is set', set());
        command.child.kill(signal);
        assert.equal(await command.exitCode(), signalCodes[signal], command.stderr);
      });
    });
  }

  it('refuses arguments that are no UTF-8, and takes their bytes on stdin', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const { endpoint } = cluster.member('node1');
      const bytes = Uint8Array.of(0xff, 0xfe, 10, 0);
      // Node writes no such argument either: a shell has to.
      const shell = spawn('sh', [
        '-c',
        `exec "$@" "$(printf '\\377\\376')"`,
        'sh',
        ...[process.execPath, mainScript, `-server=${endpoint}`, 'set', 'bytes'],
      ]);
      const errors: Buffer[] = [];
      shell.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
      assert.equal((await within('end of set', once(shell, 'close')))[0], exitCodes.usage);
      assert.match(
        Buffer.concat(errors).toString(),
        /^VALUE is no UTF-8, .*: give - as VALUE, and the value on stdin/,
      );
      const set = new Command([`-server=${endpoint}`, 'set', 'bytes', '-']);
      set.child.stdin!.end(bytes);
      assert.equal(await set.exitCode(), exitCodes.ok, set.stderr);
      const get = new Command([`-server=${endpoint}`, 'get', '-raw', 'bytes']);
      const answer: Buffer[] = [];
      get.child.stdout!.on('data', (chunk: Buffer) => answer.push(chunk));
      assert.equal(await get.exitCode(), exitCodes.ok, get.stderr);
      assert.deepEqual(Buffer.concat(answer), Buffer.from(bytes));
    });
  });

  it('import: goes on for as long as it is told while no server is there', async () => {
    const beganMs = performance.now();
    const command = new Command(['-server=127.0.0.1:1', 'import', '-retry-for=1500', '-']);
    command.child.stdin!.end('a\t1\n');
    assert.equal(await command.exitCode(), exitCodes.unavailable);
    assert.match(
      command.stderr,
      /^line 1: cannot connect to 127\.0\.0\.1:1: connection refused.*\(nothing is set\)\n$/,
    );
    assert.ok(performance.now() - beganMs >= 1500);
  });

  it('bin/server and bin/client are a member and its client', async (t) => {
    const folder = await binFolder(t);
    const ports = ['-grpcport=0', '-raftport=0'];
    const words = [
      'bin/server',
      ...ports,
      '-bootstrap',
      `-data-dir=${join(folder, 'data')}`,
      '-log-format=json',
    ];
    const member = spawn('sh', words, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => member.kill('SIGKILL'));
    const ended = once(member, 'close') as Promise<[number | null]>;
    const log: string[] = [];
    const up = new Promise<string>((resolve, reject) => {
      member.stderr.setEncoding('utf8').on('data', (text: string) => {
        log.push(text);
        const found = /"grpc":"([^"]+)".*member is up/.exec(log.join(''));
        if (found !== null) resolve(found[1]!);
      });
      void ended.then(() => reject(new Error(log.join(''))));
    });
    const server = `-server=${await within('member that is up', up)}`;
    const client = async (...given: readonly string[]): Promise<string> => {
      return (await promisify(execFile)('sh', ['bin/client', server, ...given], { cwd: folder })).stdout;
    };
    assert.equal(await client('set', 'mykey', 'myvalue'), 'OK\n');
    assert.equal(await client('get', 'mykey'), 'myvalue\n');
    assert.match(await client('status'), /^NAME/);
    member.kill('SIGTERM');
    assert.equal((await within('end of the member', ended))[0], exitCodes.ok);
  });

  it('bin/client and bin/server say how they were called, whatever the environment says', async (t) => {
    const folder = await binFolder(t);
    const env = { ...process.env, KVORUM_SERVER: 'db:50051', KVORUM_CLIENT: 'nobody' };
    const help = async (script: string, ...words: readonly string[]): Promise<string> => {
      const { stdout } = await promisify(execFile)('sh', [script, ...words], { cwd: folder, env });
      return stdout;
    };
    assert.match(await help('bin/client', 'get', '-h'), /^bin\/client get: .*\n\nusage: bin\/client get KEY/);
    assert.match(await help('bin/client', 'serve', '-h'), /^bin\/server: .*\n\nusage: bin\/server \[-FLAG/);
    assert.match(await help('bin/server', '-h'), /^bin\/server: .*\n\nusage: bin\/server \[-FLAG/);
    assert.equal(await help('bin/server', '--version'), `${version}\n`);
    const { stdout } = await promisify(execFile)(process.execPath, [mainScript, 'help'], { env });
    assert.ok(!stdout.includes('nobody') && !stdout.includes('db:50051'), stdout);
  });

  it('serve: the first signal asks it to stop, the second one ends it', async (t) => {
    await ProcessCluster.run(t, { size: 2, flags: ['-election-timeout=20000'] }, async (cluster) => {
      const [node1, node2] = [cluster.member('node1'), cluster.member('node2')];
      // Its successor holds still: the hand-over waits for the whole election timeout.
      node2.pause();
      node1.process.signal('SIGINT');
      await node1.process.event('stopping');
      node1.process.signal('SIGINT');
      assert.equal((await node1.process.ended()).code, exitCodes.interrupted);
      node2.resume();
    });
  });

  it('serve: a stop that was asked for ends with 0', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      assert.deepEqual(await cluster.member('node1').stop(), { code: exitCodes.ok, signal: null });
    });
  });
});
