import { KvorumError } from '../base/errors.js';
import type { ReadonlyMetadata } from '../base/metadata.js';
import { StatusError, statusCodes, type CallStatus } from '../base/status.js';
import { metadataFields, toBase64 } from './metadata-fields.js';

/** Frozen lists are sent as remembered bytes. */
export const responseFields = Object.freeze([':status', '200', 'content-type', 'application/grpc']);
export const okTrailers = Object.freeze(['grpc-status', '0']);

/** What ends a call. */
export function trailerFields(status: CallStatus, metadata: ReadonlyMetadata | undefined): readonly string[] {
  if (status.status === 'OK' && metadata === undefined) return okTrailers;
  const fields = ['grpc-status', String(statusCodes[status.status])];
  if (status.message !== '') fields.push('grpc-message', percentEncode(status.message));
  if (status.details !== undefined) fields.push('grpc-status-details-bin', toBase64(status.details));
  if (metadata !== undefined) metadataFields(metadata, fields);
  return fields;
}

export const okStatus: CallStatus = { status: 'OK', message: '' };

/** The status for what a handler threw; undefined for an error that is a bug. */
export function statusOfError(error: unknown): CallStatus | undefined {
  if (error instanceof StatusError) return error;
  if (error instanceof KvorumError) return { status: error.grpcStatus, message: error.message };
  return undefined;
}

const plain = /^[\x20-\x24\x26-\x7e]*$/;

/** gRPC over HTTP/2, "Status-Message": UTF-8, every byte percent-encoded but printable ASCII without "%". */
export function percentEncode(message: string): string {
  if (plain.test(message)) return message;
  let encoded = '';
  for (const byte of Buffer.from(message, 'utf8')) {
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    encoded += isPlain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}
