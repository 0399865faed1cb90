import { sectorSizeBytes } from '../../src/storage/disk/memory-file.js';
import {
  asBuffer,
  decodeSegmentHeader,
  isZero,
  readRecord,
  segmentHeaderSizeBytes,
} from '../../src/storage/wal/format.js';
import { parseSegmentName } from '../../src/storage/wal/segments.js';
import { mayLoseOne } from '../budget.js';
import type { Machine } from '../machine.js';
import { someRunning, type Fault } from './scene.js';

/** Where records are that must all be there. */
interface Acknowledged {
  readonly path: string;
  readonly end: number;
}

/**
 * A sector of the log that was acknowledged long ago holds zeros when the member starts again. What stands behind it was
 * written later, and shows that it was there: it is refused as damage, and never cut away as a write that was torn.
 */
export const lostSector: Fault = (scene) => {
  const { cluster, dice } = scene;
  const machine = someRunning(scene);
  if (machine === undefined || !mayLoseOne(cluster, machine)) return undefined;
  cluster.end(machine, dice.chance(0.5) ? 'kill' : 'power-loss');
  const all = acknowledged(machine);
  // In the last segment alone, damage might be taken for a torn write.
  const some = dice.chance(0.8) ? all.slice(-1) : all;
  const places = some.flatMap(({ path, end }) => sectorsUpTo(machine, path, end));
  if (places.length === 0) return `${machine.name} has none to lose`;
  const { path, sector } = dice.pick(places);
  machine.disk.loseSector(path, sector);
  machine.rottenLog = true;
  machine.hollowLog = true;
  return `${machine.name} ${path} sector ${sector}`;
};

/** In all segments but the last, everything; in the last what is before the sector in which its last batch begins. */
function acknowledged({ disk }: Machine): Acknowledged[] {
  const paths = disk.paths().filter((path) => parseSegmentName(path.replace('wal/', '')) !== undefined);
  return paths.map((path, at) => {
    const { end, lastBatch } = readThrough(path, asBuffer(disk.contentOf(path)));
    return { path, end: at < paths.length - 1 ? end : lastBatch - (lastBatch % sectorSizeBytes) };
  });
}

/** @returns where the records end, and the last batch begins */
function readThrough(path: string, bytes: Buffer): { readonly end: number; readonly lastBatch: number } {
  const header = decodeSegmentHeader(path, bytes);
  let [end, lastBatch] = [segmentHeaderSizeBytes, segmentHeaderSizeBytes];
  if (header === undefined) return { end, lastBatch };
  let crc = header.previousCrc;
  for (;;) {
    const read = readRecord(header.format, bytes, end, crc);
    if (read.kind !== 'record') return { end, lastBatch };
    if (read.opensBatch) lastBatch = end;
    ({ end, crc } = read);
  }
}

function sectorsUpTo({ disk }: Machine, path: string, end: number): { path: string; sector: number }[] {
  const bytes = disk.contentOf(path);
  const sectors: { path: string; sector: number }[] = [];
  for (let at = segmentHeaderSizeBytes; at < end; at += sectorSizeBytes) {
    if (!isZero(bytes, at, Math.min(at + sectorSizeBytes, end)))
      sectors.push({ path, sector: at / sectorSizeBytes });
  }
  return sectors;
}
