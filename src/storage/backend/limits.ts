import { assert } from '../../base/assert.js';
import { keySizeBytesMax, valueSizeBytesMax } from '../../ports/backend.js';

/** The state machine keeps to the port's limits: anything else is a bug in it. */
export function checkPair(key: Uint8Array, value: Uint8Array | undefined): void {
  assert(key.length >= 1 && key.length <= keySizeBytesMax, `backend key of ${key.length} bytes`);
  assert((value?.length ?? 0) <= valueSizeBytesMax, `backend value of ${value?.length ?? 0} bytes`);
}
