import type { MemberId } from '../../src/base/ids.js';
import type { ClusterMember } from '../system/processes/cluster-member.js';
import type { ProcessCluster } from '../system/processes/process-cluster.js';
import type { Target } from './attacks/attacker.js';

/** What anybody learns who asks a client port. */
export interface ClusterView {
  readonly clusterId: bigint;
  readonly leader: ClusterMember;
  readonly idOf: (member: ClusterMember) => MemberId;
  /** The members that run, the leader first unless another one is told. */
  readonly targets: (first?: ClusterMember) => readonly [Target, ...Target[]];
}

export async function lookAt(cluster: ProcessCluster): Promise<ClusterView> {
  const client = cluster.client();
  const { clusterId, members } = await client.members();
  client.close();
  const ids = new Map(members.map(({ raftAddress, id }) => [raftAddress, id]));
  const leader = cluster.member(members.find((member) => member.leader)!.name);
  const idOf: ClusterView['idOf'] = ({ raftAddress }) => ids.get(raftAddress)!;
  const targetOf = (member: ClusterMember): Target => {
    return { grpc: member.endpoint, raft: member.raftAddress, id: String(idOf(member)) };
  };
  const targets: ClusterView['targets'] = (first = leader) => {
    const others = cluster.members.filter((member) => member !== first && ids.has(member.raftAddress));
    return [targetOf(first), ...others.map(targetOf)];
  };
  return { clusterId, leader, idOf, targets };
}
