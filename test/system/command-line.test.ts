import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, closeSync, existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { exitCodes } from '../../src/cli/exit-codes.js';
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

  it('import: told to stop, it says how to go on and ends with 130', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const { endpoint } = cluster.member('node1');
      const command = new Command([`-server=${endpoint}`, 'import', '-']);
      command.child.stdin!.write('a\t1\n'.repeat(pairCount));
      const client = cluster.member('node1').client();
      const set = async (): Promise<void> => {
        while ((await client.get('a')) === undefined) await nextTurn();
      };
      await within('pair that is set', set());
      command.child.kill('SIGINT');
      assert.equal(await command.exitCode(), exitCodes.interrupted, command.stderr);
    });
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
