/** `kvorum/grpc-server`: a gRPC server on HTTP/2 of its own. */
export type { Completion } from '../base/completion.js';
export { KvorumError, type ErrorCode } from '../base/errors.js';
export { silentLog, type Log } from '../base/log.js';
export { Metadata, type MetadataValue, type ReadonlyMetadata } from '../base/metadata.js';
export {
  bidiStream,
  clientStream,
  reserved,
  serverStream,
  unary,
  type BoundMethod,
  type BoundStreamMethod,
  type BoundUnaryMethod,
  type CallContext,
  type ResponseWriter,
  type Service,
} from '../base/rpc.js';
export { StatusError, statusCodes, type CallStatus, type StatusName } from '../base/status.js';
export type { Http2Limits } from './http2/limits.js';
export type { Rate } from './http2/rate-limiter.js';
export { grpcLimitDefaults, type GrpcLimits } from './limits.js';
export { GrpcServer, type GrpcServerOptions, type GrpcServerStats } from './server.js';
