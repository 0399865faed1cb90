import { assert } from '../../base/assert.js';
import type { AppliedPosition, BackendInstall, TableRow } from '../../ports/backend.js';
import { DiskError } from '../../ports/disk.js';
import type { Change } from './backlog.js';
import { diskErrorOf, requireWritable } from './disk-failure.js';
import { checkPair } from './limits.js';
import { damaged } from './lmdb-database-file.js';
import type { LmdbEnvironment } from './lmdb-environment.js';

/** Pairs that an installation hands to LMDB in one transaction. */
const batchPairsMax = 4096;
const batchSizeBytesMax = 4 * 1024 * 1024;
/** Written between two syncs, so that the last one is short, and the log's syncs between them too. */
const syncSizeBytes = 64 * 1024 * 1024;

const nowhere: AppliedPosition = { index: 0, term: 0 };

interface InstallEnd {
  /** What is written so far becomes durable. */
  sync(): Promise<void>;
  /** The environment is filled and closed: it is made durable, and opened for use. */
  prepare(): Promise<LmdbEnvironment>;
  /** It becomes the current one. */
  activate(next: LmdbEnvironment, position: AppliedPosition, switched: () => void): Promise<void>;
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
  #unsyncedSizeBytes = 0;
  /** Of the last batch, the preparation, or the activation. */
  #running: Promise<void> = Promise.resolve();
  #prepared: { readonly next: LmdbEnvironment; readonly position: AppliedPosition } | undefined;
  #isPreparing = false;
  #ended = false;
  #removing: Promise<void> | undefined;

  constructor(environment: LmdbEnvironment, end: InstallEnd) {
    this.#environment = environment;
    this.#end = end;
  }

  async add(rows: readonly TableRow[]): Promise<void> {
    this.#checkOpen();
    assert(!this.#isPreparing, 'rows come before the preparation');
    for (const { table, key, value } of rows) {
      checkPair(key, value);
      this.#batch.push({ table, key, value });
      this.#batchSizeBytes += key.length + value.length;
    }
    if (this.#batch.length < batchPairsMax && this.#batchSizeBytes < batchSizeBytesMax) return;
    this.#running = this.#write(nowhere);
    await this.#running;
  }

  #checkOpen(): void {
    if (this.#ended) throw new DiskError('failed', 'the installation has ended');
  }

  async #write(position: AppliedPosition, installedAt?: AppliedPosition): Promise<void> {
    const changes = this.#batch;
    const sizeBytes = this.#batchSizeBytes;
    this.#batch = [];
    this.#batchSizeBytes = 0;
    try {
      await requireWritable(this.#environment.path, sizeBytes);
      await this.#environment.write(changes, position, installedAt);
    } catch (error) {
      throw await diskErrorOf(error, this.#environment.path);
    }
    this.#unsyncedSizeBytes += sizeBytes;
    if (this.#unsyncedSizeBytes < syncSizeBytes) return;
    this.#unsyncedSizeBytes = 0;
    await this.#end.sync();
  }

  async prepare(position: AppliedPosition, rowCount: number): Promise<void> {
    this.#checkOpen();
    assert(!this.#isPreparing, 'it is prepared once');
    this.#isPreparing = true;
    const preparing = this.#prepare(position, rowCount);
    this.#running = preparing;
    await preparing;
  }

  async #prepare(position: AppliedPosition, rowCount: number): Promise<void> {
    await this.#write(position, position);
    const { path, hasLongKeys } = this.#environment;
    const found = this.#environment.rowCount();
    // Rows with long keys are not counted, and what they need besides is.
    if (!hasLongKeys && found !== rowCount) throw damaged(path, `holds ${found} rows instead of ${rowCount}`);
    await this.#environment.close();
    this.#prepared = { next: await this.#end.prepare(), position };
  }

  async activate(switched: () => void): Promise<void> {
    this.#checkOpen();
    const prepared = this.#prepared;
    assert(prepared !== undefined, 'what is activated was prepared');
    this.#ended = true;
    this.#running = this.#end.activate(prepared.next, prepared.position, switched);
    try {
      await this.#running;
    } finally {
      this.#end.ended();
    }
  }

  async abort(): Promise<void> {
    if (!this.#ended) {
      this.#ended = true;
      this.#removing = this.#remove();
    }
    await this.#removing;
    await this.#whenIdle();
  }

  async #whenIdle(): Promise<void> {
    await this.#running.catch(() => {
      // Told to whoever began it.
    });
  }

  async #remove(): Promise<void> {
    await this.#whenIdle();
    try {
      await this.#environment.close();
      await this.#prepared?.next.close();
      await this.#end.abort();
    } finally {
      this.#end.ended();
    }
  }
}
