/**
 * The member's data folder. Paths are relative to it, with `/`. Operations reject with DiskError.
 * Contract (both implementations run test/contract/disk): what a resolved `sync`, `writeDurable`,
 * `writeFileDurable`, `rename`, `remove` or `makeFolder` did survives a crash; anything else may be lost, in
 * any subset of 512-byte sectors. After a kill of the process alone the next one still reads it all, and a later
 * crash may yet take what was not synced.
 */
export interface Disk {
  /** Opens a file for reading and writing; `create` makes it if it is absent, and its folder entry durable. */
  open(path: string, options?: { create?: boolean }): Promise<DiskFile>;
  /** Whole content; undefined if there is no such file. */
  readFile(path: string): Promise<Uint8Array | undefined>;
  /** Replaces the file as a whole (temporary file, sync, rename, sync of the folder); a failed one does not. */
  writeFileDurable(path: string, bytes: Uint8Array): Promise<void>;
  /** Names in the folder, sorted; empty if there is no such folder. */
  list(folder: string): Promise<string[]>;
  /** Makes the folder and its parents, harmless if they exist; the parents are synced. */
  makeFolder(path: string): Promise<void>;
  /** Of a file. Replaces `to` if it exists; both folders are synced. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a whole folder; harmless if absent. */
  remove(path: string): Promise<void>;
  /** Bytes that are free for this folder, whoever else uses the same disk. */
  space(): Promise<number>;
}

export interface DiskFile {
  sizeBytes(): Promise<number>;
  /** Up to `lengthBytes` from `position`; shorter only at the end of the file. */
  read(position: number, lengthBytes: number): Promise<Uint8Array>;
  /** Written, not yet durable. */
  write(position: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Written and durable (data and size) when it resolves. After a rejection the content is undefined. */
  writeDurable(position: number, chunks: readonly Uint8Array[]): Promise<void>;
  /** Makes everything written so far durable. After a rejection, what was not durable before may be lost. */
  sync(): Promise<void>;
  /** Cuts the file, or lengthens it with zeros; not yet durable. */
  truncate(sizeBytes: number): Promise<void>;
  /** Syncs nothing. Harmless when repeated; whatever else is called afterwards rejects. */
  close(): Promise<void>;
}

/**
 * `full`: no space (ENOSPC, EDQUOT). `descriptors`: no file descriptor was left (EMFILE, ENFILE); the operation did
 * nothing, or what repeating it does once more. `failed`: anything else.
 */
export class DiskError extends Error {
  override readonly name = 'DiskError';
  readonly reason: 'full' | 'descriptors' | 'failed';

  constructor(reason: DiskError['reason'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.reason = reason;
  }
}
