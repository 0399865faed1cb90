import { RealClock } from '../../../ports/real-clock.js';
import { DiskError } from '../../../ports/disk.js';
import { LmdbBackend } from '../lmdb-backend.js';
import { commitVictim, installedAt } from './victim-state.js';

/**
 * A process that writes to a backend until something ends it: `victim FOLDER MODE [TURNS]`. It kills itself after so
 * many turns of its event loop. Tells its parent each position that it may rely on, and ends with it.
 */
const [folder, mode, turns] = process.argv.slice(2);
process.once('disconnect', () => process.exit());
const tell = (message: object): void => void process.send!(message);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
if (turns !== undefined) void endAfter(Number(turns));

async function endAfter(count: number): Promise<void> {
  for (let passed = 0; passed < count; passed++) await turn();
  process.kill(process.pid, 'SIGKILL');
}

const allTheTime = {
  intervalMs: 1,
  fileSizeBytesMin: 0,
  freeShareMin: -1,
  sliceRowsMax: 400,
  timeShareMax: 0.9,
  spareSizeBytes: 0,
};

const backend = await LmdbBackend.open(folder!, {
  clock: new RealClock(),
  flushIntervalMs: 1,
  flushKeysMax: 500,
  ...(mode === 'shrinks' && { shrink: allTheTime }),
});
if (mode === 'installs') await install();
else if (mode === 'shrinks') await writeSlowly();
else if (mode === 'until-full') await writeUntilFull();
else if (mode === 'install-until-full') await installUntilFull();
else await writeBatches();

async function writeBatches(): Promise<never> {
  backend.onFlushed(() => tell({ safe: backend.flushed.index }));
  for (;;) {
    commitVictim(backend, backend.applied.index + 1);
    if (backend.backlogSizeBytes > 1024 * 1024) await backend.flush();
    else if (backend.applied.index % 5 === 0) await turn();
  }
}

/** So that a copy keeps up. */
async function writeSlowly(): Promise<never> {
  backend.onFlushed(() => tell({ safe: backend.flushed.index }));
  for (;;) {
    commitVictim(backend, backend.applied.index + 1);
    if (backend.applied.index % 4 === 0) await backend.flush();
    else await turn();
  }
}

async function install(): Promise<never> {
  for (;;) {
    const index = backend.applied.index + 1;
    const replacement = await backend.beginInstall();
    const rows = [...installedAt(index)].map(
      ([key, value]) => ({ table: 'current', key: Buffer.from(key), value: Buffer.from(value) }) as const,
    );
    await replacement.add(rows);
    await replacement.prepare({ index, term: 1 }, rows.length);
    await replacement.activate(() => {});
    tell({ safe: index });
  }
}

/** Ends by itself, in order. */
async function writeUntilFull(): Promise<void> {
  let told = 0;
  backend.onFlushed((error) => {
    if (error instanceof DiskError) told++;
  });
  try {
    for (;;) {
      commitVictim(backend, backend.applied.index + 1);
      await backend.flush();
    }
  } catch (error) {
    const rejected = message(error);
    const again = await backend.flush().then(() => 'resolved', message);
    const view = await backend.view().then(() => 'resolved', message);
    const closed = await backend.close().then(() => 'resolved', message);
    tell({ safe: backend.flushed.index, rejected, again, view, closed, told });
    process.disconnect();
  }
}

/** Gives an installation up, and goes on without it. */
async function installUntilFull(): Promise<void> {
  commitVictim(backend, 1);
  const replacement = await backend.beginInstall();
  let rejected = '';
  for (let at = 0; rejected === ''; at++) {
    const row = { table: 'current', key: Buffer.from(`i${at}`), value: Buffer.alloc(1000) } as const;
    await replacement.add([row]).catch((error: unknown) => {
      rejected = message(error);
    });
  }
  await replacement.abort();
  commitVictim(backend, 2);
  await backend.flush();
  const safe = backend.flushed.index;
  await backend.close();
  tell({ safe, rejected });
  process.disconnect();
}

function message(error: unknown): string {
  return error instanceof DiskError ? error.message : `no DiskError: ${String(error)}`;
}
