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

/** Of `grpc-message` as it travels: clients limit the headers of an answer to 8 or 16 KiB, all of them together. */
export const statusMessageSizeBytesMax = 4096;

const plain = /^[\x20-\x24\x26-\x7e]*$/;
const ellipsis = '...';
const hexDigits = Buffer.from('0123456789ABCDEF', 'latin1');

/**
 * gRPC over HTTP/2, "Status-Message": UTF-8, every byte percent-encoded but printable ASCII without "%". What would be
 * longer than `statusMessageSizeBytesMax` is cut between two characters.
 */
export function percentEncode(message: string): string {
  if (message.length <= statusMessageSizeBytesMax && plain.test(message)) return message;
  // No character takes less than a byte.
  const bytes = Buffer.from(message.slice(0, statusMessageSizeBytesMax + 1), 'utf8');
  const encoded = Buffer.allocUnsafe(statusMessageSizeBytesMax);
  let length = 0;
  /** Of the whole characters behind which an ellipsis still has room. */
  let shortLength = 0;
  for (const byte of bytes) {
    const isCharacterStart = (byte & 0xc0) !== 0x80;
    if (isCharacterStart && length <= statusMessageSizeBytesMax - ellipsis.length) shortLength = length;
    const isPlain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    if (length + (isPlain ? 1 : 3) > statusMessageSizeBytesMax) {
      return encoded.toString('latin1', 0, shortLength) + ellipsis;
    }
    if (isPlain) encoded[length++] = byte;
    else {
      encoded[length++] = 0x25;
      encoded[length++] = hexDigits[byte >>> 4]!;
      encoded[length++] = hexDigits[byte & 0xf]!;
    }
  }
  return encoded.toString('latin1', 0, length);
}
