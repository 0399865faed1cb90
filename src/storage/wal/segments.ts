import type { Index } from '../../base/ids.js';
import type { Disk, DiskFile } from '../../ports/disk.js';
import { encodeSegmentHeader, type SegmentHeader } from './format.js';

export interface SegmentName {
  readonly name: string;
  readonly sequence: number;
  /** Of the first entry that it may hold. */
  readonly firstIndex: Index;
}

export function segmentName(sequence: number, firstIndex: Index): SegmentName {
  const hex = (value: number): string => value.toString(16).padStart(14, '0');
  return { name: `${hex(sequence)}-${hex(firstIndex)}.wal`, sequence, firstIndex };
}

/** Undefined for a file that is no segment. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = /^([0-9a-f]{14})-([0-9a-f]{14})\.wal$/.exec(name);
  if (match === null) return undefined;
  return { name, sequence: parseInt(match[1]!, 16), firstIndex: parseInt(match[2]!, 16) };
}

/**
 * Makes a file of zeros the segment `path`. Its header is durable before it gets that name: a segment without one
 * would look like a damaged log.
 */
export async function beginSegment(
  disk: Disk,
  path: string,
  zeros: { readonly file: DiskFile; readonly path: string },
  header: SegmentHeader,
): Promise<void> {
  try {
    await zeros.file.writeDurable(0, [encodeSegmentHeader(header)]);
    await disk.rename(zeros.path, path);
  } catch (error) {
    await zeros.file.close();
    throw error;
  }
}
