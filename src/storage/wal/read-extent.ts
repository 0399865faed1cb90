import { joinAnewAdvice } from '../../base/advice.js';
import { KvorumError } from '../../base/errors.js';
import type { Index } from '../../base/ids.js';
import type { Disk } from '../../ports/disk.js';
import type { Entry } from '../../raft/types.js';
import type { Extent } from './extents.js';
import { asBuffer, readRecord } from './format.js';

/**
 * @param path of its segment
 * @returns its entries from `from` on, at least one
 * @throws KvorumError DATA_DAMAGED; DiskError
 */
export async function readExtent(disk: Disk, path: string, extent: Extent, from: Index): Promise<Entry[]> {
  // What is appended meanwhile may make it longer.
  const { position, end, lastIndex, firstIndex, format } = extent;
  const bytes = asBuffer(await readPart(disk, path, position, end - position));
  const entries: Entry[] = [];
  let [at, crc, next] = [0, extent.previousCrc, firstIndex];
  while (next <= lastIndex) {
    const read = readRecord(format, bytes, at, crc);
    if (read.kind !== 'record') throw damaged(path, position + at);
    const { record } = read;
    if (record.type === 'entry') {
      if (record.entry.index !== next) throw damaged(path, position + at);
      if (next >= from) entries.push(record.entry);
      next++;
    }
    [at, crc] = [read.end, read.crc];
  }
  return entries;
}

async function readPart(
  disk: Disk,
  path: string,
  position: number,
  lengthBytes: number,
): Promise<Uint8Array> {
  const file = await disk.open(path);
  try {
    return await file.read(position, lengthBytes);
  } finally {
    await file.close();
  }
}

function damaged(path: string, position: number): KvorumError {
  return new KvorumError(
    'DATA_DAMAGED',
    `log segment ${path} is damaged at offset ${position}; ${joinAnewAdvice}`,
  );
}
