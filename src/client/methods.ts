import * as kvorum from '../generated/kvorum.js';
import { JoinRequest, JoinResponse } from '../generated/kvstore.js';
import type { UnaryMethod } from './unary-calls.js';

export { callUnary } from './unary-calls.js';

export const memberList: UnaryMethod<kvorum.MemberListRequest, kvorum.MemberListResponse> = {
  path: '/kvorum.v1.Cluster/MemberList',
  request: kvorum.MemberListRequest,
  response: kvorum.MemberListResponse,
  isWrite: false,
};

export const memberRemove: UnaryMethod<kvorum.MemberRemoveRequest, kvorum.MemberRemoveResponse> = {
  path: '/kvorum.v1.Cluster/MemberRemove',
  request: kvorum.MemberRemoveRequest,
  response: kvorum.MemberRemoveResponse,
  isWrite: true,
};

export const memberPromote: UnaryMethod<kvorum.MemberPromoteRequest, kvorum.MemberPromoteResponse> = {
  path: '/kvorum.v1.Cluster/MemberPromote',
  request: kvorum.MemberPromoteRequest,
  response: kvorum.MemberPromoteResponse,
  isWrite: true,
};

export const memberChangeAddress: UnaryMethod<
  kvorum.MemberChangeAddressRequest,
  kvorum.MemberChangeAddressResponse
> = {
  path: '/kvorum.v1.Cluster/MemberChangeAddress',
  request: kvorum.MemberChangeAddressRequest,
  response: kvorum.MemberChangeAddressResponse,
  isWrite: true,
};

export const transferLeader: UnaryMethod<kvorum.TransferLeaderRequest, kvorum.TransferLeaderResponse> = {
  path: '/kvorum.v1.Cluster/TransferLeader',
  request: kvorum.TransferLeaderRequest,
  response: kvorum.TransferLeaderResponse,
  isWrite: true,
};

export const compact: UnaryMethod<kvorum.CompactRequest, kvorum.CompactResponse> = {
  path: '/kvorum.v1.Cluster/Compact',
  request: kvorum.CompactRequest,
  response: kvorum.CompactResponse,
  isWrite: true,
};

export const status: UnaryMethod<kvorum.StatusRequest, kvorum.StatusResponse> = {
  path: '/kvorum.v1.Cluster/Status',
  request: kvorum.StatusRequest,
  response: kvorum.StatusResponse,
  isWrite: false,
};

export const range: UnaryMethod<kvorum.RangeRequest, kvorum.RangeResponse> = {
  path: '/kvorum.v1.Store/Range',
  request: kvorum.RangeRequest,
  response: kvorum.RangeResponse,
  isWrite: false,
};

export const join: UnaryMethod<JoinRequest, JoinResponse> = {
  path: '/proto.KeyValueStore/Join',
  request: JoinRequest,
  response: JoinResponse,
  isWrite: true,
};
