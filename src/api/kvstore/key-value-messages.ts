import { emptyBytes } from '../../base/bytes.js';
import { DeleteRequest, GetRequest, SetRequest } from '../../generated/kvstore_bytes.js';
import { decodeMessage } from '../message.js';

/*
 * The messages of `proto.KeyValueStore` that come and go by the ten thousand: bytes fields and nothing else. Read and
 * written in place; a request that holds anything else is left to the generated code.
 */

const keyTag = 0x0a;
const valueTag = 0x12;

/** @throws KvorumError INVALID_REQUEST */
export function decodeSetRequest(bytes: Uint8Array): SetRequest {
  return fieldsOf(bytes, valueTag) ?? decodeMessage(SetRequest, 'SetRequest', bytes);
}

/** @throws KvorumError INVALID_REQUEST */
export function decodeGetRequest(bytes: Uint8Array): GetRequest {
  return fieldsOf(bytes, keyTag) ?? decodeMessage(GetRequest, 'GetRequest', bytes);
}

/** @throws KvorumError INVALID_REQUEST */
export function decodeDeleteRequest(bytes: Uint8Array): DeleteRequest {
  return fieldsOf(bytes, keyTag) ?? decodeMessage(DeleteRequest, 'DeleteRequest', bytes);
}

/**
 * The fields up to `tagMax`, views into `bytes`; of a field that comes twice the last one, as protobuf has it.
 *
 * @returns undefined if the message is anything else than whole fields, each with its length in at most three bytes
 */
function fieldsOf(bytes: Uint8Array, tagMax: number): SetRequest | undefined {
  const end = bytes.length;
  let key: Uint8Array = emptyBytes;
  let value: Uint8Array = emptyBytes;
  let at = 0;
  while (at < end) {
    const tag = bytes[at++]!;
    if ((tag !== keyTag && tag !== valueTag) || tag > tagMax) return undefined;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      if (at === end || shift === 21) return undefined;
      const byte = bytes[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    if (length > end - at) return undefined;
    const field = new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
    if (tag === keyTag) key = field;
    else value = field;
    at += length;
  }
  return { key, value };
}

/** GetResponse: field 1, if it is not empty. */
export function encodeGetResponse(value: Uint8Array): Uint8Array {
  const { length } = value;
  if (length === 0) return emptyBytes;
  let headSizeBytes = 2;
  for (let rest = length; rest >= 0x80; rest >>>= 7) headSizeBytes++;
  const bytes = Buffer.allocUnsafe(headSizeBytes + length);
  bytes[0] = keyTag;
  let at = 1;
  let rest = length;
  for (; rest >= 0x80; rest >>>= 7) bytes[at++] = rest | 0x80;
  bytes[at] = rest;
  bytes.set(value, headSizeBytes);
  return bytes;
}
