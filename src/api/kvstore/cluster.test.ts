import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as wire from '../../generated/kvorum.js';
import { decodeMessage, encodeMessage, type MessageType } from '../message.js';
import { failsWith } from '../testing/errors.js';
import { serveMember, type RawClient } from '../testing/served-member.js';

async function call<Request, Response>(
  client: RawClient,
  name: string,
  requestType: MessageType<Request>,
  responseType: MessageType<Response>,
  request: Request,
): Promise<Response> {
  const bytes = await client.call(`/kvorum.v1.Cluster/${name}`, encodeMessage(requestType, request));
  return decodeMessage(responseType, `${name}Response`, bytes);
}

const list = (client: RawClient): Promise<wire.MemberListResponse> =>
  call(client, 'MemberList', wire.MemberListRequest, wire.MemberListResponse, {
    serializable: false,
  });

const remove = (client: RawClient, id: bigint, name: string): Promise<wire.MemberRemoveResponse> =>
  call(client, 'MemberRemove', wire.MemberRemoveRequest, wire.MemberRemoveResponse, { id, name });

const promote = (client: RawClient, id: bigint, name: string): Promise<wire.MemberPromoteResponse> =>
  call(client, 'MemberPromote', wire.MemberPromoteRequest, wire.MemberPromoteResponse, { id, name });

const transfer = (client: RawClient, id: bigint, name: string): Promise<wire.TransferLeaderResponse> =>
  call(client, 'TransferLeader', wire.TransferLeaderRequest, wire.TransferLeaderResponse, { id, name });

const changeAddress = (client: RawClient, name: string, raftAddr: string): Promise<object> => {
  const request = { id: 0n, name, raftAddr };
  const types = [wire.MemberChangeAddressRequest, wire.MemberChangeAddressResponse] as const;
  return call(client, 'MemberChangeAddress', ...types, request);
};

const joiner = { name: 'node2', peerAddress: '127.0.0.1:60052', id: 0xffff_ffff_ffff_ffffn };

describe('kvorum.v1.Cluster', () => {
  it('lists the members', async (t) => {
    const { client, member } = await serveMember(t);
    await member.join(joiner);
    const { clusterId, members } = await list(client);
    assert.equal(clusterId, member.status().clusterId);
    assert.deepEqual(members, [
      { id: 1n, name: 'node1', raftAddr: '127.0.0.1:60051', clientAddr: '', voter: true, leader: true },
      {
        id: joiner.id,
        name: 'node2',
        raftAddr: '127.0.0.1:60052',
        clientAddr: '',
        voter: false,
        leader: false,
      },
    ]);
  });

  it('takes a member by its id or its name, and the id wins', async (t) => {
    const { client, member } = await serveMember(t);
    await member.join(joiner);
    assert.equal(
      await failsWith(remove(client, 0n, 'node3'), 'MEMBER_NOT_FOUND'),
      'no member is named "node3"',
    );
    await failsWith(remove(client, 77n, 'node2'), 'MEMBER_NOT_FOUND');
    await failsWith(remove(client, 0n, ''), 'INVALID_REQUEST');
    await failsWith(remove(client, 0n, 'node1'), 'QUORUM_WOULD_BE_LOST');
    await remove(client, 0n, 'node2');
    await member.join(joiner);
    await remove(client, joiner.id, 'node1');
    assert.equal((await list(client)).members.length, 1);
  });

  it('promotes, changes addresses and hands over the lead', async (t) => {
    const { client, member } = await serveMember(t);
    await member.join(joiner);
    await promote(client, 1n, '');
    await failsWith(promote(client, 0n, 'node2'), 'LEARNER_NOT_READY');
    await changeAddress(client, 'node2', 'localhost:60099');
    assert.equal((await list(client)).members[1]?.raftAddr, 'localhost:60099');
    await failsWith(changeAddress(client, 'node2', 'localhost'), 'INVALID_REQUEST');
    assert.deepEqual(await transfer(client, 0n, ''), { leaderId: 1n, leaderName: 'node1' });
    await failsWith(transfer(client, 0n, 'node2'), 'NOT_A_VOTER');
  });

  it('tells the status without a leader', async (t) => {
    const { client, member } = await serveMember(t);
    const ask = (): Promise<wire.StatusResponse> =>
      call(client, 'Status', wire.StatusRequest, wire.StatusResponse, {});
    const { role, leaderId, revision, name } = await ask();
    assert.deepEqual(
      { role, leaderId, revision, name },
      { role: 'leader', leaderId: 1n, revision: 1n, name: 'node1' },
    );
    member.loseLeader();
    assert.equal((await ask()).leaderId, 0n);
  });

  it('tells in the status what the machine has, and how the other members are', async (t) => {
    const { client, member } = await serveMember(t);
    await member.join(joiner);
    const request = [wire.StatusRequest, wire.StatusResponse, {}] as const;
    const told = await call(client, 'Status', ...request);
    const { diskFreeBytes, diskSizeBytes, openFiles, openFilesMax, peers } = told;
    assert.deepEqual(
      { diskFreeBytes, diskSizeBytes, openFiles, openFilesMax },
      {
        diskFreeBytes: 5_000_000_000n,
        diskSizeBytes: 20_000_000_000n,
        openFiles: 42n,
        openFilesMax: undefined,
      },
    );
    assert.deepEqual(peers, [
      {
        id: joiner.id,
        name: 'node2',
        raftAddr: '127.0.0.1:60052',
        voter: false,
        reachable: false,
        sinceMs: 1_700_000_000_000n,
        reason: 'nothing is replicated here',
        matchIndex: 0n,
        featureLevelMin: 1,
        featureLevelMax: 1,
        snapshotSentBytes: 1n,
        snapshotSizeBytes: 2n,
        snapshotFailure: 'the disk is full there',
      },
    ]);
  });
});
