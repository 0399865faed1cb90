import { decodeUtf8, encodeUtf8 } from '../../base/bytes.js';
import { crc32c } from '../../base/crc32c.js';
import { KvorumError } from '../../base/errors.js';
import type { ClusterConfig } from '../../raft/types.js';
import type { SnapshotHeader } from '../../ports/peers.js';

/** 2 since it says the feature level. */
const formatVersion = 2;

const ids = (list: readonly bigint[]): string[] => list.map(String);
const big = (list: readonly string[]): bigint[] => list.map(BigInt);

interface PlainHeader {
  readonly formatVersion: number;
  readonly id: string;
  readonly index: number;
  readonly term: number;
  readonly configIndex: number;
  readonly featureLevel: number;
  readonly voters: readonly string[];
  readonly votersOutgoing: readonly string[];
  readonly learners: readonly string[];
  readonly learnersNext: readonly string[];
  readonly autoLeave: boolean;
  readonly sizeBytes: number;
  readonly crc: number;
}

/** The header stands in a file of its own, beside the rows: a line of JSON, and one with the CRC-32C of the first. */
export function encodeHeader(header: SnapshotHeader): Uint8Array {
  const { config, index, term, configIndex } = header.meta;
  const plain: PlainHeader = {
    formatVersion,
    id: String(header.id),
    index,
    term,
    configIndex,
    featureLevel: header.featureLevel,
    voters: ids(config.voters),
    votersOutgoing: ids(config.votersOutgoing),
    learners: ids(config.learners),
    learnersNext: ids(config.learnersNext),
    autoLeave: config.autoLeave,
    sizeBytes: header.sizeBytes,
    crc: header.crc,
  };
  const line = JSON.stringify(plain);
  return encodeUtf8(`${line}\n${checkOf(line)}\n`);
}

function checkOf(line: string): string {
  return crc32c(encodeUtf8(line)).toString(16).padStart(8, '0');
}

/**
 * @returns undefined if it is damaged: what it describes can be sent again
 * @throws KvorumError DATA_FOLDER_MISMATCH
 */
export function decodeHeader(path: string, bytes: Uint8Array): SnapshotHeader | undefined {
  const [line, check, rest] = decodeUtf8(bytes).split('\n');
  if (line === undefined || check !== checkOf(line) || rest !== '') return undefined;
  const plain = JSON.parse(line) as PlainHeader;
  if (plain.formatVersion !== formatVersion) {
    throw new KvorumError(
      'DATA_FOLDER_MISMATCH',
      `${path} has format ${plain.formatVersion}, this version reads ${formatVersion}: start it with the version that wrote it`,
    );
  }
  const config: ClusterConfig = {
    voters: big(plain.voters),
    votersOutgoing: big(plain.votersOutgoing),
    learners: big(plain.learners),
    learnersNext: big(plain.learnersNext),
    autoLeave: plain.autoLeave,
  };
  const { index, term, configIndex, featureLevel, sizeBytes, crc } = plain;
  const meta = { index, term, configIndex, config };
  return { id: BigInt(plain.id), meta, featureLevel, sizeBytes, crc };
}
