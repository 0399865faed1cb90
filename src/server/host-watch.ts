import { readdir, readFile, statfs } from 'node:fs/promises';
import type { HostStatus } from '../api/host-status.js';
import type { Log } from '../base/log.js';
import { openFilesMax, parseLimits } from './open-files-max.js';

/** Between two looks. */
const intervalMs = 5000;
/** Between two lines that say the same. */
const logIntervalMs = 60_000;
/** Where each system lists what this process has open. */
const openFilesFolder = process.platform === 'linux' ? '/proc/self/fd' : '/dev/fd';

/**
 * Looks now and then at what the member takes of its machine. When no file descriptor is left, Node closes connections
 * that come in without a word: this one says so.
 */
export class HostWatch {
  readonly #folder: string;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  #status: HostStatus = {
    diskFreeBytes: undefined,
    diskSizeBytes: undefined,
    openFiles: undefined,
    openFilesMax: openFilesMax(),
  };
  #exhausted = false;
  #toldMs = -Infinity;

  private constructor(folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
    this.#timer = setInterval(() => void this.#look(), intervalMs);
    this.#timer.unref();
  }

  /** @param folder whose file system is watched. To be closed. */
  static async start(folder: string, log: Log): Promise<HostWatch> {
    const watch = new HostWatch(folder, log);
    await watch.#look();
    return watch;
  }

  /** As of the last look. */
  get status(): HostStatus {
    return this.#status;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const [disk, files] = await Promise.all([diskSpace(this.#folder), openFiles()]);
    const max = files === 'exhausted' ? undefined : await currentMax();
    const openFilesMax = max ?? this.#status.openFilesMax;
    this.#status = { ...disk, openFiles: files === 'exhausted' ? openFilesMax : files, openFilesMax };
    if (files === 'exhausted') this.#tellExhausted();
    else if (this.#exhausted) {
      this.#exhausted = false;
      this.#log.info({ openFiles: files, openFilesMax }, 'connections can be accepted again');
    }
  }

  #tellExhausted(): void {
    const nowMs = performance.now();
    if (this.#exhausted && nowMs - this.#toldMs < logIntervalMs) return;
    this.#exhausted = true;
    this.#toldMs = nowMs;
    this.#log.error(
      { openFilesMax: this.#status.openFilesMax },
      'no file descriptor is left: new connections are closed until there are some (ulimit -n, LimitNOFILE)',
    );
  }
}

async function diskSpace(folder: string): Promise<Pick<HostStatus, 'diskFreeBytes' | 'diskSizeBytes'>> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { diskFreeBytes: bavail * bsize, diskSizeBytes: blocks * bsize };
  } catch {
    return { diskFreeBytes: undefined, diskSizeBytes: undefined };
  }
}

async function openFiles(): Promise<number | 'exhausted' | undefined> {
  try {
    // Without the one that it takes to read them.
    return (await readdir(openFilesFolder)).length - 1;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return ['EMFILE', 'ENFILE'].includes(code) ? 'exhausted' : undefined;
  }
}

/** Undefined where it cannot be found out, or there is none. An operator may change it while this process runs. */
async function currentMax(): Promise<number | undefined> {
  try {
    return parseLimits(await readFile('/proc/self/limits', 'latin1'));
  } catch {
    return undefined;
  }
}
