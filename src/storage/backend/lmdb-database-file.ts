import { join } from 'node:path';
import { joinAnewAdvice } from '../../base/advice.js';
import { KvorumError } from '../../base/errors.js';
import type { Disk, DiskFile } from '../../ports/disk.js';
import { LmdbPages, pageHeadSizeBytes } from './lmdb-pages.js';

/**
 * Places of LMDB's data format, version 2. Two meta pages begin the file, written in turns; what follows a page's head
 * there. All numbers are in the machine's byte order: those that Node runs on are little-endian.
 */
const metaFields = {
  magic: 0,
  version: 4,
  pageSize: 24,
  freeRoot: 64,
  mainRoot: 112,
  lastPage: 120,
  transaction: 128,
} as const;
const metaSizeBytes = 136;
const magic = 0xbeefc0de;
const formatVersion = 2;

export const databaseFile = 'data.mdb';

interface Meta {
  readonly pageSizeBytes: number;
  /** Of the two trees that all others hang on. */
  readonly roots: readonly bigint[];
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/**
 * Checks what LMDB takes on trust, and ends the process on: a file that is no database, whose beginning or whose
 * trees' roots are damaged, or that was cut short. Damage to rows is found by whoever reads them (row-sums.ts).
 * Costs a few small reads, unless the file is shorter than its last page says.
 * @param root where `disk` is, for the message
 * @throws KvorumError DATA_DAMAGED, DiskError
 */
export async function checkDatabaseFile(disk: Disk, root: string, folder: string): Promise<void> {
  const file = await disk.open(`${folder}/${databaseFile}`);
  try {
    const objection = await objectionTo(file);
    if (objection !== undefined) throw damaged(join(root, folder, databaseFile), objection);
  } finally {
    await file.close();
  }
}

async function objectionTo(file: DiskFile): Promise<string | undefined> {
  const first = await readMeta(file, 0);
  const second = first === undefined ? undefined : await readMeta(file, first.pageSizeBytes);
  if (first === undefined || second === undefined) return 'is no whole database';
  const { pageSizeBytes, roots, lastPage } = first.transaction > second.transaction ? first : second;
  const pages = new LmdbPages(file, pageSizeBytes, await file.sizeBytes());
  // LMDB may leave out pages at the end that are free again: then only the trees tell what must be there.
  const depth = pages.holds(lastPage) ? 'roots' : 'all';
  for (const root of roots) {
    const objection = await pages.objectionToTree(root, depth);
    if (objection !== undefined) return objection;
  }
  return undefined;
}

async function readMeta(file: DiskFile, position: number): Promise<Meta | undefined> {
  const bytes = await file.read(position + pageHeadSizeBytes, metaSizeBytes);
  if (bytes.length < metaSizeBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(metaFields.magic, true) !== magic) return undefined;
  // The upper half is for flags.
  if (view.getUint16(metaFields.version, true) !== formatVersion) return undefined;
  const pageSizeBytes = view.getUint32(metaFields.pageSize, true);
  if (pageSizeBytes < 512 || pageSizeBytes > 65_536 || (pageSizeBytes & (pageSizeBytes - 1)) !== 0) {
    return undefined;
  }
  return {
    pageSizeBytes,
    roots: [metaFields.freeRoot, metaFields.mainRoot].map((at) => view.getBigUint64(at, true)),
    lastPage: view.getBigUint64(metaFields.lastPage, true),
    transaction: view.getBigUint64(metaFields.transaction, true),
  };
}

export function damaged(path: string, what: string): KvorumError {
  return new KvorumError('DATA_DAMAGED', `${path} ${what}: ${joinAnewAdvice}`);
}
