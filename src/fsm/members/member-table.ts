import { assert } from '../../base/assert.js';
import { concatBytes, encodeUtf8 } from '../../base/bytes.js';
import {
  firstLevel,
  knowsLevel,
  requireKnown,
  type FeatureLevel,
  type LevelRange,
} from '../../base/feature-levels.js';
import type { ClusterId, Index, MemberId } from '../../base/ids.js';
import { ByteReader, ByteWriter } from '../../base/byte-stream.js';
import type { Backend } from '../../ports/backend.js';
import { applyConfigChange, decodeConfigChange, emptyConfig } from '../../raft/config-change.js';
import type { ClusterConfig, ConfigChange } from '../../raft/types.js';
import type { MemberRecord } from './membership.js';
import {
  decodeConfig,
  decodeMember,
  decodeMembershipUpdate,
  encodeConfig,
  encodeMember,
} from './membership-codec.js';

const configKey = encodeUtf8('config');
const clusterKey = encodeUtf8('cluster');
const featureLevelKey = encodeUtf8('feature-level');
const memberPrefix = encodeUtf8('member/');
const memberEnd = encodeUtf8('member0');
const removedPrefix = encodeUtf8('removed/');
const removedEnd = encodeUtf8('removed0');

/** Who is in the cluster, as of the applied index: the table that rides on the configuration changes. */
export class MemberTable {
  readonly #backend: Backend;
  /** By this version of Kvorum. */
  readonly #known: LevelRange;
  #featureLevel: FeatureLevel = firstLevel;
  #members: MemberRecord[] = [];
  #removed = new Set<MemberId>();
  #config: ClusterConfig = emptyConfig;
  #configIndex: Index = 0;
  #clusterId: ClusterId = 0n;

  /** @throws KvorumError VERSION_MISMATCH */
  constructor(backend: Backend, known: LevelRange) {
    this.#backend = backend;
    this.#known = known;
    this.reload();
  }

  /** @throws KvorumError VERSION_MISMATCH: nothing else of the state may be read */
  reload(): void {
    this.#featureLevel = featureLevelIn(this.#backend);
    requireKnown(this.#known, this.#featureLevel, 'this version of Kvorum');
    const config = this.#backend.get('meta', configKey);
    this.#config = emptyConfig;
    this.#configIndex = 0;
    if (config !== undefined) {
      const reader = new ByteReader(config);
      this.#configIndex = reader.varint();
      this.#config = decodeConfig(reader.bytes());
    }
    const cluster = this.#backend.get('meta', clusterKey);
    this.#clusterId = cluster === undefined ? 0n : new ByteReader(cluster).uint64();
    const members = this.#backend.range('meta', { start: memberPrefix, end: memberEnd });
    // The rows are in the order of their bytes, which is another.
    this.#members = inOrder([...members].map((row) => decodeMember(row.value)));
    const removed = this.#backend.range('meta', { start: removedPrefix, end: removedEnd });
    this.#removed = new Set(
      [...removed].map((row) => new ByteReader(row.key, removedPrefix.length).uint64()),
    );
  }

  get config(): ClusterConfig {
    return this.#config;
  }

  get configIndex(): Index {
    return this.#configIndex;
  }

  get clusterId(): ClusterId {
    return this.#clusterId;
  }

  /** What may be written is what this level and those below it have. */
  get featureLevel(): FeatureLevel {
    return this.#featureLevel;
  }

  get members(): readonly MemberRecord[] {
    return this.#members;
  }

  /** Never admitted again. */
  get removed(): ReadonlySet<MemberId> {
    return this.#removed;
  }

  initialise(initial: {
    readonly clusterId: ClusterId;
    readonly config: ClusterConfig;
    readonly members: readonly MemberRecord[];
    readonly featureLevel: FeatureLevel;
  }): void {
    this.#setClusterId(initial.clusterId);
    this.#setFeatureLevel(initial.featureLevel);
    this.#setConfig(initial.config, 0);
    for (const member of initial.members) this.#put(member);
  }

  /**
   * A cluster of `sole` alone goes on from here, as another one. Whoever else was a member never comes back: neither
   * into this cluster, nor with the id that they had.
   */
  refound(clusterId: ClusterId, sole: MemberId, index: Index): void {
    const record = this.find(sole);
    assert(record !== undefined, 'only a member goes on');
    for (const { id } of this.#members) if (id !== sole) this.#remove(id);
    this.update({ ...record, promoteWhenReady: false });
    this.#setClusterId(clusterId);
    this.#setConfig({ ...emptyConfig, voters: [sole] }, index);
  }

  /** A configuration entry. @throws if it does not fit: Raft has checked it before */
  applyConfigEntry(index: Index, data: Uint8Array): void {
    const change = this.applyConfiguration(index, data);
    if (change.context.length === 0) return;
    const update = decodeMembershipUpdate(change.context);
    switch (update.type) {
      case 'add':
        assert(!this.#removed.has(update.record.id), 'a removed member is never admitted again');
        this.#put(update.record);
        return;
      case 'promote': {
        const member = this.find(update.id);
        if (member !== undefined) this.#put({ ...member, promoteWhenReady: false });
        return;
      }
      case 'remove':
        this.#remove(update.id);
    }
  }

  /**
   * Raises the level if every member knows the new one as of this entry: whoever proposed it may have seen others. One
   * that joins behind it is refused, or ends by itself.
   *
   * @returns the level as it is then
   * @throws KvorumError VERSION_MISMATCH: it is raised, and this version does not know it; nothing has changed
   */
  raiseLevel(level: FeatureLevel): FeatureLevel {
    if (level <= this.#featureLevel || !this.#isKnownToAll(level)) return this.#featureLevel;
    requireKnown(this.#known, level, 'this version of Kvorum');
    this.#setFeatureLevel(level);
    return level;
  }

  #isKnownToAll(level: FeatureLevel): boolean {
    return this.#members.every(({ levels }) => knowsLevel(levels, level));
  }

  /** Of a configuration entry what Raft knows of it, without the member table. */
  applyConfiguration(index: Index, data: Uint8Array): ConfigChange {
    const change = decodeConfigChange(data);
    this.#setConfig(applyConfigChange(this.#config, change), index);
    return change;
  }

  find(id: MemberId): MemberRecord | undefined {
    return this.#members.find((each) => each.id === id);
  }

  /** Replaces the record of a member that is there. */
  update(record: MemberRecord): void {
    assert(this.find(record.id) !== undefined, 'only a member that is there changes its record');
    this.#put(record);
  }

  #put(record: MemberRecord): void {
    this.#members = inOrder([...this.#members.filter((each) => each.id !== record.id), record]);
    this.#backend.put('meta', idKey(memberPrefix, record.id), encodeMember(record));
  }

  #remove(id: MemberId): void {
    this.#members = this.#members.filter((each) => each.id !== id);
    this.#backend.delete('meta', idKey(memberPrefix, id));
    this.#removed.add(id);
    this.#backend.put('meta', idKey(removedPrefix, id), new Uint8Array(0));
  }

  #setClusterId(clusterId: ClusterId): void {
    this.#clusterId = clusterId;
    this.#backend.put('meta', clusterKey, new ByteWriter(8).uint64(clusterId).finish());
  }

  #setFeatureLevel(level: FeatureLevel): void {
    this.#featureLevel = level;
    this.#backend.put('meta', featureLevelKey, new ByteWriter(4).varint(level).finish());
  }

  #setConfig(config: ClusterConfig, index: Index): void {
    this.#config = config;
    this.#configIndex = index;
    const row = new ByteWriter(64).varint(index).bytes(encodeConfig(config)).finish();
    this.#backend.put('meta', configKey, row);
  }
}

function inOrder(members: MemberRecord[]): MemberRecord[] {
  return members.sort((left, right) => (left.id < right.id ? -1 : 1));
}

/** Of the state that the backend holds: the one row that every version can read. */
export function featureLevelIn(backend: Pick<Backend, 'get'>): FeatureLevel {
  const row = backend.get('meta', featureLevelKey);
  return row === undefined ? firstLevel : new ByteReader(row).varint();
}

function idKey(prefix: Uint8Array, id: MemberId): Uint8Array {
  return concatBytes([prefix, new ByteWriter(8).uint64(id).finish()]);
}
