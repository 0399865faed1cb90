import { basename, join } from 'node:path';
import { DiskError, type Disk } from '../../ports/disk.js';
import type { DescriptorWait } from '../disk/descriptor-wait.js';
import { PatientDisk } from '../disk/patient-disk.js';
import { RealDisk } from '../disk/real-disk.js';
import { diskErrorOf, requireDescriptors } from './disk-failure.js';
import { checkDatabaseFile, damaged, databaseFile } from './lmdb-database-file.js';
import { LmdbEnvironment } from './lmdb-environment.js';

const currentFile = 'CURRENT';
/** In the place of a generation: the first one is being made, nothing that may be there counts. */
const noGeneration = 'none';

/**
 * The folder of a backend: one environment a generation, in a folder of its own, and a file that names the current
 * one. That file is replaced as a whole, so that a replacement takes effect in one step.
 */
export class LmdbStateFolder {
  readonly #path: string;
  readonly #disk: Disk;
  readonly #descriptors: DescriptorWait | undefined;
  #generation = 0;

  /**
   * @param path exists, and is this backend's alone
   * @param descriptors where what finds no file descriptor waits; without it that is a DiskError
   */
  constructor(path: string, descriptors?: DescriptorWait) {
    this.#path = path;
    this.#descriptors = descriptors;
    const disk = new RealDisk(path);
    this.#disk = descriptors === undefined ? disk : new PatientDisk(disk, descriptors);
  }

  get path(): string {
    return this.#path;
  }

  /**
   * Opens the current environment, or makes the first one; what a crash left of others is removed.
   * @throws KvorumError DATA_DAMAGED, DATA_FOLDER_MISMATCH, DiskError
   */
  async open(): Promise<LmdbEnvironment> {
    const current = await this.#disk.readFile(currentFile);
    const states = (await this.#disk.list('')).filter((name) => name.startsWith('state-'));
    if (current === undefined && states.length > 0) throw this.#damagedCurrent('is missing');
    const text = current === undefined ? noGeneration : Buffer.from(current).toString('utf8');
    if (text === noGeneration) return this.#makeFirst(states);
    if (!/^[1-9][0-9]{0,14}$/.test(text)) throw this.#damagedCurrent('names no state');
    const name = stateName(Number(text));
    if (!(await this.#disk.list(name)).includes(databaseFile)) {
      throw this.#damagedCurrent(`names ${name}, which is not there`);
    }
    // What it does not name is removed only once what it names has shown to be whole.
    const environment = await this.#openChecked(name);
    this.#generation = Number(text);
    await this.#removeClosed(states.filter((other) => other !== name));
    return environment;
  }

  /** Whether open() would find a state, whole or damaged. Changes nothing. */
  async exists(): Promise<boolean> {
    const current = await this.#disk.readFile(currentFile);
    if (current !== undefined) return Buffer.from(current).toString('utf8') !== noGeneration;
    return (await this.#disk.list('')).some((name) => name.startsWith('state-'));
  }

  async #makeFirst(leftovers: readonly string[]): Promise<LmdbEnvironment> {
    await this.#nameCurrent(noGeneration);
    for (const name of leftovers) await this.#disk.remove(name);
    const made = await this.makeNext();
    await made.close();
    const environment = await this.openNext();
    try {
      await this.switchToNext();
    } catch (error) {
      await environment.close();
      throw error;
    }
    return environment;
  }

  /** Nothing that is not whole is handed to LMDB. */
  async #openChecked(name: string): Promise<LmdbEnvironment> {
    await checkDatabaseFile(this.#disk, this.#path, name);
    const environment = await this.#open(name, { durable: true });
    try {
      environment.checkLayout();
      return environment;
    } catch (error) {
      await environment.close();
      throw error;
    }
  }

  #open(name: string, options: { readonly durable: boolean }): Promise<LmdbEnvironment> {
    const path = join(this.#path, name);
    const open = async (): Promise<LmdbEnvironment> => {
      requireDescriptors(this.#path);
      try {
        return new LmdbEnvironment(path, options);
      } catch (error) {
        throw await openFailure(error, path);
      }
    };
    return this.#descriptors?.run(open) ?? open();
  }

  async #nameCurrent(text: string): Promise<void> {
    await this.#disk.writeFileDurable(currentFile, Buffer.from(text));
  }

  #damagedCurrent(what: string): Error {
    return damaged(join(this.#path, currentFile), what);
  }

  get #next(): string {
    return stateName(this.#generation + 1);
  }

  /** An empty environment beside the current one, to be filled. Nothing of it is durable. */
  async makeNext(): Promise<LmdbEnvironment> {
    await this.#disk.remove(this.#next);
    await this.#disk.makeFolder(this.#next);
    return this.#open(this.#next, { durable: false });
  }

  /** Makes durable what was written of the next one so far. */
  async syncNext(): Promise<void> {
    // With `create` the folder entry is synced too, which LMDB leaves out.
    const file = await this.#disk.open(`${this.#next}/${databaseFile}`, { create: true });
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Makes what was filled durable, once it is closed, and opens it for use. It is not the current one yet. */
  async openNext(): Promise<LmdbEnvironment> {
    await this.syncNext();
    return this.#openChecked(this.#next);
  }

  /** The next one becomes the current one: when it resolves, after every crash. */
  async switchToNext(): Promise<void> {
    await this.#nameCurrent(String(this.#generation + 1));
    this.#generation++;
  }

  /** Whether a switch that failed has left everything as it was. */
  async isNotSwitched(): Promise<boolean> {
    try {
      const current = await this.#disk.readFile(currentFile);
      return current !== undefined && Buffer.from(current).toString('utf8') === String(this.#generation);
    } catch (error) {
      if (error instanceof DiskError) return false;
      throw error;
    }
  }

  /** It is closed. */
  async removeNext(): Promise<void> {
    await this.#removeClosed([this.#next]);
  }

  /** One that was the current one, and is closed. */
  async removeFormer(environment: LmdbEnvironment): Promise<void> {
    await this.#removeClosed([basename(environment.path)]);
  }

  /** What cannot be removed is removed at the next start. */
  async #removeClosed(names: readonly string[]): Promise<void> {
    try {
      for (const name of names) await this.#disk.remove(name);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }
}

function stateName(generation: number): string {
  return `state-${generation}`;
}

async function openFailure(error: unknown, path: string): Promise<Error> {
  const failure = await diskErrorOf(error, path);
  if (!/MDB_(INVALID|VERSION_MISMATCH|CORRUPTED|PAGE_NOTFOUND)/.test(failure.message)) return failure;
  return damaged(path, `cannot be read (${failure.message})`);
}
