import { join } from 'node:path';
import { KvorumError } from '../../base/errors.js';
import type { Disk } from '../../ports/disk.js';

const passedOverFile = 'passed-over.json';
const formatVersion = 1;
/** Entries that one data folder passes over. */
export const passedOverMax = 1000;

/** An entry of the log that an operator has told this member to pass over. */
export interface PassedOverRow {
  readonly index: number;
  readonly term: number;
  readonly checksum: number;
  /** It was in the log when it was named, and could not be applied. */
  readonly tried: boolean;
}

/** @throws KvorumError DATA_DAMAGED, DATA_FOLDER_MISMATCH */
export async function readPassedOver(folder: string, disk: Disk): Promise<readonly PassedOverRow[]> {
  const bytes = await disk.readFile(passedOverFile);
  if (bytes === undefined) return [];
  const path = join(folder, passedOverFile);
  const rows = parsePassedOver(path, Buffer.from(bytes).toString('utf8'));
  if (rows !== undefined) return rows;
  throw new KvorumError(
    'DATA_DAMAGED',
    `${path} is damaged; remove it, and name the entries again with kvorum recover`,
  );
}

/** Durable when it resolves. */
export async function writePassedOver(disk: Disk, rows: readonly PassedOverRow[]): Promise<void> {
  await disk.writeFileDurable(passedOverFile, Buffer.from(passedOverText(rows)));
}

export function passedOverText(rows: readonly PassedOverRow[]): string {
  return `${JSON.stringify({ formatVersion, entries: rows }, undefined, 2)}\n`;
}

/**
 * @returns undefined if it is damaged
 * @throws KvorumError DATA_FOLDER_MISMATCH
 */
export function parsePassedOver(path: string, text: string): readonly PassedOverRow[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { formatVersion: version, entries } = (value ?? {}) as Partial<Record<string, unknown>>;
  if (Number.isSafeInteger(version) && version !== formatVersion) {
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `${path} has format ${String(version)}, this version reads ${formatVersion}: start it with the version that wrote it`,
    );
  }
  if (version !== formatVersion || !Array.isArray(entries) || entries.length > passedOverMax)
    return undefined;
  return entries.every(isRow) ? entries : undefined;
}

function isRow(value: unknown): value is PassedOverRow {
  const { index, term, checksum, tried } = (value ?? {}) as Partial<Record<string, unknown>>;
  return [index, term, checksum].every(Number.isSafeInteger) && typeof tried === 'boolean';
}
