import type { MemberId } from '../base/ids.js';
import { formatId, noMember } from '../base/ids.js';
import { ByteReader, ByteWriter, MalformedBytesError } from '../base/byte-stream.js';
import type { ClusterConfig, ConfigChange, ConfigChangeKind } from './types.js';

/** Members of one cluster, learners included. */
export const clusterMembersMax = 64;
/** Changes in one ConfigChange. */
export const configChangesMax = 2 * clusterMembersMax;

/** The change makes no sense for the configuration it is applied to. */
export class InvalidConfigChangeError extends Error {
  override readonly name = 'InvalidConfigChangeError';
}

/** What a member that waits to be told about its cluster starts with. */
export const emptyConfig: ClusterConfig = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** A configuration of voters alone. */
export function votersConfig(voters: readonly MemberId[]): ClusterConfig {
  return { ...emptyConfig, voters: sorted(new Set(voters)) };
}

export function isJoint(config: ClusterConfig): boolean {
  return config.votersOutgoing.length > 0;
}

/** Counted in either half. */
export function isVoter(config: ClusterConfig, id: MemberId): boolean {
  return config.voters.includes(id) || config.votersOutgoing.includes(id);
}

export function isLearner(config: ClusterConfig, id: MemberId): boolean {
  return config.learners.includes(id);
}

export function isMember(config: ClusterConfig, id: MemberId): boolean {
  return isVoter(config, id) || isLearner(config, id);
}

/** Everyone that the log is replicated to, each once, ascending. */
export function memberIds(config: ClusterConfig): MemberId[] {
  return sorted(new Set([...config.voters, ...config.votersOutgoing, ...config.learners]));
}

/**
 * The configuration after `change`. One change is simple and alters at most one voter (thesis 4.1); several
 * make a joint configuration that the leader leaves by itself (thesis 4.3); none leave a joint configuration.
 * @throws InvalidConfigChangeError
 */
export function applyConfigChange(config: ClusterConfig, change: ConfigChange): ClusterConfig {
  if (change.changes.length === 0) return leaveJoint(config);
  if (isJoint(config)) throw new InvalidConfigChangeError('the joint configuration must be left first');
  const voters = new Set(config.voters);
  const learners = new Set(config.learners);
  const touched = new Set<MemberId>();
  for (const { kind, id } of change.changes) {
    if (id === noMember) throw new InvalidConfigChangeError('a member id must not be zero');
    if (touched.has(id)) throw new InvalidConfigChangeError(`member ${formatId(id)} is changed twice`);
    touched.add(id);
    applyOne(voters, learners, kind, id);
  }
  if (voters.size === 0) throw new InvalidConfigChangeError('no voter would be left');
  if (voters.size + learners.size > clusterMembersMax) {
    throw new InvalidConfigChangeError(`a cluster has at most ${clusterMembersMax} members`);
  }
  if (change.changes.length === 1) {
    return { ...emptyConfig, voters: sorted(voters), learners: sorted(learners) };
  }
  const outgoing = new Set(config.voters);
  return {
    voters: sorted(voters),
    votersOutgoing: sorted(outgoing),
    learners: sorted([...learners].filter((id) => !outgoing.has(id))),
    learnersNext: sorted([...learners].filter((id) => outgoing.has(id))),
    autoLeave: true,
  };
}

function applyOne(
  voters: Set<MemberId>,
  learners: Set<MemberId>,
  kind: ConfigChangeKind,
  id: MemberId,
): void {
  switch (kind) {
    case 'add-voter':
      if (voters.has(id)) throw new InvalidConfigChangeError(`member ${formatId(id)} is a voter already`);
      voters.add(id);
      learners.delete(id);
      return;
    case 'add-learner':
      if (learners.has(id)) throw new InvalidConfigChangeError(`member ${formatId(id)} is a learner already`);
      voters.delete(id);
      learners.add(id);
      return;
    case 'remove':
      if (!voters.delete(id) && !learners.delete(id)) {
        throw new InvalidConfigChangeError(`member ${formatId(id)} is not in the cluster`);
      }
  }
}

function leaveJoint(config: ClusterConfig): ClusterConfig {
  if (!isJoint(config)) throw new InvalidConfigChangeError('there is no joint configuration to leave');
  return {
    ...emptyConfig,
    voters: config.voters,
    learners: sorted([...config.learners, ...config.learnersNext]),
  };
}

function sorted(ids: Iterable<MemberId>): MemberId[] {
  return [...ids].sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
}

const kinds: readonly ConfigChangeKind[] = ['add-voter', 'add-learner', 'remove'];

/** Count, then kind and id of each change, then the context to the end. */
export function encodeConfigChange(change: ConfigChange): Uint8Array {
  const writer = new ByteWriter(16 + 9 * change.changes.length + change.context.length);
  writer.varint(change.changes.length);
  for (const { kind, id } of change.changes) writer.uint8(kinds.indexOf(kind)).uint64(id);
  return writer.raw(change.context).finish();
}

/** @throws MalformedBytesError */
export function decodeConfigChange(bytes: Uint8Array): ConfigChange {
  const reader = new ByteReader(bytes);
  const count = reader.varint();
  if (count > configChangesMax) throw new MalformedBytesError(`${count} changes in one configuration change`);
  const changes: { kind: ConfigChangeKind; id: MemberId }[] = [];
  for (let at = 0; at < count; at++) {
    const kind = kinds[reader.uint8()];
    if (kind === undefined) throw new MalformedBytesError('unknown kind of configuration change');
    changes.push({ kind, id: reader.uint64() });
  }
  return { changes, context: reader.raw(reader.remaining) };
}
