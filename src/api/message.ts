import { BinaryReader, type BinaryWriter } from '@bufbuild/protobuf/wire';
import { KvorumError } from '../base/errors.js';

/** What ts-proto generates for a message type. */
export interface MessageType<T> {
  encode(message: T): BinaryWriter;
  decode(input: BinaryReader): T;
}

/**
 * Bytes fields are views into `bytes`.
 *
 * @throws KvorumError INVALID_REQUEST on bytes that are no such message
 */
export function decodeMessage<T>(type: MessageType<T>, name: string, bytes: Uint8Array): T {
  const reader = new BinaryReader(bytes);
  let cause: unknown;
  try {
    const message = type.decode(reader);
    // The generated code stops at tag 0 and at an end-of-group without a group.
    if (reader.pos === reader.len) return message;
  } catch (error) {
    cause = error;
  }
  throw new KvorumError('INVALID_REQUEST', `the request's bytes are no ${name} message`, { cause });
}

export function encodeMessage<T>(type: MessageType<T>, message: T): Uint8Array {
  return type.encode(message).finish();
}
