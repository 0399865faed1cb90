import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { within } from './processes/deadline.js';
import { LogEvents } from './processes/log-events.js';
import { mainScript } from './processes/member-process.js';
import { ProcessCluster } from './processes/process-cluster.js';

const notWindows = process.platform === 'win32' ? 'there are no such signals' : false;
const isLinux = process.platform === 'linux';

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-signals-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

function serveWords(folder: string): string[] {
  return [mainScript, 'serve', '-bootstrap', '-grpcport=0', '-raftport=0', `-data-dir=${folder}/data`];
}

/** Waits until the file is there and holds what matches. */
async function fileWith(path: string, pattern: RegExp): Promise<void> {
  const look = async (): Promise<void> => {
    while (!pattern.test(await readFile(path, 'utf8').catch(() => ''))) await nextTurn();
  };
  await within(`${String(pattern)} in ${path}`, look());
}

describe('signals to a member', { skip: notWindows }, () => {
  it('SIGHUP without a terminal ends nothing, and the log says what it did', async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const member = cluster.member('node1');
      member.process.signal('SIGHUP');
      await member.process.event('SIGHUP: nothing to reload: the log goes to no file');
      await member.client().set('a', '1');
      assert.deepEqual(await member.stop(), { code: exitCodes.ok, signal: null });
    });
  });

  it('SIGHUP opens the file of the log anew, as logrotate wants it', { skip: !isLinux }, async (t) => {
    const folder = await temporary(t);
    const path = join(folder, 'log');
    const log = openSync(path, 'a');
    const child = spawn(process.execPath, serveWords(folder), { stdio: ['ignore', 'ignore', log] });
    t.after(() => child.kill('SIGKILL'));
    closeSync(log);
    await fileWith(path, /"msg":"member is up"/);
    await rename(path, `${path}.1`);
    child.kill('SIGHUP');
    await fileWith(path, /"msg":"SIGHUP: .*log was opened anew"/);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [exitCodes.ok, null]);
    assert.match(await readFile(path, 'utf8'), /"msg":"member has stopped"/);
    assert.doesNotMatch(await readFile(`${path}.1`, 'utf8'), /SIGHUP|member has stopped/);
  });

  const noScript = isLinux && spawnSync('script', ['--version']).status === 0 ? false : 'needs script(1)';
  it('hands over and stops when its terminal is closed', { skip: noScript }, async (t) => {
    const folder = await temporary(t);
    const fifo = join(folder, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const events = new LogEvents();
    const reader = spawn('cat', [fifo], { stdio: ['ignore', 'pipe', 'ignore'] });
    reader.stdout.setEncoding('utf8').on('data', (text: string) => events.push(text));
    const words = [process.execPath, ...serveWords(folder)].map((word) => `'${word}'`).join(' ');
    const terminal = spawn('script', ['-q', '-e', '-c', `exec ${words} 2>'${fifo}'`, '/dev/null'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    t.after(() => terminal.kill('SIGKILL'));
    await within(
      'member that is up',
      events.wait(({ msg }) => msg === 'member is up'),
    );
    const ended = once(reader, 'close');
    terminal.kill('SIGKILL');
    await within('the end of the member', ended);
    assert.equal(events.all('stopping').length, 1);
    assert.deepEqual(
      events.all('member has stopped').map(({ reason }) => reason),
      ['requested'],
    );
    assert.doesNotMatch(events.plain.join('\n'), /assert|abort/i);
  });

  it("SIGUSR1 does not open Node's debugger", async (t) => {
    await ProcessCluster.run(t, { size: 1 }, async (cluster) => {
      const member = cluster.member('node1');
      member.process.signal('SIGUSR1');
      await member.client().set('a', '1');
      assert.deepEqual(await member.stop(), { code: exitCodes.ok, signal: null });
      assert.doesNotMatch(member.process.log.plain.join('\n'), /debugger/i);
    });
  });
});
