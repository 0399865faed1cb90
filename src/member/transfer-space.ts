import { DiskError, type Disk } from '../ports/disk.js';

/**
 * Free space of the disk, for what is written for others: it ends where the log's own reserve begins. A member whose disk
 * is that full still appends, votes and applies.
 */
export class TransferSpace {
  readonly #disk: Disk;
  readonly #reserveSizeBytes: number;

  constructor(disk: Disk, reserveSizeBytes: number) {
    this.#disk = disk;
    this.#reserveSizeBytes = reserveSizeBytes;
  }

  /** Whether the reserve is touched already, by whomever. */
  async isShort(): Promise<boolean> {
    return (await this.#disk.space()) < this.#reserveSizeBytes;
  }

  /** @throws DiskError full: so much more would touch the reserve */
  async require(sizeBytes: number): Promise<void> {
    const freeBytes = await this.#disk.space();
    if (freeBytes - sizeBytes >= this.#reserveSizeBytes) return;
    throw new DiskError(
      'full',
      `${sizeBytes} bytes are needed for a snapshot: of ${freeBytes} that are free, ${this.#reserveSizeBytes} are the log's`,
    );
  }
}
