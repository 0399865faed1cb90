import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { silentLog, type Log } from '../../base/log.js';
import { DiskError } from '../../ports/disk.js';
import { VirtualClock } from '../../ports/virtual-clock.js';
import { entry, owner, small } from '../wal/testing/history.js';
import { Wal } from '../wal/wal.js';
import { DescriptorWait, logIntervalMs } from './descriptor-wait.js';
import { MemoryDisk } from './memory-disk.js';
import { PatientDisk } from './patient-disk.js';

const none = new DiskError('descriptors', 'open f: EMFILE: too many open files');

function scene() {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const tell = (_: unknown, message: string): void => void lines.push(message);
  const log: Log = { ...silentLog, info: tell, warn: tell };
  const wait = new DescriptorWait(clock, log);
  const memory = new MemoryDisk();
  return { clock, lines, wait, memory, disk: new PatientDisk(memory, wait) };
}

const waiting = 'no file descriptor is left: waiting for one';
const over = 'there are file descriptors again';

describe('a disk without file descriptors', () => {
  it('lets every operation wait, says so at a low rate, and goes on', async () => {
    const { clock, lines, memory, disk } = scene();
    await disk.writeFileDurable('f', Uint8Array.of(1));
    memory.faults = () => none;
    const all = Promise.all([
      disk.open('new', { create: true }),
      disk.readFile('f'),
      disk.writeFileDurable('g', Uint8Array.of(2)),
      disk.list(''),
      disk.makeFolder('folder'),
      disk.rename('f', 'h'),
      disk.remove('absent'),
    ]);
    await clock.advanceAsync(3.5 * logIntervalMs);
    assert.deepEqual(lines, [waiting, waiting, waiting, waiting]);
    memory.faults = () => undefined;
    await clock.advanceAsync(logIntervalMs);
    await all;
    assert.deepEqual(lines.slice(4), [over]);
    assert.deepEqual(memory.paths(), ['g', 'h', 'new']);
  });

  it('is no failed disk, and a failed disk is told at once', async () => {
    const { memory, disk, lines } = scene();
    memory.faults = () => new DiskError('failed', 'EIO');
    await assert.rejects(disk.readFile('f'), { reason: 'failed' });
    assert.deepEqual(lines, []);
  });

  it('lets nothing wait any more once it ends', async () => {
    const { clock, wait, memory, disk } = scene();
    memory.faults = () => none;
    const read = assert.rejects(disk.readFile('f'), { reason: 'descriptors' });
    await clock.advanceAsync(1000);
    wait.end();
    await read;
    await assert.rejects(disk.readFile('f'), { reason: 'descriptors' });
  });

  it('holds up the log that needs a new file, which then goes on with all that was appended', async () => {
    const { clock, memory, disk } = scene();
    const wal = await Wal.create(disk, 'wal', small, owner);
    memory.faults = (operation) => (operation === 'open' || operation === 'rename' ? none : undefined);
    let written = 0;
    const appended = Promise.all(
      Array.from({ length: 40 }, (_, at) =>
        wal.append({ entries: [entry(at + 1, 1, 300)] }).then(() => written++),
      ),
    );
    await clock.advanceAsync(10_000);
    assert.ok(written < 40);
    memory.faults = () => undefined;
    await clock.advanceAsync(1000);
    await appended;
    await wal.close();
    const { recovered } = await Wal.open(disk, 'wal', small, owner);
    assert.equal(recovered.entries.length, 40);
  });

  it(
    'is waited for on the real disk and by the database too',
    { skip: process.platform === 'win32' },
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'kvorum-descriptors-'));
      t.after(() => rm(folder, { recursive: true }));
      const script = fileURLToPath(new URL('./testing/without-descriptors.js', import.meta.url));
      const limited = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, script, folder];
      const { stdout } = await promisify(execFile)('sh', limited);
      assert.equal(stdout, 'done\n');
    },
  );
});
