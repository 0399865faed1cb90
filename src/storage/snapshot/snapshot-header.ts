import { KvorumError } from '../../base/errors.js';
import type { ClusterConfig } from '../../raft/types.js';
import type { SnapshotHeader } from '../../ports/peers.js';

const ids = (list: readonly bigint[]): string[] => list.map(String);
const big = (list: readonly string[]): bigint[] => list.map(BigInt);

interface PlainHeader {
  readonly formatVersion: number;
  readonly id: string;
  readonly index: number;
  readonly term: number;
  readonly configIndex: number;
  readonly voters: readonly string[];
  readonly votersOutgoing: readonly string[];
  readonly learners: readonly string[];
  readonly learnersNext: readonly string[];
  readonly autoLeave: boolean;
  readonly sizeBytes: number;
  readonly crc: number;
}

/** The header stands in a file of its own, as JSON, beside the rows. */
export function encodeHeader(header: SnapshotHeader): Uint8Array {
  const { config, index, term, configIndex } = header.meta;
  const plain: PlainHeader = {
    formatVersion: 1,
    id: String(header.id),
    index,
    term,
    configIndex,
    voters: ids(config.voters),
    votersOutgoing: ids(config.votersOutgoing),
    learners: ids(config.learners),
    learnersNext: ids(config.learnersNext),
    autoLeave: config.autoLeave,
    sizeBytes: header.sizeBytes,
    crc: header.crc,
  };
  return new TextEncoder().encode(JSON.stringify(plain));
}

export function decodeHeader(path: string, bytes: Uint8Array): SnapshotHeader {
  const plain = JSON.parse(new TextDecoder().decode(bytes)) as PlainHeader;
  if (plain.formatVersion !== 1) {
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `${path} has format ${plain.formatVersion}, this version reads 1`,
    );
  }
  const config: ClusterConfig = {
    voters: big(plain.voters),
    votersOutgoing: big(plain.votersOutgoing),
    learners: big(plain.learners),
    learnersNext: big(plain.learnersNext),
    autoLeave: plain.autoLeave,
  };
  const { index, term, configIndex, sizeBytes, crc } = plain;
  return { id: BigInt(plain.id), meta: { index, term, configIndex, config }, sizeBytes, crc };
}
