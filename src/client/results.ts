import type { MemberInfo, Pair, StatusResponse } from '../generated/kvorum.js';

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
  readonly compactRevision: number;
  readonly databaseSizeBytes: number;
  readonly logSizeBytes: number;
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
}

export function toKeyValue(pair: Pair): KeyValue {
  return {
    key: pair.key,
    value: pair.value,
    createRevision: Number(pair.createRevision),
    modRevision: Number(pair.modRevision),
    version: Number(pair.version),
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
    term: Number(told.term),
    lastIndex: Number(told.lastIndex),
    commitIndex: Number(told.commitIndex),
    appliedIndex: Number(told.appliedIndex),
    flushedIndex: Number(told.flushedIndex),
    revision: Number(told.revision),
    compactRevision: Number(told.compactRevision),
    databaseSizeBytes: Number(told.databaseSizeBytes),
    logSizeBytes: Number(told.logSizeBytes),
  };
}
