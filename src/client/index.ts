export { connect, KvorumClient, type MemberReference } from './client.js';
export type { CallOptions, ClientLimits, ClientOptions, ReadOptions } from './options.js';
export { clientLimitDefaults } from './options.js';
export type { ListOptions } from './listing.js';
export type {
  ClusterMember,
  ClusterMembers,
  ConditionalResult,
  DeleteResult,
  FeatureLevelRange,
  JoinedMember,
  JoinResult,
  KeyValue,
  PeerStatus,
  ServerStatus,
  SetResult,
  TextKeyValue,
} from './results.js';
export { errorCodes, KvorumError, type ErrorCode } from '../base/errors.js';
