import type { Index, Term } from '../base/ids.js';

/** The tables of the state machine. Keys are ordered as bytes in each. */
export const tableNames = ['current', 'history', 'revisions', 'meta'] as const;
export type TableName = (typeof tableNames)[number];

/** Of one key: a user's key of 64 KiB, escaped byte by byte at worst, and what the state machine adds. */
export const keySizeBytesMax = 2 * 64 * 1024 + 64;
export const valueSizeBytesMax = 16 * 1024 * 1024;

/** The newest log entry whose effects a state holds. */
export interface AppliedPosition {
  readonly index: Index;
  readonly term: Term;
}

export interface RangeOptions {
  /** Inclusive; undefined: from the first. */
  readonly start?: Uint8Array | undefined;
  /** Exclusive; undefined: to the last. */
  readonly end?: Uint8Array | undefined;
  /** From the last to the first of [start, end). */
  readonly reverse?: boolean;
  /**
   * Only so many bytes of each value are wanted. A longer one may come cut off there, and what it is then is not
   * checked: reading it costs a fraction of what reading all of it does.
   */
  readonly valueBytesMax?: number | undefined;
  /**
   * Keys that were removed, and are passed over, may come too, as rows that say so: there may be very many of them, and
   * whoever bounds his work must hear of each.
   */
  readonly withRemoved?: boolean;
}

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Of the whole value, where it is cut off. */
  readonly wholeSizeBytes?: number;
  /** There is no such row any more; see `withRemoved`. */
  readonly removed?: true;
}

/** What a read meets that is not as it was written is KvorumError DATA_DAMAGED: thrown, never returned. */
export interface BackendReader {
  /** The bytes stay valid until the next write or turn; copy what is kept. */
  get(table: TableName, key: Uint8Array): Uint8Array | undefined;
  /** Lazy. Writes while it is open make it undefined behaviour: finish or leave it first, and in the turn that began it. */
  range(table: TableName, options: RangeOptions): Iterable<Row>;
}

/**
 * The state machine's storage: ordered tables of bytes. Keys of 1 byte to keySizeBytesMax, values up to
 * valueSizeBytesMax. Keys and values that are handed in are kept as they are: they must not change afterwards.
 *
 * Writes are visible to reads at once. commit() closes a batch, which may be written in several turns: everything written
 * since the last commit becomes durable later, together with its position, all or nothing, in order. After a crash the
 * state is that of some commit at or behind `flushed`, never a mixture. fsync never happens on the event loop.
 *
 * Both implementations run test/contract/backend.
 */
export interface Backend extends BackendReader {
  put(table: TableName, key: Uint8Array, value: Uint8Array): void;
  delete(table: TableName, key: Uint8Array): void;
  commit(position: AppliedPosition): void;

  /** Of the last commit; what reads see. (0, 0) when empty. */
  readonly applied: AppliedPosition;
  /** Of the state that was installed last, as it was then; undefined: none ever was. */
  readonly installedAt: AppliedPosition | undefined;
  /** Durable: the log may be cut up to here. */
  readonly flushed: AppliedPosition;
  /** Resolves when everything committed so far is durable; in the middle of a batch maybe not before its end. Rejects with DiskError; the backend is then dead. */
  flush(): Promise<void>;
  /** Bytes on disk. Space that is free may be given back at any time, in the background: nothing else shows it. */
  sizeBytes(): number;
  /** Bytes that are applied and not yet flushed. Without a limit of its own: whoever applies must wait. */
  readonly backlogSizeBytes: number;
  /** Told each time `flushed` moves; an error means that the backend is dead. */
  onFlushed(listener: (error?: Error) => void): void;

  /**
   * A consistent view as of a commit at or after the call. Writes go on meanwhile. Close it. An installation that
   * takes effect, and close(), end it.
   */
  view(): Promise<BackendView>;
  /** Begins to build a replacement for the whole content. One at a time. */
  beginInstall(): Promise<BackendInstall>;

  /** No batch ends any more: who waits for the end of one, in view() or flush(), is refused from now on. */
  endWaits(): void;
  /** Flushes what is committed, unless the disk is known not to take it. A batch that is not committed is lost. */
  close(options?: { readonly flush?: boolean }): Promise<void>;
}

/** A row with its place among all others: the order of tableNames, then of keys. */
export interface TableRow {
  readonly table: TableName;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface BackendView {
  readonly position: AppliedPosition;
  /** Of all keys and values, about. */
  readonly sizeBytesEstimated: number;
  /**
   * All rows of all tables, or those behind a place, in the order of tableNames, then of keys. Throws DiskError once the
   * view has ended, and KvorumError DATA_DAMAGED.
   */
  rows(behind?: Pick<TableRow, 'table' | 'key'>): Iterable<TableRow>;
  /** By how much the state has grown on disk, about, for what this view still sees. */
  pinnedSizeBytes(): number;
  close(): void;
}

/**
 * A replacement is built beside the live content, made durable, then switched to in one step. What was committed in
 * between goes with the old content. Rejects with DiskError, also when it or the backend was ended.
 */
export interface BackendInstall {
  /** Rows in any order, each once; they are kept as they are. Resolves when there is room for more. */
  add(rows: readonly TableRow[]): Promise<void>;
  /**
   * All rows are there: makes the replacement durable. Nothing of it is seen yet.
   * @param position of the state that it is
   * @param rowCount how many were to be added. Rejects with KvorumError DATA_DAMAGED where there are not so many
   */
  prepare(position: AppliedPosition, rowCount: number): Promise<void>;
  /**
   * What was prepared becomes the content of the backend, atomically even under a crash.
   * @param switched called when reads begin to see it, before any can: what was read before is to be forgotten
   */
  activate(switched: () => void): Promise<void>;
  /** Throws the replacement away: nothing of it is left when this resolves. Nothing happens once it is activated. */
  abort(): Promise<void>;
}
