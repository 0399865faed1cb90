import { isUtf8 } from 'node:buffer';
import { KvorumError, pastLimit, type ErrorCode } from '../../base/errors.js';
import type { CommandResult } from '../../fsm/command.js';
import type { ApiLimits } from '../limits.js';

/** @throws KvorumError INVALID_KEY */
export function checkKey(field: string, key: Uint8Array, limits: ApiLimits): void {
  if (key.length === 0) throw new KvorumError('INVALID_KEY', `${field} is empty`);
  if (key.length > limits.keySizeBytesMax) {
    throw tooLong('INVALID_KEY', field, key, 'keySizeBytesMax', limits.keySizeBytesMax);
  }
}

/** @throws KvorumError INVALID_VALUE */
export function checkValue(field: string, value: Uint8Array, limits: ApiLimits): void {
  if (value.length > limits.valueSizeBytesMax) {
    throw tooLong('INVALID_VALUE', field, value, 'valueSizeBytesMax', limits.valueSizeBytesMax);
  }
}

/** @throws KvorumError with `code` when the bytes of a protobuf `string` are none */
export function checkUtf8(code: ErrorCode, field: string, bytes: Uint8Array): void {
  if (!isUtf8(bytes)) throw new KvorumError(code, `${field} is not valid UTF-8`);
}

function tooLong(
  code: ErrorCode,
  field: string,
  bytes: Uint8Array,
  name: string,
  limit: number,
): KvorumError {
  return pastLimit(code, `${field} is ${bytes.length} bytes long`, limit, name);
}

/** @throws KvorumError INVALID_REQUEST, REVISION_IN_FUTURE */
export function toRevision(revision: bigint): number {
  if (revision < 0n) throw new KvorumError('INVALID_REQUEST', `revision is negative: ${revision}`);
  if (revision > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new KvorumError('REVISION_IN_FUTURE', `revision ${revision} has not been written yet`);
  }
  return Number(revision);
}

/** Narrows a result to what the command's kind must answer. @throws KvorumError if it was refused */
export function expectResult<Type extends CommandResult['type']>(
  type: Type,
  result: CommandResult | undefined,
): Extract<CommandResult, { type: Type }> {
  if (result?.type === 'refused') throw new KvorumError(result.code, result.message);
  if (result?.type !== type) throw new Error(`a ${type} was answered by ${result?.type ?? 'nothing'}`);
  return result as Extract<CommandResult, { type: Type }>;
}
