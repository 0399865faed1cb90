import { KvorumError } from '../base/errors.js';
import type { MemberInfo, Pair, PeerStatus as WirePeerStatus, StatusResponse } from '../generated/kvorum.js';

/** A key with its value at some revision. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Revision of the write that made the key. */
  readonly createRevision: number;
  /** Revision of the last write. */
  readonly modRevision: number;
  /** Writes since the key was made; 1 for the first. */
  readonly version: number;
}

/** As KeyValue, as text. */
export interface TextKeyValue extends Omit<KeyValue, 'key' | 'value'> {
  readonly key: string;
  readonly value: string;
}

export interface SetResult {
  /** Of the store, made by this write. */
  readonly revision: number;
}

export interface DeleteResult {
  /** Of the store after the call. */
  readonly revision: number;
  /** Whether there was such a key. */
  readonly deleted: boolean;
}

/** What became of a write with a condition. */
export interface ConditionalResult {
  /** Whether the key's mod revision was the expected one. If not, nothing was changed. */
  readonly succeeded: boolean;
  /** Of the store after the call. */
  readonly revision: number;
  /** Of the key after the call, to expect next time; 0: there is no such key. */
  readonly modRevision: number;
}

export interface ClusterMember {
  readonly id: bigint;
  readonly name: string;
  /** `host:port` of the port for the other members. */
  readonly raftAddress: string;
  /** `host:port` for clients; empty until the member has made it known. */
  readonly clientAddress: string;
  /** False: a learner. */
  readonly voter: boolean;
  readonly leader: boolean;
}

export interface ClusterMembers {
  readonly clusterId: bigint;
  readonly members: readonly ClusterMember[];
}

/** The formats of a cluster that a version of Kvorum can live with. */
export interface FeatureLevelRange {
  readonly min: number;
  readonly max: number;
}

export interface ServerStatus {
  /** The endpoint that was asked. */
  readonly endpoint: string;
  readonly clusterId: bigint;
  readonly id: bigint;
  readonly name: string;
  readonly version: string;
  /** `follower`, `pre-candidate`, `candidate`, `leader` or `learner`. */
  readonly role: string;
  /** 0n: unknown. */
  readonly leaderId: bigint;
  readonly term: number;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly flushedIndex: number;
  readonly revision: number;
  /** The oldest revision that can be read; -1: nothing was compacted yet. */
  readonly compactRevision: number;
  readonly databaseSizeBytes: number;
  readonly logSizeBytes: number;
  /** The other members, as this one's own state knows them; none from a server that is older than this field. */
  readonly peers: readonly PeerStatus[];
  /** Of the file system that holds the data folder. Undefined, like the next: the server cannot tell. */
  readonly diskFreeBytes: number | undefined;
  readonly diskSizeBytes: number | undefined;
  /** File descriptors of the server's process. */
  readonly openFiles: number | undefined;
  readonly openFilesMax: number | undefined;
  /** Of the cluster: which formats it writes. Undefined, like the next: a server of a version without levels. */
  readonly featureLevel: number | undefined;
  /** What this member can live with, as far as its operator lets it. */
  readonly featureLevels: FeatureLevelRange | undefined;
}

/** What a server knows of another one. */
export interface PeerStatus {
  readonly id: bigint;
  readonly name: string;
  readonly raftAddress: string;
  readonly voter: boolean;
  /** Whether messages reach it; undefined: not known yet. */
  readonly reachable: boolean | undefined;
  /** Since when, in milliseconds since 1970; 0: not known. */
  readonly sinceMs: number;
  /** Why it is not reachable; else empty. */
  readonly reason: string;
  /** The newest entry that is known to be in its log; undefined where the server does not lead. */
  readonly matchIndex: number | undefined;
  /** As it has made known. */
  readonly featureLevels: FeatureLevelRange | undefined;
  /** Of the snapshot that the server brings it: what was sent, of how much; undefined: none. */
  readonly snapshotSentBytes: number | undefined;
  readonly snapshotSizeBytes: number | undefined;
  /** Why nothing of it gets there; empty: it does, there is none, or the server's version does not say. */
  readonly snapshotFailure: string;
}

export interface JoinedMember {
  readonly id: bigint;
  readonly name: string;
  readonly raftAddress: string;
  readonly clientAddress: string;
}

export interface JoinResult {
  readonly clusterId: bigint;
  /** The new member's. */
  readonly memberId: bigint;
  readonly members: readonly JoinedMember[];
  /** What members prove to each other that they know: to be kept as a password is. Empty where there is none. */
  readonly secret: Uint8Array;
}

const safeMax = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Revisions, indexes and sizes are of 53 bits. Another number was not made by a member, and would lose digits.
 *
 * @throws KvorumError INTERNAL
 */
export function toSafeNumber(field: string, told: bigint): number {
  if (told >= 0n && told <= safeMax) return Number(told);
  throw new KvorumError('INTERNAL', `the server's answer cannot be right: ${field} is ${told}`);
}

export function toKeyValue(pair: Pair): KeyValue {
  return {
    key: pair.key,
    value: pair.value,
    createRevision: toSafeNumber('createRevision', pair.createRevision),
    modRevision: toSafeNumber('modRevision', pair.modRevision),
    version: toSafeNumber('version', pair.version),
  };
}

export function toClusterMember(info: MemberInfo): ClusterMember {
  const { id, name, raftAddr, clientAddr, voter, leader } = info;
  return { id, name, raftAddress: raftAddr, clientAddress: clientAddr, voter, leader };
}

export function toServerStatus(endpoint: string, told: StatusResponse): ServerStatus {
  return {
    endpoint,
    clusterId: told.clusterId,
    id: told.id,
    name: told.name,
    version: told.version,
    role: told.role,
    leaderId: told.leaderId,
    term: toSafeNumber('term', told.term),
    lastIndex: toSafeNumber('lastIndex', told.lastIndex),
    commitIndex: toSafeNumber('commitIndex', told.commitIndex),
    appliedIndex: toSafeNumber('appliedIndex', told.appliedIndex),
    flushedIndex: toSafeNumber('flushedIndex', told.flushedIndex),
    revision: toSafeNumber('revision', told.revision),
    compactRevision:
      told.compactRevision === -1n ? -1 : toSafeNumber('compactRevision', told.compactRevision),
    databaseSizeBytes: toSafeNumber('databaseSizeBytes', told.databaseSizeBytes),
    logSizeBytes: toSafeNumber('logSizeBytes', told.logSizeBytes),
    peers: told.peers.map(toPeerStatus),
    diskFreeBytes: optional('diskFreeBytes', told.diskFreeBytes),
    diskSizeBytes: optional('diskSizeBytes', told.diskSizeBytes),
    openFiles: optional('openFiles', told.openFiles),
    openFilesMax: optional('openFilesMax', told.openFilesMax),
    featureLevel: told.featureLevel === 0 ? undefined : told.featureLevel,
    featureLevels: toLevels(told),
  };
}

function toPeerStatus(told: WirePeerStatus): PeerStatus {
  const { id, name, raftAddr, voter, reachable, reason, snapshotFailure } = told;
  return {
    ...{ id, name, voter, reachable, reason, snapshotFailure },
    raftAddress: raftAddr,
    sinceMs: toSafeNumber('sinceMs', told.sinceMs),
    matchIndex: optional('matchIndex', told.matchIndex),
    featureLevels: toLevels(told),
    snapshotSentBytes: optional('snapshotSentBytes', told.snapshotSentBytes),
    snapshotSizeBytes: optional('snapshotSizeBytes', told.snapshotSizeBytes),
  };
}

function toLevels(told: {
  readonly featureLevelMin: number;
  readonly featureLevelMax: number;
}): FeatureLevelRange | undefined {
  const { featureLevelMin: min, featureLevelMax: max } = told;
  return max === 0 ? undefined : { min, max };
}

function optional(field: string, told: bigint | undefined): number | undefined {
  return told === undefined ? undefined : toSafeNumber(field, told);
}
