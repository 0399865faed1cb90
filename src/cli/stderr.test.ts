import assert from 'node:assert/strict';
import { execFileSync, spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { logBytesWaitingMax } from './log-destination.js';
import { unblockedOutput } from './stderr.js';

const chatty = fileURLToPath(new URL('./testing/chatty.js', import.meta.url));
/** Some 10 MiB. */
const lines = 10_000;
/** Far more than a turn that writes nothing takes, and far less than for ever. */
const standstillMsMax = 5000;

interface Line {
  readonly msg: string;
  readonly line: number;
}

async function temporary(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-stderr-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** Runs to its end a process that logs `lines` lines to `stderr`. */
async function chat(t: TestContext, stderr: 'pipe' | number, count = lines) {
  const stdio: StdioOptions = ['ignore', 'pipe', stderr];
  const child = spawn(process.execPath, [chatty, String(count)], { stdio });
  t.after(() => child.kill('SIGKILL'));
  const said = text(child.stdout!);
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0);
  return JSON.parse(await said) as { readonly worstMs: number; readonly waitingBytes: number };
}

function parse(log: string): readonly Line[] {
  return log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('the log of a process', () => {
  it('that nobody reads holds up neither the process nor its end, and does not pile up', async (t) => {
    // Nothing listens for what comes on the parent's end.
    const { worstMs, waitingBytes } = await chat(t, 'pipe');
    assert.ok(worstMs < standstillMsMax, `${worstMs} ms`);
    assert.ok(waitingBytes < logBytesWaitingMax, `${waitingBytes} bytes`);
  });

  it('is dropped when the reader has left', { skip: process.platform === 'win32' }, async (t) => {
    const folder = await temporary(t);
    const path = join(folder, 'fifo');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = openSync(path, constants.O_WRONLY);
    closeSync(reader);
    await chat(t, writer);
    closeSync(writer);
  });

  it('comes whole and in order into a file', async (t) => {
    const path = join(await temporary(t), 'log');
    const file = openSync(path, 'w');
    await chat(t, file, 500);
    closeSync(file);
    assert.deepEqual(
      parse(await readFile(path, 'utf8')).map(({ line }) => line),
      Array.from({ length: 500 }, (_none, nth) => nth),
    );
  });

  it(
    'waits for a terminal or pipe that is full, and writes the rest when it is read',
    { skip: process.platform === 'win32' },
    async (t) => {
      const folder = await temporary(t);
      const path = join(folder, 'fifo');
      execFileSync('mkfifo', [path]);
      const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
      t.after(() => closeSync(reader));
      const output = unblockedOutput(writer, false);
      let done = false;
      const written = output.write('x'.repeat(logBytesWaitingMax)).then(() => (done = true));
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(done, false);
      const file = spawn('cat', [], { stdio: [reader, 'pipe', 'ignore'] });
      const came = text(file.stdout!);
      await written;
      closeSync(writer);
      assert.equal((await came).length, logBytesWaitingMax);
    },
  );
});
