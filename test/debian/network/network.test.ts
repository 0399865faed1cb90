import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { drawSeed } from '../../system/processes/seed.js';
import { skipUnlessRoot } from '../needs.js';
import { diskCommands } from '../small-disk.js';
import { prefixOf, runOnNetwork, script } from './main.js';

const seconds = 50;
const skip = skipUnlessRoot({ commands: ['ip', 'tc', 'faketime', ...diskCommands] });

/** For long: npm run test:network -- --seconds=3600 */
it('is linearizable through faults of network, processes, disks and clocks', { skip }, async (t) => {
  const seed = drawSeed(t);
  assert.equal(await runOnNetwork({ seconds, seed, tell: (line) => t.diagnostic(line) }), 'passed');
});

it('leaves nothing behind when it is interrupted', { skip }, async (t) => {
  const flags = [`--seed=${drawSeed(t)}`, '--fault=full disk'];
  const child = spawn(process.execPath, [script, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (line.startsWith('1. ')) child.kill('SIGINT');
  }
  await closed;
  assert.equal(lines.at(-1), 'interrupted', lines.join('\n'));
  const prefix = prefixOf(child.pid!);
  const { stdout: namespaces } = await promisify(execFile)('ip', ['netns', 'list']);
  assert.ok(!namespaces.includes(prefix), namespaces);
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  assert.ok(!mounts.includes(prefix), mounts);
  assert.deepEqual(
    (await readdir(tmpdir())).filter((name) => name.startsWith(prefix)),
    [],
  );
});
