import { checkReachable } from '../../base/address.js';
import { echoed } from '../../base/echo.js';
import { KvorumError } from '../../base/errors.js';
import { formatId, noMember, type MemberId } from '../../base/ids.js';
import { reserved, unary, type BoundUnaryMethod, type CallContext, type Service } from '../../base/rpc.js';
import * as wire from '../../generated/kvorum.js';
import { beforeWrite } from '../../member/proposals.js';
import type { Member, PeerStatus } from '../../member/types.js';
import type { HostStatus } from '../host-status.js';
import { decodeMessage, encodeMessage } from '../message.js';
import { expectResult, toRevision } from './rules.js';

/**
 * `kvorum.v1.Cluster`: what operators need.
 *
 * @param host what the member has of its machine
 */
export function cluster(member: Member, host: () => HostStatus): Service {
  return {
    name: 'kvorum.v1.Cluster',
    methods: [
      memberList(member),
      memberRemove(member),
      memberPromote(member),
      memberChangeAddress(member),
      transferLeader(member),
      compact(member),
      status(member, host),
    ].map(reserved),
  };
}

/** Of a change. A member is named by its id or its name; the id wins. */
async function resolveMember(
  member: Member,
  target: { readonly id: bigint; readonly name: string },
  context: CallContext,
): Promise<MemberId> {
  if (target.id !== noMember) return target.id;
  if (target.name === '') {
    throw new KvorumError('INVALID_REQUEST', 'id or name must say which member is meant');
  }
  const members = await member.members(context).catch((error: unknown) => {
    throw beforeWrite(error);
  });
  const found = members.find(({ name }) => name === target.name);
  if (found === undefined) {
    const name = JSON.stringify(echoed(target.name));
    throw new KvorumError('MEMBER_NOT_FOUND', `no member is named ${name}`);
  }
  return found.id;
}

function memberList(member: Member): BoundUnaryMethod {
  return unary<wire.MemberListRequest, wire.MemberListResponse>({
    kind: 'unary',
    name: 'MemberList',
    decodeRequest: (bytes) => decodeMessage(wire.MemberListRequest, 'MemberListRequest', bytes),
    encodeResponse: (response) => encodeMessage(wire.MemberListResponse, response),
    async handle({ serializable }, { signal, timeoutMs }) {
      const views = await member.members({ signal, timeoutMs, serializable });
      const members = views.map((view) => ({
        id: view.id,
        name: view.name,
        raftAddr: view.peerAddress,
        clientAddr: view.clientAddress,
        voter: view.voter,
        leader: view.leader,
      }));
      return { clusterId: member.status().clusterId, members };
    },
  });
}

function memberRemove(member: Member): BoundUnaryMethod {
  return unary<wire.MemberRemoveRequest, wire.MemberRemoveResponse>({
    kind: 'unary',
    name: 'MemberRemove',
    decodeRequest: (bytes) => decodeMessage(wire.MemberRemoveRequest, 'MemberRemoveRequest', bytes),
    encodeResponse: (response) => encodeMessage(wire.MemberRemoveResponse, response),
    async handle(request, context) {
      await member.removeMember(await resolveMember(member, request, context), context);
      return {};
    },
  });
}

function memberPromote(member: Member): BoundUnaryMethod {
  return unary<wire.MemberPromoteRequest, wire.MemberPromoteResponse>({
    kind: 'unary',
    name: 'MemberPromote',
    decodeRequest: (bytes) => decodeMessage(wire.MemberPromoteRequest, 'MemberPromoteRequest', bytes),
    encodeResponse: (response) => encodeMessage(wire.MemberPromoteResponse, response),
    async handle(request, context) {
      await member.promoteMember(await resolveMember(member, request, context), context);
      return {};
    },
  });
}

function memberChangeAddress(member: Member): BoundUnaryMethod {
  return unary<wire.MemberChangeAddressRequest, wire.MemberChangeAddressResponse>({
    kind: 'unary',
    name: 'MemberChangeAddress',
    decodeRequest: (bytes) =>
      decodeMessage(wire.MemberChangeAddressRequest, 'MemberChangeAddressRequest', bytes),
    encodeResponse: (response) => encodeMessage(wire.MemberChangeAddressResponse, response),
    async handle(request, context) {
      checkReachable('raft_addr', request.raftAddr);
      const id = await resolveMember(member, request, context);
      await member.changeMemberAddress(id, request.raftAddr, context);
      return {};
    },
  });
}

function transferLeader(member: Member): BoundUnaryMethod {
  return unary<wire.TransferLeaderRequest, wire.TransferLeaderResponse>({
    kind: 'unary',
    name: 'TransferLeader',
    decodeRequest: (bytes) => decodeMessage(wire.TransferLeaderRequest, 'TransferLeaderRequest', bytes),
    encodeResponse: (response) => encodeMessage(wire.TransferLeaderResponse, response),
    async handle(request, context) {
      const anyone = request.id === noMember && request.name === '';
      const target = anyone ? noMember : await resolveMember(member, request, context);
      const leaderId = await member.transferLeadership(target, context);
      const leader = (await member.members(context)).find(({ id }) => id === leaderId);
      return { leaderId, leaderName: leader?.name ?? formatId(leaderId) };
    },
  });
}

function compact(member: Member): BoundUnaryMethod {
  return unary<wire.CompactRequest, wire.CompactResponse>({
    kind: 'unary',
    name: 'Compact',
    decodeRequest: (bytes) => decodeMessage(wire.CompactRequest, 'CompactRequest', bytes),
    encodeResponse: (response) => encodeMessage(wire.CompactResponse, response),
    async handle(request, context) {
      const asked = toRevision(request.revision);
      if (asked === 0) await member.readBarrier(context);
      const revision = asked === 0 ? member.status().revision : asked;
      const result = await member.write({ type: 'compact', revision }, context);
      // Where nothing was written since, all that was asked for is done.
      const isDone = asked === 0 && result.type === 'refused' && result.code === 'REVISION_COMPACTED';
      if (!isDone) expectResult('compact', result);
      return { compactRevision: BigInt(isDone ? member.status().compactRevision : revision) };
    },
  });
}

function status(member: Member, host: () => HostStatus): BoundUnaryMethod {
  return unary<wire.StatusRequest, wire.StatusResponse>({
    kind: 'unary',
    name: 'Status',
    decodeRequest: (bytes) => decodeMessage(wire.StatusRequest, 'StatusRequest', bytes),
    encodeResponse: (response) => encodeMessage(wire.StatusResponse, response),
    handle() {
      const now = member.status();
      const { diskFreeBytes, diskSizeBytes, openFiles, openFilesMax } = host();
      return Promise.resolve({
        clusterId: now.clusterId,
        id: now.id,
        name: now.name,
        version: now.version,
        role: now.learner ? 'learner' : now.role,
        leaderId: now.leader,
        term: BigInt(now.term),
        lastIndex: BigInt(now.lastIndex),
        commitIndex: BigInt(now.commitIndex),
        appliedIndex: BigInt(now.appliedIndex),
        flushedIndex: BigInt(now.flushedIndex),
        revision: BigInt(now.revision),
        compactRevision: BigInt(now.compactRevision),
        databaseSizeBytes: BigInt(now.databaseSizeBytes),
        logSizeBytes: BigInt(now.logSizeBytes),
        peers: member.peers().map(peerStatus),
        diskFreeBytes: whole(diskFreeBytes),
        diskSizeBytes: whole(diskSizeBytes),
        openFiles: whole(openFiles),
        openFilesMax: whole(openFilesMax),
        featureLevel: now.featureLevel,
        featureLevelMin: now.levels.min,
        featureLevelMax: now.levels.max,
      });
    },
  });
}

function peerStatus({
  id,
  name,
  peerAddress,
  voter,
  levels,
  reach,
  matchIndex,
  snapshot,
  snapshotFailure,
}: PeerStatus): wire.PeerStatus {
  return {
    ...{ id, name, voter },
    raftAddr: peerAddress,
    reachable: reach?.reachable,
    sinceMs: BigInt(Math.round(reach?.sinceMs ?? 0)),
    reason: reach?.reason ?? '',
    matchIndex: whole(matchIndex),
    featureLevelMin: levels.min,
    featureLevelMax: levels.max,
    snapshotSentBytes: whole(snapshot?.doneBytes),
    snapshotSizeBytes: whole(snapshot?.sizeBytesEstimated),
    snapshotFailure,
  };
}

function whole(value: number | undefined): bigint | undefined {
  return value === undefined ? undefined : BigInt(value);
}
