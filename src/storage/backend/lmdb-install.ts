import type { AppliedPosition, BackendInstall, TableName } from '../../ports/backend.js';
import { DiskError } from '../../ports/disk.js';
import type { Change } from './backlog.js';
import { diskErrorOf, requireWritable } from './disk-failure.js';
import { checkPair } from './limits.js';
import type { LmdbEnvironment } from './lmdb-environment.js';

/** Pairs that an installation hands to LMDB in one transaction. */
const batchPairsMax = 4096;
const batchSizeBytesMax = 4 * 1024 * 1024;

const nowhere: AppliedPosition = { index: 0, term: 0 };

interface InstallEnd {
  /** The environment is filled and closed: it becomes the current one. */
  activate(position: AppliedPosition, switched: () => void): Promise<void>;
  /** It is given up, and closed. */
  abort(): Promise<void>;
  /** Whichever came. */
  ended(): void;
}

/** Fills an environment that nobody else uses. */
export class LmdbInstall implements BackendInstall {
  readonly #environment: LmdbEnvironment;
  readonly #end: InstallEnd;
  #batch: Change[] = [];
  #batchSizeBytes = 0;
  /** Of the last batch, or the activation. */
  #running: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(environment: LmdbEnvironment, end: InstallEnd) {
    this.#environment = environment;
    this.#end = end;
  }

  async add(table: TableName, key: Uint8Array, value: Uint8Array): Promise<void> {
    checkPair(key, value);
    this.#checkOpen();
    this.#batch.push({ table, key, value });
    this.#batchSizeBytes += key.length + value.length;
    if (this.#batch.length < batchPairsMax && this.#batchSizeBytes < batchSizeBytesMax) return;
    this.#running = this.#write(nowhere);
    await this.#running;
  }

  #checkOpen(): void {
    if (this.#ended) throw new DiskError('failed', 'the installation has ended');
  }

  async #write(position: AppliedPosition): Promise<void> {
    const changes = this.#batch;
    const sizeBytes = this.#batchSizeBytes;
    this.#batch = [];
    this.#batchSizeBytes = 0;
    try {
      await requireWritable(this.#environment.path, sizeBytes);
      await this.#environment.write(changes, position);
    } catch (error) {
      throw await diskErrorOf(error, this.#environment.path);
    }
  }

  async activate(position: AppliedPosition, switched: () => void): Promise<void> {
    this.#checkOpen();
    this.#running = this.#finish(position, switched);
    await this.#running;
  }

  async #finish(position: AppliedPosition, switched: () => void): Promise<void> {
    await this.#write(position);
    this.#ended = true;
    try {
      await this.#environment.close();
      await this.#end.activate(position, switched);
    } finally {
      this.#end.ended();
    }
  }

  async abort(): Promise<void> {
    await this.#running.catch(() => {
      // Told to whoever began it.
    });
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#environment.close();
      await this.#end.abort();
    } finally {
      this.#end.ended();
    }
  }
}
